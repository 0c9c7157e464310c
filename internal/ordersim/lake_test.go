package ordersim

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/source/files"
	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon/types"
)

// fieldsOf declares a table as the example does.
func fieldsOf(table Table) []types.Field {
	var out []types.Field
	for i, c := range table.Columns {
		typ := map[Kind]types.Type{Text: types.String(), Integer: types.Of(types.Int), Money: types.DecimalOf(10, 2), Moment: types.TimestampOf(3)}[c.Kind]
		if i == table.Key {
			typ = typ.NotNull()
		}
		out = append(out, types.Field{ID: i, Name: c.Name, Type: typ})
	}
	return out
}

// TestEventsThroughTheSource reads the event files with Tarn's source: every
// retraction names a row as it stands, and the rows left are those expected.
func TestEventsThroughTheSource(t *testing.T) {
	dir := t.TempDir()
	s := New(Options{Seed: 21})
	require.NoError(t, s.Events(t.Context(), dir, EventOptions{Changes: 2500, Chunk: 400}))
	require.NoError(t, s.Events(t.Context(), dir, EventOptions{Changes: 2500, Chunk: 400}))
	for _, table := range Tables() {
		fields := fieldsOf(table)
		cfg, err := files.ParseOptions(map[string]string{"path": table.Name, "format": "debezium-json"}, files.Options{Dir: dir})
		require.NoError(t, err)
		source, err := files.New(cfg, fields)
		require.NoError(t, err)
		r, err := source.Open(t.Context(), "")
		require.NoError(t, err)
		rows := map[string]string{}
		for {
			b, err := r.Next(t.Context())
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.False(t, b.Watermark.IsZero() && b.Rows.NumRows() > 0)
			for i := range int(b.Rows.NumRows()) {
				key := b.Rows.Column(table.Key).ValueStr(i)
				line := string(rowjson.AppendRow(nil, fields, b.Rows, i, ""))
				if b.Kind(i).IsRetract() {
					require.Equal(t, rows[key], line)
					delete(rows, key)
					continue
				}
				require.NotContains(t, rows, key)
				rows[key] = line
			}
			b.Release()
		}
		require.NoError(t, r.Close())
		var all strings.Builder
		lines := map[string]bool{}
		for _, line := range rows {
			all.WriteString(line + "\n")
			lines[line] = true
		}
		require.NoError(t, s.Expected().Compare("ods."+table.Name, strings.NewReader(all.String())))

		// The two forms of JSON are one.
		var want strings.Builder
		require.NoError(t, s.Expected().WriteJSON("ods."+table.Name, &want))
		for line := range strings.Lines(want.String()) {
			require.True(t, lines[strings.TrimSuffix(line, "\n")], line)
		}
	}
}
