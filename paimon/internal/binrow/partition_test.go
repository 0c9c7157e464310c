package binrow

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// TestPartitionsOfPaimon checks paths: testdata/partitions.jsonl holds the
// partition rows of manifests that Paimon wrote, with the directories in
// which their files were found.
func TestPartitionsOfPaimon(t *testing.T) {
	var p *Partitioner
	var table string
	tables, rows := 0, 0
	lines(t, "testdata/partitions.jsonl", func(line []byte) {
		var l struct {
			Table, Default, Row, Path string
			Modern                    bool
			Columns                   [][2]string
		}
		require.NoError(t, json.Unmarshal(line, &l))
		if l.Table != "" {
			var fields []types.Field
			for i, c := range l.Columns {
				typ, err := types.Parse(c[1])
				require.NoError(t, err)
				fields = append(fields, types.Field{ID: i, Name: c[0], Type: typ})
			}
			p, table = NewPartitioner(fields, l.Default, !l.Modern), l.Table
			tables++
			return
		}
		row, err := hex.DecodeString(l.Row)
		require.NoError(t, err)
		path, err := p.Path(row)
		require.NoError(t, err)
		require.Equal(t, l.Path, path, table)
		rows++

		// and back: the path names the row, unless blank text became the default
		spec, err := ParsePartition(l.Path)
		require.NoError(t, err)
		back, err := p.Row(spec)
		require.NoError(t, err)
		again, err := p.Path(back)
		require.NoError(t, err)
		require.Equal(t, l.Path, again)
		if spec["p"] != p.def {
			require.Equal(t, row, back, l.Path)
		}
	})
	require.Equal(t, 6, tables)
	require.Equal(t, 72, rows)
}

func TestPartitionText(t *testing.T) {
	f := func(typ, value, legacy, modern string) {
		t.Helper()
		pt, err := types.Parse(typ)
		require.NoError(t, err)
		fields := []types.Field{{Name: "p", Type: pt}}
		for text, old := range map[string]bool{legacy: true, modern: false} {
			p := NewPartitioner(fields, "", old)
			row, err := p.Row(map[string]string{"p": value})
			require.NoError(t, err)
			got, err := p.Values(row)
			require.NoError(t, err)
			require.Equal(t, []string{text}, got)
			if text != DefaultPartition {
				again, err := p.Row(map[string]string{"p": got[0]})
				require.NoError(t, err)
				require.Equal(t, row, again)
			}
		}
	}
	f("INT", "-5", "-5", "-5")
	f("BOOLEAN", "TRUE", "true", "true")
	f("STRING", " \t", DefaultPartition, DefaultPartition)
	f("STRING", "\u00a0", "\u00a0", "\u00a0")
	f("DATE", "2025-06-01", "20240", "2025-06-01")
	f("DATE", "1960-1-2", "-3652", "1960-01-02")
	f("TIME(3)", "13:05:00.120", "47100120", "13:05:00.12")
	f("TIME(0)", "13:05:07", "47107000", "13:05:07")
	f("TIMESTAMP(3)", "2025-06-01 10:00:00", "2025-06-01T10:00", "2025-06-01 10:00:00.000")
	f("TIMESTAMP(6)", "2025-06-01T10:00:05", "2025-06-01T10:00:05", "2025-06-01 10:00:05.000000")
	f("TIMESTAMP(9)", "2025-06-01 10:00:05.000001", "2025-06-01T10:00:05.000001", "2025-06-01 10:00:05.000001000")
	f("TIMESTAMP(0)", "2025-06-01", "2025-06-01T00:00", "2025-06-01 00:00:00")
	f("DECIMAL(10, 3)", "1.5", "1.500", "1.500")
	f("DECIMAL(38, 0)", "12345678901234567890123456789012345678", "12345678901234567890123456789012345678", "12345678901234567890123456789012345678")
	f("DOUBLE", "1", "1.0", "1.0")
	f("DOUBLE", "12345678", "1.2345678E7", "1.2345678E7")
	f("FLOAT", "0.0001", "1.0E-4", "1.0E-4")
	f("DOUBLE", "-Inf", "-Infinity", "-Infinity")
}

func TestPartitionErrors(t *testing.T) {
	p := NewPartitioner([]types.Field{{Name: "dt", Type: types.Of(types.Date)}, {Name: "hh", Type: types.Of(types.TinyInt)}}, "", true)
	f := func(want string, spec map[string]string) {
		t.Helper()
		_, err := p.Row(spec)
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, want)
	}
	f("hh", map[string]string{"dt": "2025-01-01"})
	f("partitioned by (dt, hh)", map[string]string{"dt": "2025-01-01", "hh": "1", "x": "2"})
	f(`column dt: "yesterday" is no DATE`, map[string]string{"dt": "yesterday", "hh": "1"})
	f(`column hh: "300" is no TINYINT`, map[string]string{"dt": "2025-01-01", "hh": "300"})
	for _, text := range []string{"dt", "dt=1/dt=2", "=1", "dt=1,hh"} {
		_, err := ParsePartition(text)
		require.ErrorIs(t, err, errs.ErrInvalid, text)
	}
	spec, err := ParsePartition("dt=2025-01-01,hh=5")
	require.NoError(t, err)
	row, err := p.Row(spec)
	require.NoError(t, err)
	require.Equal(t, "dt=2025-01-01/hh=5", p.String(row))
	_, err = p.Path(row[:16])
	require.Error(t, err)

	none := NewPartitioner(nil, "", true)
	path, err := none.Path(Empty)
	require.NoError(t, err)
	require.Empty(t, path)
	row, err = none.Row(nil)
	require.NoError(t, err)
	require.Equal(t, Empty, row)

	_, err = NewPartitioner([]types.Field{{Name: "b", Type: types.Of(types.Varbinary)}}, "", true).Path(mustRow(t, types.Of(types.Varbinary), "00"))
	require.ErrorIs(t, err, errs.ErrUnsupported)
}

func mustRow(t *testing.T, typ types.Type, value string) []byte {
	return NewEncoder([]types.Type{typ}).Append(nil, []arrow.Array{column(t, typ, []*string{&value})}, 0)
}

func TestEscape(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		require.Equal(t, want, EscapePath(in))
		require.Equal(t, in, UnescapePath(want))
	}
	f("plain text-é数", "plain text-é数")
	f("a/b=c%", "a%2Fb%3Dc%25")
	f("\x01\n\x7f\x00", "%01%0A%7F%00")
	require.Equal(t, "100%", UnescapePath("100%"))
	require.Equal(t, "%zz", UnescapePath("%zz"))
}
