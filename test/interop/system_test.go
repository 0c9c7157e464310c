package interop

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// systemGolden is what Paimon 1.4.2 reads from the system tables of the
// fixtures: "= db.table$name" (with " stream" when followed from the oldest
// change on), the columns, then the rows, sorted but for streams. The folder of
// the warehouse is <lake>. Not in it: aggregates whose order is a Java hash
// map's, keys of bytes (Java prints addresses), and what $binlog makes of -U rows
// without their +U (Java pairs them with the next row, of whatever key).
const systemGolden = "testdata/system-1.4.2.txt.gz"

// systemRefused are those that Tarn refuses, with what its error names.
var systemRefused = map[string]string{"history.fallback$ro": "scan.fallback-branch"}

// TestSystemTables compares all columns of all system tables with what Java
// reads. Left out is what depends on the machine or on the order of a Java hash
// map.
func TestSystemTables(t *testing.T) {
	root := filepath.Join(unpack(t), "warehouse")
	store, err := fileio.NewLocal(root)
	require.NoError(t, err)
	w := paimon.Open(store, paimon.Options{})
	compared := 0
	for _, s := range readGolden(t, systemGolden) {
		t.Run(s.label, func(t *testing.T) {
			label, stream := strings.CutSuffix(s.label, " stream")
			db, object, _ := strings.Cut(label, ".")
			id, err := catalog.ParseObject(db, object)
			require.NoError(t, err)
			columns, got, err := readSystem(w, id, stream)
			if why, out := systemRefused[label]; out {
				require.ErrorContains(t, err, why)
				return
			}
			require.NoError(t, err)
			require.Equal(t, s.columns, columns)
			for i := range got {
				got[i] = machine(strings.ReplaceAll(got[i], root, "<lake>"))
			}
			for i := range s.rows {
				s.rows[i] = machine(s.rows[i])
			}
			slices.Sort(got)
			slices.Sort(s.rows)
			require.Equal(t, s.rows, got)
			compared++
		})
	}
	t.Logf("%d system tables compared", compared)
}

// machine leaves out what differs from machine to machine, and sorts the
// options of a schema, which Java writes as a hash map.
func machine(line string) string {
	line = branchTime.ReplaceAllString(line, "")
	line = options.ReplaceAllStringFunc(line, func(s string) string {
		inner := strings.TrimSuffix(strings.TrimPrefix(s, `"options":"{`), `}"`)
		parts := strings.Split(inner, `,\"`)
		for i := range parts {
			parts[i] = strings.TrimPrefix(parts[i], `\"`)
		}
		slices.Sort(parts)
		return `"options":"{` + strings.Join(parts, `,`) + `}"`
	})
	return lists.ReplaceAllStringFunc(line, func(s string) string {
		head, inner, _ := strings.Cut(strings.TrimSuffix(s, `]"`), `:"[`)
		parts := strings.Split(inner, ", ")
		slices.Sort(parts)
		return head + `:"[` + strings.Join(parts, ", ") + `]"`
	})
}

var (
	branchTime = regexp.MustCompile(`(?:^\{"branch_name".*)"create_time":"[^"]*"`)
	options    = regexp.MustCompile(`"options":"\{.*?\}"`)
	lists      = regexp.MustCompile(`"function(?:_options)?":"\[.*?\]"`)
)

type section struct {
	label, columns string
	rows           []string
}

func readGolden(t *testing.T, name string) []section {
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var out []section
	in := bufio.NewScanner(z)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		if label, ok := strings.CutPrefix(in.Text(), "= "); ok {
			out = append(out, section{label: label})
			continue
		}
		s := &out[len(out)-1]
		if s.columns == "" {
			s.columns = in.Text()
		} else {
			s.rows = append(s.rows, in.Text())
		}
	}
	require.NoError(t, in.Err())
	require.NotEmpty(t, out)
	return out
}

func readSystem(w *paimon.Warehouse, id catalog.Identifier, stream bool) (columns string, rows []string, err error) {
	ctx := context.Background()
	s, err := w.SystemTable(ctx, id, nil)
	if err != nil {
		return "", nil, err
	}
	if stream {
		rows, err = systemChanges(ctx, w, id)
	} else {
		var r *paimon.SystemReader
		if r, err = s.Read(ctx); err == nil {
			rows, err = systemRows(r, s.Fields())
		}
	}
	for i, f := range s.Fields() {
		if i > 0 {
			columns += "; "
		}
		columns += f.Name + " " + f.Type.SQL()
	}
	return columns, rows, err
}

func systemRows(r *paimon.SystemReader, fields []types.Field) (rows []string, err error) {
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		for i := range int(b.NumRows()) {
			rows = append(rows, string(rowjson.AppendRow(nil, fields, b, i, "")))
		}
		b.Release()
	}
}

func systemChanges(ctx context.Context, w *paimon.Warehouse, id catalog.Identifier) (rows []string, err error) {
	main := id
	main.System = ""
	t, err := w.Table(ctx, main, nil)
	if err != nil {
		return nil, err
	}
	from, err := t.EarliestChange(ctx)
	if err != nil {
		return nil, err
	}
	s, err := w.SystemTable(ctx, id, nil)
	if err != nil {
		return nil, err
	}
	stream, err := s.Stream(from)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for {
		p, err := stream.TryNext(ctx)
		if p == nil || err != nil {
			return rows, err
		}
		r, err := s.ReadChanges(ctx, p)
		if err != nil {
			return rows, err
		}
		more, err := systemRows(r, s.Fields())
		if err != nil {
			return rows, err
		}
		rows = append(rows, more...)
	}
}
