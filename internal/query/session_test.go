package query_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/rowjson"
)

// TestScripts runs testdata/*, each over a warehouse of its own. The command is
//
//	sql [as=NAME] [dialect=flink|spark|mysql] [sorted] [errors] [params=(1,x)]
//
// followed by statements, which run one by one in the session NAME; sorted
// sorts the rows of each answer, errors goes on behind errors. Jobs run to
// their end before the next statement. The session net is one that may not
// declare sources. file NAME adds to an input file, restart starts the process
// again.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		b := newBench(t)
		datadriven.RunTest(t, path, b.run)
	})
}

// bench is a process with sessions by name.
type bench struct {
	t        *testing.T
	dir      string // of the warehouse
	in       string // of input files
	app      *app.App
	sessions map[string]*query.Session
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: filepath.Join(t.TempDir(), "lake"), in: t.TempDir(), sessions: map[string]*query.Session{}}
	b.open()
	t.Cleanup(b.close)
	return b
}

func (b *bench) open() {
	a, err := app.Open(context.Background(), app.Options{Warehouse: b.dir, TempDir: b.t.TempDir()})
	require.NoError(b.t, err)
	b.app = a
}

func (b *bench) close() {
	for name, s := range b.sessions {
		_ = s.Close()
		delete(b.sessions, name)
	}
	if b.app != nil {
		require.NoError(b.t, b.app.Close())
		b.app = nil
	}
}

func (b *bench) session(name string, d dialect.Dialect) *query.Session {
	key := fmt.Sprint(name, d)
	s := b.sessions[key]
	if s == nil {
		s = b.app.Engine.NewSession(query.SessionOptions{Dialect: d, User: name, Dir: b.in, External: name != "net", Settings: map[string]string{"execution.checkpointing.interval": "20 ms"}})
		b.sessions[key] = s
	}
	return s
}

func (b *bench) run(t *testing.T, d *datadriven.TestData) string {
	name, lang, params := "main", "flink", []any(nil)
	d.MaybeScanArgs(t, "as", &name)
	d.MaybeScanArgs(t, "dialect", &lang)
	for _, a := range d.CmdArgs {
		if a.Key == "params" {
			for _, v := range a.Vals {
				params = append(params, v)
			}
		}
	}
	switch d.Cmd {
	case "sql":
		dia, ok := dialect.Named(lang)
		require.True(t, ok, lang)
		return b.clean(b.script(b.session(name, dia), dia, d.Input, d.HasArg("sorted"), d.HasArg("errors"), params))
	case "file": // file NAME: adds lines to an input file
		name := filepath.Join(b.in, d.CmdArgs[0].Key)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		require.NoError(t, err)
		defer f.Close()
		_, err = f.WriteString(d.Input + "\n")
		require.NoError(t, err)
		return ""
	case "restart":
		b.close()
		b.open()
		return ""
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return ""
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// clean takes out what differs from run to run.
func (b *bench) clean(out string) string {
	return uuids.ReplaceAllString(strings.NewReplacer(b.dir, "<lake>", b.in, "<in>").Replace(out), "<uuid>")
}

func (b *bench) script(s *query.Session, d dialect.Dialect, text string, sorted, goOn bool, params []any) string {
	var out strings.Builder
	for _, piece := range dialect.Split(d, text) {
		answer, err := b.one(s, d, piece.Text, sorted, params)
		out.WriteString(answer)
		if err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
			if !goOn {
				break
			}
		}
	}
	return out.String()
}

// one runs one statement and waits for the job that it started.
func (b *bench) one(s *query.Session, d dialect.Dialect, text string, sorted bool, params []any) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, err := s.Execute(ctx, text, params)
	if err != nil {
		return "", err
	}
	defer res.Close()
	if res.Job != nil {
		return b.wait(res)
	}
	if len(res.Columns) == 0 {
		return res.Message + "\n", nil
	}
	return rows(res, sorted)
}

// wait waits until a job has ended by itself.
func (b *bench) wait(res *query.Result) (string, error) {
	select {
	case <-res.Job.Done():
	case <-time.After(time.Minute):
		return "", fmt.Errorf("job does not end")
	}
	st := res.Job.Status()
	if st.State != jobs.Finished || st.Err != nil {
		return "", fmt.Errorf("%s: %s: %w", res.Message, st.State, st.Err)
	}
	return fmt.Sprintf("%s: %d rows in, %d out\n", res.Message, st.RowsIn, st.RowsOut), nil
}

// rows prints a result: the names, then a line of JSON values a row.
func rows(res *query.Result, sorted bool) (string, error) {
	names := make([]string, len(res.Columns))
	for i, c := range res.Columns {
		names[i] = c.Name
	}
	var lines []string
	var err error
	for {
		batch, nerr := res.Next()
		if nerr != nil {
			if nerr != io.EOF {
				err = nerr
			}
			break
		}
		for i := range int(batch.NumRows()) {
			var line []byte
			for c := range names {
				if c > 0 {
					line = append(line, " | "...)
				}
				line = rowjson.AppendArrow(line, batch.Column(c), i)
			}
			lines = append(lines, string(line))
		}
		batch.Release()
	}
	if err != nil {
		return "", err
	}
	if sorted {
		slices.Sort(lines)
	}
	return strings.Join(append([]string{strings.Join(names, " | ")}, lines...), "\n") + "\n", nil
}
