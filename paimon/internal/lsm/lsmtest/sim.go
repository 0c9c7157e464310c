package lsmtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Sim runs one bucket beside a model: all rows ever written, folded row by row
// as the engine's definition says.
type Sim struct {
	T      testing.TB
	Rng    *rand.Rand
	Table  *Table
	Files  *Files
	Mem    *memory.CheckedAllocator
	Levels *lsm.Levels
	Buffer *lsm.Buffer
	Bucket lsm.BucketRef
	Budget *lsm.Budget
	// Fold gives the row of a key from its versions in merge order.
	Fold func(versions []Row) (Row, bool)
	// Kinds are the kinds that are pushed.
	Kinds []types.RowKind
	// Keys is the number of different keys.
	Keys int
	// InputChangelog checks the raw changelog of every flush.
	InputChangelog bool
	Policy         lsm.Policy
	// Rows are all rows flushed, by key.
	Rows map[string][]Row

	pending []Row
	seq     int64
	extra   []string // names of changelog files
}

// Push buffers n random rows.
func (s *Sim) Push(n int) {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = s.row()
	}
	b := s.Table.KV(s.Mem, rows)
	defer b.Release()
	first := rows[0].Seq
	b.Seqs = nil
	if err := s.Buffer.Add(context.Background(), s.Bucket, b, nil, first); err != nil {
		s.T.Fatal(err)
	}
	s.pending = append(s.pending, rows...)
}

func (s *Sim) row() Row {
	r := Row{Seq: s.seq, K: fmt.Sprintf("order-%03d", s.Rng.IntN(s.Keys)), S: strings.Repeat("x", s.Rng.IntN(4)) + fmt.Sprint(s.seq)}
	r.Kind = s.Kinds[s.Rng.IntN(len(s.Kinds))]
	r.TS, r.V = s.maybe(5), s.maybe(100)
	s.seq++
	return r
}

func (s *Sim) maybe(n int64) *int64 {
	if s.Rng.IntN(4) == 0 {
		return nil
	}
	v := s.Rng.Int64N(n)
	return &v
}

// Flush writes the buffer and moves its rows into the model. With a failure
// injected it expects an error or success, and tries again.
func (s *Sim) Flush() {
	if s.Rng.IntN(4) == 0 {
		s.Files.FailAfter(1 + s.Rng.IntN(4))
	}
	res, err := s.Buffer.Flush(context.Background(), s.Bucket, s.Files)
	s.Files.FailAfter(0)
	if errors.Is(err, ErrInjected) {
		s.checkFiles()
		res, err = s.Buffer.Flush(context.Background(), s.Bucket, s.Files)
	}
	if err != nil {
		s.T.Fatal(err)
	}
	s.checkInputChangelog(res.Changelog)
	for _, f := range res.Files {
		if err := s.Levels.Add(f); err != nil {
			s.T.Fatal(err)
		}
	}
	for _, r := range s.pending {
		s.Rows[r.K] = append(s.Rows[r.K], r)
	}
	s.pending = nil
	s.checkFiles()
}

func (s *Sim) checkInputChangelog(metas []spec.DataFileMeta) {
	if !s.InputChangelog {
		return
	}
	want := slices.Clone(s.pending)
	slices.SortStableFunc(want, func(a, b Row) int { return cmp.Or(cmp.Compare(a.K, b.K), s.order(a, b)) })
	if got := s.Changelog(metas); fmt.Sprint(got) != fmt.Sprint(want) {
		s.T.Fatalf("input changelog is\n%v\nwant\n%v", got, want)
	}
}

// Changelog gives the rows of changelog files.
func (s *Sim) Changelog(metas []spec.DataFileMeta) []Row {
	var out []Row
	for _, m := range metas {
		out = append(out, s.Files.Read(m.FileName)...)
		s.extra = append(s.extra, m.FileName)
	}
	return out
}

// order compares versions of one key.
func (s *Sim) order(a, b Row) int {
	c := 0
	if s.Table.UserSeq {
		c = cmp.Compare(zeroed(a.TS), zeroed(b.TS))
	}
	return cmp.Or(c, cmp.Compare(a.Seq, b.Seq))
}

func zeroed(p *int64) int64 {
	if p == nil {
		return -1
	}
	return *p
}

// Want gives the values that the table should have, by key order.
func (s *Sim) Want() []string {
	var out []string
	for _, r := range s.WantRows() {
		out = append(out, r.Values())
	}
	slices.Sort(out)
	return out
}

// WantRows gives the rows that the table should have, in no order.
func (s *Sim) WantRows() []Row {
	var out []Row
	for _, versions := range s.Rows {
		versions = slices.Clone(versions)
		slices.SortFunc(versions, s.order)
		r := versions[0]
		ok := true
		if len(versions) > 1 {
			r, ok = s.Fold(versions)
		}
		if ok && !r.Kind.IsRetract() {
			out = append(out, r)
		}
	}
	return out
}

// Read merges files with random options.
func (s *Sim) Read(metas []spec.DataFileMeta) []Row {
	o := lsm.ReadOptions{
		KeyOf: KeyOf, NewEngine: s.Table.NewEngine, Policy: s.Policy, DropDeletes: true, Alloc: s.Mem,
		BatchRows: 1 + s.Rng.IntN(200), Parallelism: 1 + s.Rng.IntN(3), Readahead: s.Rng.IntN(3),
		Memory: int64(1 + s.Rng.IntN(1<<20)),
	}
	r, err := lsm.NewReader(context.Background(), s.Files, metas, o)
	if err != nil {
		s.T.Fatal(err)
	}
	var out []Row
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.T.Fatal(err)
		}
		out = append(out, Rows(b)...)
		b.Release()
	}
	if err := r.Close(); err != nil {
		s.T.Fatal(err)
	}
	return out
}

// Check compares a read of all files with the model.
func (s *Sim) Check() {
	var got []string
	for _, r := range s.Read(s.Levels.Files()) {
		got = append(got, r.Values())
	}
	want := s.Want()
	if !slices.Equal(got, want) {
		s.T.Fatalf("read %d rows, want %d:\n%s", len(got), len(want), diff(got, want))
	}
}

func diff(got, want []string) string {
	var b strings.Builder
	for _, g := range got {
		if !slices.Contains(want, g) {
			fmt.Fprintf(&b, "got  %s\n", g)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			fmt.Fprintf(&b, "want %s\n", w)
		}
	}
	return b.String()
}

// Compact does unit, with a failure injected now and then, and applies it.
func (s *Sim) Compact(c *lsm.Compactor, unit lsm.Unit) lsm.CompactResult {
	before := s.Files.Names()
	if s.Rng.IntN(4) == 0 {
		s.Files.FailAfter(1 + s.Rng.IntN(30))
	}
	res, err := c.Compact(context.Background(), s.Levels, unit)
	s.Files.FailAfter(0)
	if errors.Is(err, ErrInjected) {
		if after := s.Files.Names(); !slices.Equal(before, after) {
			s.T.Fatalf("failed compaction left %v, before it was %v", after, before)
		}
		res, err = c.Compact(context.Background(), s.Levels, unit)
	}
	if err != nil {
		s.T.Fatal(err)
	}
	if err := s.Levels.Update(res.Before, res.After); err != nil {
		s.T.Fatal(err)
	}
	for _, b := range res.Before {
		if !slices.ContainsFunc(res.After, func(a spec.DataFileMeta) bool { return a.FileName == b.FileName }) {
			_ = s.Files.Delete(context.Background(), b)
		}
	}
	for _, a := range res.After {
		if a.Level != unit.OutputLevel {
			s.T.Fatalf("file %s went to level %d, not %d", a.FileName, a.Level, unit.OutputLevel)
		}
	}
	return res
}

// CheckTree checks what must hold after every compaction and its changelog.
func (s *Sim) CheckTree() {
	s.checkFiles()
	for _, f := range s.Levels.Level(s.Levels.MaxLevel()) {
		if *f.DeleteRowCount > 0 {
			s.T.Fatalf("file %s on the top level holds %d deletes", f.FileName, *f.DeleteRowCount)
		}
	}
}

// checkFiles checks that exactly the files of the tree and changelog exist.
func (s *Sim) checkFiles() {
	want := slices.Clone(s.extra)
	for _, f := range s.Levels.Files() {
		want = append(want, f.FileName)
	}
	slices.Sort(want)
	if got := s.Files.Names(); !slices.Equal(got, want) {
		s.T.Fatalf("files are %v, want %v", got, want)
	}
}

// Close checks that all memory was given back.
func (s *Sim) Close() {
	if err := s.Buffer.Close(); err != nil {
		s.T.Fatal(err)
	}
	if n := s.Budget.Used(); n != 0 {
		s.T.Fatalf("%d bytes of the budget are still taken", n)
	}
	s.Mem.AssertSize(s.T.(*testing.T), 0)
}
