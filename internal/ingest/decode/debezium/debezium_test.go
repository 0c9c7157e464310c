package debezium

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

func testFields() []types.Field {
	return []types.Field{
		{ID: 0, Name: "id", Type: types.String().NotNull()},
		{ID: 1, Name: "fee", Type: types.DecimalOf(10, 2)},
		{ID: 2, Name: "at", Type: types.TimestampOf(3)},
	}
}

// TestDecode runs testdata/*: decode [key=value …], input: events, output:
// changes, and the errors of the lines that were refused. Options are written
// without "debezium-json.".
func TestDecode(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			options := map[string]string{"path": "x"}
			for _, a := range d.CmdArgs {
				options["debezium-json."+a.Key] = a.Vals[0]
			}
			o, err := ParseOptions(options)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			return decodeScript(t, d.Input, o)
		})
	})
}

func decodeScript(t *testing.T, input string, o Options) string {
	fields := testFields()
	dec, err := NewDecoder(fields, o)
	require.NoError(t, err)
	defer dec.Release()
	var failed strings.Builder
	for line := range strings.Lines(input) {
		if err := dec.Decode([]byte(strings.TrimSuffix(line, "\n"))); err != nil {
			require.True(t, errors.Is(err, errs.ErrInvalid) || errors.Is(err, errs.ErrUnsupported), "%v", err)
			fmt.Fprintf(&failed, "error: %v\n", err)
		}
	}
	c, err := dec.Flush()
	require.NoError(t, err)
	defer c.Rows.Release()
	var out []byte
	for i := range int(c.Rows.NumRows()) {
		kind := types.Insert
		if c.Kinds != nil {
			kind = c.Kinds[i]
		}
		out = append(out, kind.String()+" "...)
		out = append(rowjson.AppendRow(out, fields, c.Rows, i, ""), '\n')
	}
	text := string(out) + failed.String()
	if !c.Newest.IsZero() {
		text += "newest " + c.Newest.UTC().Format("2006-01-02T15:04:05.000") + "\n"
	}
	if c.Skipped+c.Nulled > 0 {
		text += fmt.Sprintf("skipped %d, nulled %d\n", c.Skipped, c.Nulled)
	}
	return text
}

// FuzzDecode feeds any line: no panic; what is refused leaves nothing; every
// -U is followed by its +U.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"before":{"id":"1","fee":"1.5"},"after":{"id":"1"},"op":"u","ts_ms":1,"source":{"ts_ms":5}}`), false, false)
	f.Add([]byte(`{"schema":{},"payload":{"before":null,"after":{"id":"1","at":"2024-01-01 00:00:00"},"op":"c"}}`), true, true)
	f.Add([]byte(`{"before":{"id":"1"},"after":{"id":null},"op":"u"}`), false, true)
	f.Add([]byte(`{"before":{"id":"1"},"op":"d"}`), false, true)
	good := []byte(`{"after":{"id":"good"},"op":"c"}`)
	f.Fuzz(func(t *testing.T, line []byte, wrapped, ignore bool) {
		o := Options{SchemaInclude: wrapped}
		o.JSON.IgnoreParseErrors = ignore
		d, err := NewDecoder(testFields(), o)
		require.NoError(t, err)
		defer d.Release()
		err = d.Decode(line)
		n := d.Len()
		require.True(t, err == nil || n == 0 && !ignore)
		first := good
		if wrapped {
			first = []byte(`{"payload":` + string(good) + `}`)
		}
		require.NoError(t, d.Decode(first))
		c, err := d.Flush()
		require.NoError(t, err)
		defer c.Rows.Release()
		require.EqualValues(t, n+1, c.Rows.NumRows())
		require.Equal(t, "good", c.Rows.Column(0).ValueStr(n))
		checkPairs(t, c)
	})
}

func checkPairs(t *testing.T, c decode.Chunk) {
	for i, k := range c.Kinds {
		before := i > 0 && c.Kinds[i-1] == types.UpdateBefore
		require.Equal(t, before, k == types.UpdateAfter, "%v", c.Kinds)
	}
}
