package merge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// TestScripts runs testdata/*.txt. The command `table` declares columns (the
// first is the primary key), one a line, and options as `name = value`;
// `merge` merges versions, one a line: kind and values. A line `--` ends a
// commit: each commit is merged by itself first, as a write buffer does.
// `merge always` is a lookup compaction.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if !strings.HasSuffix(path, ".txt") {
			return
		}
		var s Schema
		var e Engine
		var options map[string]string
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "table" {
				s, options = parseTable(t, d.Input)
				var err error
				if e, err = New(s, options); err != nil {
					return "error: " + err.Error()
				}
				return "ok"
			}
			require.Equal(t, "merge", d.Cmd)
			return runMerge(t, s, e, d.Input, d.HasArg("always"))
		})
	})
}

func parseTable(t *testing.T, input string) (Schema, map[string]string) {
	var s Schema
	options := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(input), "\n") {
		if k, v, ok := strings.Cut(line, " = "); ok {
			options[k] = v
			continue
		}
		name, text, _ := strings.Cut(line, " ")
		typ, err := types.Parse(text)
		require.NoError(t, err)
		s.Fields = append(s.Fields, types.Field{ID: len(s.Fields), Name: name, Type: typ})
	}
	s.PrimaryKey = []string{s.Fields[0].Name}
	return s, options
}

func runMerge(t *testing.T, s Schema, e Engine, input string, always bool) string {
	var commits []*columnar.KV
	var rows []version
	seq := int64(0)
	batch := func(vs []version) *columnar.KV {
		kv := toKV(s, vs)
		encodeKeys(kv, s, nil, false)
		return kv
	}
	several := strings.Contains("\n"+input+"\n", "\n--\n")
	flush := func() error {
		if several {
			merged, err := mergeKVs(e, []*columnar.KV{batch(rows)}, len(s.Fields), false)
			if err != nil {
				return err
			}
			rows = merged
		}
		commits, rows = append(commits, batch(rows)), nil
		return nil
	}
	for _, line := range append(strings.Split(strings.TrimSpace(input), "\n"), "--") {
		if line == "--" {
			if err := flush(); err != nil {
				return "error: " + err.Error()
			}
			continue
		}
		rows = append(rows, parseVersion(t, s, line, seq))
		seq++
	}
	out, err := mergeKVs(e, commits, len(s.Fields), always)
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, v := range out {
		b.WriteString(v.kind.String())
		for i, x := range v.vals {
			b.WriteString(" " + scriptText(s.Fields[i].Type, x))
		}
		fmt.Fprintf(&b, " seq=%d\n", v.seq)
	}
	return b.String()
}

func parseVersion(t *testing.T, s Schema, line string, seq int64) version {
	words := strings.Fields(line)
	require.Len(t, words, len(s.Fields)+1, line)
	kind, err := types.ParseRowKind(words[0])
	require.NoError(t, err)
	v := version{kind: kind, seq: seq}
	for i, f := range s.Fields {
		v.vals = append(v.vals, scriptValue(t, f.Type, words[i+1]))
	}
	return v
}

// scriptValue reads null, numbers, bare words and JSON without spaces; ”
// is the empty string, _ in a word a blank.
func scriptValue(t *testing.T, typ types.Type, word string) any {
	switch {
	case word == "null":
		return nil
	case typ.Root == types.Varchar:
		return strings.ReplaceAll(strings.Trim(word, "'"), "_", " ")
	case typ.Root == types.Decimal:
		return jsonValue(typ, word)
	}
	d := json.NewDecoder(strings.NewReader(word))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v), word)
	return jsonValue(typ, v)
}

func scriptText(t types.Type, v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		if strings.TrimSpace(x) == x && x != "" {
			return x
		}
		return "'" + strings.ReplaceAll(x, " ", "_") + "'"
	case decimal128.Num:
		return x.ToString(int32(t.Scale))
	case float64:
		return fmt.Sprint(x)
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			switch {
			case t.Root == types.Row:
				parts[i] = scriptText(t.Fields[i].Type, e)
			case t.Root == types.Map:
				pair := e.([]any)
				parts[i] = scriptText(*t.Key, pair[0]) + ":" + scriptText(*t.Elem, pair[1])
			default:
				parts[i] = scriptText(*t.Elem, e)
			}
		}
		if t.Root == types.Row {
			return "(" + strings.Join(parts, ",") + ")"
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return fmt.Sprint(v)
}
