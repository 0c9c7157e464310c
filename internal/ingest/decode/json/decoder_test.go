package json

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// fieldsOf reads "name TYPE" lines.
func fieldsOf(t testing.TB, text string) []types.Field {
	var out []types.Field
	for line := range strings.Lines(text) {
		name, typ, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		parsed, err := types.Parse(typ)
		require.NoError(t, err, line)
		out = append(out, types.Field{ID: len(out), Name: name, Type: parsed})
	}
	return out
}

// TestDecode runs testdata/*. Commands:
//
//	fields             input: one "name TYPE" a line
//	decode [key=value …] input: lines; output: rows, or the error of a line
//
// Options are written without "json.".
func TestDecode(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var fields []types.Field
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "fields":
				fields = fieldsOf(t, d.Input)
				dec, err := NewDecoder(fields, Options{})
				if err != nil {
					return "error: " + err.Error() + "\n"
				}
				dec.Release()
				return ""
			case "decode":
				return decodeScript(t, d, fields)
			}
			d.Fatalf(t, "unknown command %q", d.Cmd)
			return ""
		})
	})
}

func decodeScript(t *testing.T, d *datadriven.TestData, fields []types.Field) string {
	options := map[string]string{}
	for _, a := range d.CmdArgs {
		options["json."+a.Key] = a.Vals[0]
	}
	o, err := ParseOptions(options, "json.")
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	dec, err := NewDecoder(fields, o)
	require.NoError(t, err)
	defer dec.Release()
	var errors strings.Builder
	for line := range strings.Lines(d.Input) {
		if err := dec.Decode([]byte(strings.TrimSuffix(line, "\n"))); err != nil {
			require.ErrorIs(t, err, errs.ErrInvalid)
			fmt.Fprintf(&errors, "error: %v\n", err)
		}
	}
	n := dec.Len()
	c, err := dec.Flush()
	require.NoError(t, err)
	defer c.Rows.Release()
	require.EqualValues(t, n, c.Rows.NumRows())
	require.Nil(t, c.Kinds)
	var out []byte
	for i := range n {
		out = append(rowjson.AppendRow(out, fields, c.Rows, i, ""), '\n')
	}
	text := string(out) + errors.String()
	if c.Skipped+c.Nulled > 0 {
		text += fmt.Sprintf("skipped %d, nulled %d\n", c.Skipped, c.Nulled)
	}
	return text
}
