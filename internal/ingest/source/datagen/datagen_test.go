package datagen

import (
	"context"
	"io"
	"math/big"
	"math/rand"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon/types"
)

// declare reads lines: "name TYPE" of columns, then "key = value" of options.
func declare(t *testing.T, text string) (*Source, error) {
	t.Helper()
	var fields []types.Field
	options := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if k, v, ok := strings.Cut(line, " = "); ok {
			options[k] = v
			continue
		}
		name, typ, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		parsed, err := types.Parse(typ)
		require.NoError(t, err)
		fields = append(fields, types.Field{ID: len(fields), Name: name, Type: parsed})
	}
	return New(options, fields)
}

func open(t *testing.T, s *Source, from change.Position) source.Reader {
	t.Helper()
	r, err := s.Open(t.Context(), from)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// read gives up to n rows, as JSON, and the position after them.
func read(t *testing.T, s *Source, r source.Reader, n int) (rows []string, at change.Position) {
	t.Helper()
	for len(rows) < n {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		at = b.Position
		for i := range int(b.Rows.NumRows()) {
			rows = append(rows, string(rowjson.AppendRow(nil, s.Fields(), b.Rows, i, "")))
		}
		b.Release()
	}
	return rows, at
}

// TestRows runs testdata/rows: input: a declaration; output: its first rows,
// or the error. The rows of a seed must never change.
func TestRows(t *testing.T) {
	datadriven.RunTest(t, "testdata/rows", func(t *testing.T, d *datadriven.TestData) string {
		s, err := declare(t, d.Input)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		rows, _ := read(t, s, open(t, s, ""), 5)
		return strings.Join(rows[:min(5, len(rows))], "\n") + "\n"
	})
}

const mixed = `id BIGINT
s STRING
d DECIMAL(38, 4)
ts TIMESTAMP(6)
a ARRAY<ROW<x INT, y STRING>>
rows-per-second = 1000000
fields.id.kind = sequence
fields.id.start = 100
fields.id.end = 20099
fields.s.length = 6
fields.s.var-len = true
fields.s.null-rate = 0.3
fields.ts.max-past = 1 h
fields.a.length = 2
fields.a.element.y.length = 3
`

// TestResume holds that any position gives exactly the rest, with and without
// a seed of the user's.
func TestResume(t *testing.T) {
	for _, extra := range []string{"", "seed = 5\n"} {
		s, err := declare(t, mixed+extra)
		require.NoError(t, err)
		require.True(t, s.Bounded())
		r := open(t, s, "")
		b, err := r.Next(t.Context())
		require.NoError(t, err)
		b.Release()
		rest, _ := read(t, s, r, 1<<30)
		require.EqualValues(t, 20000, len(rest)+int(b.Rows.NumRows()))
		again, _ := read(t, s, open(t, s, b.Position), 1<<30)
		require.Equal(t, rest, again)
		other, _ := read(t, s, open(t, s, ""), 1<<30)
		require.Equal(t, extra != "", other[len(other)-1] == rest[len(rest)-1], "another run is equal only with a seed")
	}
	s, err := declare(t, mixed+"seed = 6\n")
	require.NoError(t, err)
	_, err = s.Open(t.Context(), `{"row":3,"seed":5,"base":0}`)
	require.ErrorContains(t, err, "seed 5")
	_, err = s.Open(t.Context(), `rubbish`)
	require.ErrorContains(t, err, "position")
}

// TestSpread holds that values fill their range, ends included, and that nulls
// come at their rate.
func TestSpread(t *testing.T) {
	s, err := declare(t, `i TINYINT
d DECIMAL(20, 0)
n INT
number-of-rows = 20000
rows-per-second = 1000000000
seed = 1
fields.i.min = -3
fields.i.max = 2
fields.d.min = 7
fields.d.max = 9
fields.n.null-rate = 0.25
`)
	require.NoError(t, err)
	rows, _ := read(t, s, open(t, s, ""), 1<<30)
	require.Len(t, rows, 20000)
	seen := map[string]int{}
	nulls := 0
	for _, row := range rows {
		i, rest, _ := strings.Cut(row, ",")
		d, n, _ := strings.Cut(rest, ",")
		seen[i]++
		seen[d]++
		if strings.Contains(n, "null") {
			nulls++
		}
	}
	require.Len(t, seen, 9)
	for v, n := range seen {
		want := 20000 / 6
		if strings.Contains(v, "d") {
			want = 20000 / 3
		}
		require.InDelta(t, want, n, 300, v)
	}
	require.InDelta(t, 5000, nulls, 250)
}

// TestBelowWide holds the arithmetic of 256 bits against big.Int.
func TestBelowWide(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	word := func() uint64 { return rnd.Uint64() >> (rnd.Intn(4) * 21) << (rnd.Intn(2) * 30) }
	wide := func(h, l uint64) *big.Int {
		n := new(big.Int).Lsh(new(big.Int).SetUint64(h), 64)
		return n.Or(n, new(big.Int).SetUint64(l))
	}
	for range 20000 {
		xh, xl, nh, nl := word(), word(), word(), word()
		h, l := belowWide(xh, xl, nh, nl)
		want := new(big.Int).Mul(wide(xh, xl), wide(nh, nl))
		require.Equal(t, want.Rsh(want, 128).String(), wide(h, l).String(), "%x %x %x %x", xh, xl, nh, nl)
	}
}

// TestPace holds the reader to rows-per-second, also after a stop.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := declare(t, "id INT\nrows-per-second = 100\n")
		require.NoError(t, err)
		require.False(t, s.Bounded())
		r, err := s.Open(t.Context(), "")
		require.NoError(t, err)
		defer r.Close()
		begin := time.Now()
		rows, _ := read(t, s, r, 500)
		require.InDelta(t, 5, time.Since(begin).Seconds(), 0.1)
		require.InDelta(t, 500, len(rows), 10)

		time.Sleep(time.Hour)
		begin = time.Now()
		rows, _ = read(t, s, r, 600)
		require.InDelta(t, 5, time.Since(begin).Seconds(), 0.2, "only a second is caught up")
		require.InDelta(t, 600, len(rows), 10)

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = r.Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		failed := make(chan error)
		go func() {
			_, err := r.Next(context.Background())
			failed <- err
		}()
		synctest.Wait()
		require.NoError(t, r.Close())
		require.ErrorIs(t, <-failed, errClosed)
	})
}

// TestSlowPace holds the least pace, one row a second.
func TestSlowPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := declare(t, "id INT\nrows-per-second = 1\nnumber-of-rows = 3\n")
		require.NoError(t, err)
		r, err := s.Open(t.Context(), "")
		require.NoError(t, err)
		defer r.Close()
		begin := time.Now()
		rows, _ := read(t, s, r, 10)
		require.Len(t, rows, 3)
		require.InDelta(t, 3, time.Since(begin).Seconds(), 0.01)
	})
}

func TestAllocatesLittle(t *testing.T) {
	s, err := declare(t, mixed+"seed = 1\n")
	require.NoError(t, err)
	r := open(t, s, "").(*reader)
	n := uint64(0)
	for range 5000 {
		for _, c := range r.columns {
			c.append(n)
		}
		n++
	}
	require.Less(t, testing.AllocsPerRun(1000, func() {
		for _, c := range r.columns {
			c.append(n)
		}
		n++
	}), 0.1)
}
