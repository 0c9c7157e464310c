package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

var fields = []types.Field{
	{ID: 0, Name: "id", Type: types.Of(types.Int)},
	{ID: 1, Name: "s", Type: types.String()},
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	p := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
	f, err := os.OpenFile(p, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func config(t *testing.T, dir string, options ...string) Config {
	t.Helper()
	m := map[string]string{"path": ".", "format": "json"}
	for _, o := range options {
		k, v, _ := strings.Cut(o, "=")
		m[k] = v
	}
	c, err := ParseOptions(m, Options{Dir: dir})
	require.NoError(t, err)
	return c
}

func open(t *testing.T, c Config, from change.Position) source.Reader {
	t.Helper()
	s, err := New(c, fields)
	require.NoError(t, err)
	r, err := s.Open(t.Context(), from)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// rowsOf shows the rows of a batch and releases it.
func rowsOf(b change.Batch) []string {
	var out []string
	for i := range int(b.Rows.NumRows()) {
		out = append(out, b.Kind(i).String()+b.Rows.Column(0).ValueStr(i)+b.Rows.Column(1).ValueStr(i))
	}
	b.Release()
	return out
}

// drain reads to the end and gives the rows and the position after each batch.
func drain(t *testing.T, r source.Reader) (rows []string, ends []int, positions []change.Position, err error) {
	t.Helper()
	for {
		b, err := r.Next(t.Context())
		if err != nil {
			return rows, ends, positions, err
		}
		positions = append(positions, b.Position)
		rows = append(rows, rowsOf(b)...)
		ends = append(ends, len(rows))
	}
}

func lineOf(id int, s string) string { return fmt.Sprintf(`{"id":%d,"s":%q}`, id, s) + "\n" }

func TestReadsFilesInOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b.json", lineOf(3, "x")+"\r\n\n"+`{"id":4,"s":"no newline"}`)
	write(t, dir, "a/2", lineOf(2, "x"))
	write(t, dir, "a-1", lineOf(1, "x"))
	write(t, dir, "_SUCCESS", "not read")
	write(t, dir, ".hidden/x", "not read")
	write(t, dir, "empty", "")
	r := open(t, config(t, dir), "")
	rows, _, positions, err := drain(t, r)
	require.Equal(t, io.EOF, err)
	require.Equal(t, []string{"+I1x", "+I2x", "+I3x", "+I4no newline"}, rows)
	require.Equal(t, change.Position(`{"done":"empty"}`), positions[len(positions)-1])
	_, err = r.Next(t.Context())
	require.Equal(t, io.EOF, err)
	_, _, more, err := drain(t, open(t, config(t, dir), positions[len(positions)-1]))
	require.Equal(t, io.EOF, err)
	require.Empty(t, more)
}

// TestResume holds that reading on from any position gives exactly the rest.
func TestResume(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	dir := t.TempDir()
	id := 0
	for i := range 6 {
		var b strings.Builder
		for range rnd.Intn(40) {
			b.WriteString(lineOf(id, strings.Repeat("中", rnd.Intn(60))))
			id++
		}
		write(t, dir, fmt.Sprintf("d%d/part-%d", i%2, i), strings.TrimSuffix(b.String(), strings.Repeat("\n", rnd.Intn(2))))
	}
	for _, options := range [][]string{nil, {"path=d0/part-0"}} {
		c := config(t, dir, options...)
		c.MaxBatchRows, c.MaxBatchBytes = 7, 600
		all, ends, positions, err := drain(t, open(t, c, ""))
		require.Equal(t, io.EOF, err)
		for i, p := range positions {
			rest, _, _, err := drain(t, open(t, c, p))
			require.Equal(t, io.EOF, err)
			require.Equal(t, all[ends[i]:], append([]string{}, rest...), "from %s", p)
		}
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/x.json", lineOf(1, "a")+lineOf(2, "b")+`{"id":"three"}`+"\n"+lineOf(4, "d"))
	r := open(t, config(t, dir), "")
	rows, _, positions, err := drain(t, r)
	require.Equal(t, []string{"+I1a", "+I2b"}, rows)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.EqualError(t, err, `read file sub/x.json line 3: column "id": value "three": want INT, a whole number of 32 bits`)
	_, again := r.Next(t.Context())
	require.Equal(t, err, again)

	// The line is counted on after a restart, too.
	_, _, _, err = drain(t, open(t, config(t, dir), positions[0]))
	require.ErrorContains(t, err, "sub/x.json line 3:")

	c := config(t, dir, "json.ignore-parse-errors=true")
	values := 0
	c.OnIgnored = func(_, v int) { values += v }
	rows, _, _, err = drain(t, open(t, c, ""))
	require.Equal(t, io.EOF, err)
	require.Equal(t, []string{"+I1a", "+I2b", "+I(null)(null)", "+I4d"}, rows)
	require.Equal(t, 1, values)
}

func TestLongLines(t *testing.T) {
	dir := t.TempDir()
	exact := lineOf(1, strings.Repeat("x", 70))
	write(t, dir, "f", exact+lineOf(2, strings.Repeat("y", 200_000))+strings.TrimSuffix(exact, "\n")+"\r\n"+lineOf(3, strings.Repeat("z", 71)))
	for _, ignore := range []string{"false", "true"} {
		c := config(t, dir, "json.ignore-parse-errors="+ignore)
		c.MaxLine = len(exact) - 1
		skipped := 0
		c.OnIgnored = func(lines, _ int) { skipped += lines }
		rows, _, _, err := drain(t, open(t, c, ""))
		if ignore == "false" {
			require.Len(t, rows, 1)
			require.EqualError(t, err, fmt.Sprintf("read file f line 2: the line has more than %d bytes", c.MaxLine))
			continue
		}
		require.Equal(t, io.EOF, err)
		require.Len(t, rows, 2)
		require.Equal(t, 2, skipped)
	}
}

func TestDebezium(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "e", `{"op":"c","after":{"id":1,"s":"a"},"source":{"ts_ms":1709287200000}}`+"\n"+
		`{"op":"u","before":{"id":1,"s":"a"},"after":{"id":1,"s":"b"}}`+"\n"+
		`{"op":"d","before":{"id":1,"s":"b"}}`+"\n")
	c := config(t, dir, "format=debezium-json")
	c.MaxBatchRows = 2 // does not part -U from +U
	r := open(t, c, "")
	b, err := r.Next(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1709287200000, b.Watermark.UnixMilli())
	require.Equal(t, []string{"+I1a", "-U1a", "+U1b"}, rowsOf(b))
	rows, _, _, err := drain(t, r)
	require.Equal(t, io.EOF, err)
	require.Equal(t, []string{"-D1b"}, rows)
}

// TestMonitor grows files at random and reopens the source at random; every
// complete line is read exactly once, those of a file in order.
func TestMonitor(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	dir := t.TempDir()
	c := config(t, dir, "source.monitor-interval=1ms")
	c.MaxBatchRows = 5
	var at change.Position
	r := open(t, c, at)
	var got, want []string
	for step := range 150 {
		name := fmt.Sprintf("f%d", rnd.Intn(1+step/10))
		text := lineOf(step, name)
		if cut := rnd.Intn(2 * len(text)); cut < len(text) { // in two pieces, with a look in between
			write(t, dir, name, text[:cut])
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.Intn(3))*time.Millisecond)
			if b, err := r.Next(ctx); err == nil {
				at = b.Position
				got = append(got, rowsOf(b)...)
			}
			cancel()
			text = text[cut:]
		}
		write(t, dir, name, text)
		want = append(want, fmt.Sprintf("+I%d%s", step, name))
		for rnd.Intn(2) == 0 && len(got) < len(want) {
			b, err := r.Next(t.Context())
			require.NoError(t, err)
			at = b.Position
			got = append(got, rowsOf(b)...)
		}
		if rnd.Intn(10) == 0 {
			require.NoError(t, r.Close())
			r = open(t, c, at)
		}
	}
	for len(got) < len(want) {
		b, err := r.Next(t.Context())
		require.NoError(t, err)
		got = append(got, rowsOf(b)...)
	}
	perFile := func(rows []string) map[string][]string {
		out := map[string][]string{}
		for _, s := range rows {
			_, f, _ := strings.Cut(s, "f")
			out[f] = append(out[f], s)
		}
		return out
	}
	require.Equal(t, perFile(want), perFile(got))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := r.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	write(t, dir, "f0", `{"id":7`) // no newline: not a line yet
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = r.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	write(t, dir, "f0", `,"s":"x"}`+"\n")
	b, err := r.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"+I7x"}, rowsOf(b))
}

func TestFilesThatShrinkOrVanish(t *testing.T) {
	dir := t.TempDir()
	c := config(t, dir, "source.monitor-interval=1ms")
	write(t, dir, "a", lineOf(1, "x"))
	write(t, dir, "b", lineOf(2, "x"))
	r := open(t, c, "")
	b, err := r.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"+I1x", "+I2x"}, rowsOf(b))
	require.NoError(t, os.Remove(filepath.Join(dir, "b")))
	write(t, dir, "c", lineOf(3, "x"))
	b, err = r.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, change.Position(`{"at":{"a":[17,1],"c":[17,1]}}`), b.Position)
	b.Release()
	require.NoError(t, os.Truncate(filepath.Join(dir, "a"), 3))
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "file a became shorter")

	s, err := New(c, fields)
	require.NoError(t, err)
	_, err = s.Open(t.Context(), b.Position)
	require.ErrorContains(t, err, "replaced or cut")

	bounded := config(t, dir)
	s, err = New(bounded, fields)
	require.NoError(t, err)
	_, err = s.Open(t.Context(), `{"done":"a","at":{"gone":[17,1]}}`)
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = s.Open(t.Context(), `?`)
	require.ErrorIs(t, err, errs.ErrInvalid)
}

func TestCloseEndsNext(t *testing.T) {
	r := open(t, config(t, t.TempDir(), "source.monitor-interval=1h"), "")
	got := make(chan error)
	go func() {
		_, err := r.Next(context.Background())
		got <- err
	}()
	time.Sleep(5 * time.Millisecond)
	require.NoError(t, r.Close())
	require.ErrorIs(t, <-got, errClosed)
	require.NoError(t, r.Close())
}

func TestPaths(t *testing.T) {
	dir, other, links := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, dir, "in/f", lineOf(1, "x"))
	write(t, other, "f", lineOf(2, "x"))
	require.NoError(t, os.Symlink(filepath.Join(other, "f"), filepath.Join(dir, "out")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "in"), filepath.Join(links, "link")))
	o := Options{Dir: dir}
	for _, c := range []struct {
		path    string
		o       Options
		problem error
		text    string
	}{
		{path: "in", o: o},
		{path: "in/f", o: o},
		{path: "in/../in/f", o: o},
		{path: filepath.Join(dir, "in"), o: o},
		{path: "file://" + filepath.Join(dir, "in/f"), o: o},
		{path: "file:" + filepath.Join(dir, "in/f"), o: o},
		{path: filepath.Join(links, "link/f"), o: o}, // leads into the folder
		{path: other, o: Options{Dir: dir, AllowedDirs: []string{other}}},
		{path: other, o: Options{Warehouse: other}},
		{path: other, o: o, problem: errs.ErrInvalid, text: "outside the folders"},
		{path: "../x", o: o, problem: errs.ErrInvalid, text: "outside the folders"},
		{path: "/etc/passwd", o: o, problem: errs.ErrInvalid, text: "outside the folders"},
		{path: "out", o: o, problem: errs.ErrInvalid, text: "escapes"},
		{path: "absent", o: o, problem: errs.ErrNotFound, text: "'path'"},
		{path: "in", o: Options{AllowedDirs: []string{other}}, problem: errs.ErrInvalid, text: "relative path"},
		{path: "s3://bucket/x", o: o, problem: errs.ErrUnsupported, text: "scheme s3"},
		{path: "file://host/x", o: o, problem: errs.ErrInvalid, text: "names a host"},
		{path: "", o: o, problem: errs.ErrInvalid, text: "required"},
	} {
		err := readAll(t, c.path, c.o)
		if c.problem == nil {
			require.NoError(t, err, c.path)
			continue
		}
		require.ErrorContains(t, err, c.text, c.path)
		if c.text != "escapes" { // the operating system's word
			require.ErrorIs(t, err, c.problem, c.path)
		}
	}
}

func readAll(t *testing.T, path string, o Options) error {
	c, err := ParseOptions(map[string]string{"path": path, "format": "json"}, o)
	if err != nil {
		return err
	}
	s, err := New(c, fields)
	require.NoError(t, err)
	r, err := s.Open(t.Context(), "")
	if err != nil {
		return err
	}
	defer r.Close()
	rows, _, _, err := drain(t, r)
	if err == io.EOF && len(rows) != 1 {
		return errors.New("no rows")
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func TestOptions(t *testing.T) {
	for text, want := range map[string]string{
		"path=x":                                          `"format" is required`,
		"path=x format=csv":                               `"csv": not supported`,
		"path=x format=json a=b":                          `option "a": unknown`,
		"path=x format=json debezium-json.x=1":            `"debezium-json.x" has no effect on 'format' = 'json'`,
		"path=x format=json json.x=1":                     `"json.x": unknown`,
		"path=x format=json source.monitor-interval=soon": `"source.monitor-interval"`,
		"path=x format=json source.monitor-interval=0s":   "at least 1 ms",
	} {
		m := map[string]string{}
		for _, kv := range strings.Fields(text) {
			k, v, _ := strings.Cut(kv, "=")
			m[k] = v
		}
		_, err := ParseOptions(m, Options{Dir: t.TempDir()})
		require.ErrorContains(t, err, want)
	}
	_, err := New(config(t, t.TempDir()), []types.Field{{Name: "v", Type: types.Of(types.Variant)}})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	dir := t.TempDir()
	write(t, dir, "a.json.gz", "x")
	s, err := New(config(t, dir), fields)
	require.NoError(t, err)
	_, err = s.Open(t.Context(), "")
	require.ErrorIs(t, err, errs.ErrUnsupported)
	bounded, _ := New(config(t, dir), fields)
	monitored, _ := New(config(t, dir, "source.monitor-interval=1 s"), fields)
	require.True(t, bounded.Bounded())
	require.False(t, monitored.Bounded())
	require.Equal(t, fields, bounded.Fields())
}
