package lsm

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/spec"
)

// Compactor rewrites files of one bucket. It holds no resources.
//
//  1. The unit's files are cut into sections by key range.
//  2. Files without overlap that are large enough change level as they are;
//     all between them is merged, in stretches of neighbouring sections.
//  3. Stretches are rewritten side by side, each by its own writer.
//
// Source: org.apache.paimon.mergetree.compact.{MergeTreeCompactTask,
// ChangelogMergeTreeRewriter}.
type Compactor struct {
	files Files
	o     CompactOptions
	read  mergeOptions
}

// NewCompactor makes a compactor.
func NewCompactor(files Files, o CompactOptions) *Compactor {
	c := &Compactor{files: files, o: o, read: o.Read.resolve()}
	c.o.Parallelism = max(o.Parallelism, 1)
	c.read.Parallelism = c.o.Parallelism // memory is shared by the stretches
	c.read.blind = o.Mark && o.Blind
	return c
}

// job is one independent part of a compaction.
type job struct {
	sections []Section // to merge
	upgrade  *File     // or a file that changes level as it is
	// changelog: look up levels above and write changelog; keep: read only, the
	// files stay as they are.
	changelog, keep, dropDeletes bool
	res                          CompactResult
}

// Compact does unit, which was picked from lv, and returns what changed. lv is
// not changed: apply the result with Levels.Update. After an error (ctx.Err()
// when ctx is done) no new file is left.
func (c *Compactor) Compact(ctx context.Context, lv *Levels, unit Unit) (CompactResult, error) {
	if c.o.Changelog == nil && c.read.Policy != MergeAll {
		watched := *c
		watched.o.Changelog = lookupOnly{lv.MaxLevel()}
		c = &watched
	}
	p := planner{c: c, unit: unit, maxLevel: lv.MaxLevel(), higher: higherRuns(lv, unit)}
	p.dropDeletes = !c.o.KeepDeletes && unit.OutputLevel != 0 && (unit.OutputLevel >= lv.HighestNonEmpty() || c.o.Mark)
	p.plan()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.o.Parallelism)
	for _, j := range p.jobs {
		g.Go(func() error { return c.do(gctx, j, unit.OutputLevel, p.higher) })
	}
	err := g.Wait()
	var res CompactResult
	for _, j := range p.jobs {
		res.Before = append(res.Before, j.res.Before...)
		res.After = append(res.After, j.res.After...)
		res.Changelog = append(res.Changelog, j.res.Changelog...)
		res.addDead(j.res.Dead)
	}
	if err == nil {
		return res, nil
	}
	if written := append(res.Written(), res.Changelog...); len(written) > 0 {
		err = errors.Join(err, c.files.Delete(context.WithoutCancel(ctx), written...))
	}
	return CompactResult{}, err
}

func (r *CompactResult) addDead(dead map[string][]uint64) {
	for file, rows := range dead {
		if r.Dead == nil {
			r.Dead = map[string][]uint64{}
		}
		r.Dead[file] = append(r.Dead[file], rows...)
	}
}

// higherRuns gives the files above the output level that take no part, lowest
// level first.
func higherRuns(lv *Levels, unit Unit) [][]*File {
	var out [][]*File
	for level := unit.OutputLevel + 1; level <= lv.MaxLevel(); level++ {
		if files := lv.Level(level); len(files) > 0 {
			out = append(out, files)
		}
	}
	return out
}

// planner cuts a unit into jobs.
type planner struct {
	c           *Compactor
	unit        Unit
	maxLevel    int
	higher      [][]*File
	dropDeletes bool
	jobs        []*job
	pending     []Section // neighbouring sections to rewrite together
}

func (p *planner) plan() {
	if p.unit.Rewrite {
		for _, f := range p.unit.Files {
			p.rewrite([]Section{{{f}}})
		}
		return
	}
	for _, s := range Partition(p.unit.Files) {
		if len(s) > 1 {
			p.pending = append(p.pending, s)
			continue
		}
		for _, f := range s[0] {
			if f.FileSize < p.c.o.MinUpgradeSize {
				p.pending = append(p.pending, Section{{f}})
				continue
			}
			p.flush()
			p.upgrade(f)
		}
	}
	p.flush()
}

// flush turns the pending sections into jobs. A small file alone between large
// ones has no neighbours to be rewritten with, so it is upgraded.
func (p *planner) flush() {
	sections := p.pending
	p.pending = nil
	if len(sections) == 1 && len(sections[0]) == 1 {
		p.upgrade(sections[0][0][0])
		return
	}
	for len(sections) > 0 {
		n, size := 0, int64(0)
		for n < len(sections) && (p.c.o.Parallelism == 1 || size < p.stretch()) {
			for _, f := range sections[n].Files() {
				size += f.FileSize
			}
			n++
		}
		p.rewrite(sections[:n:n])
		sections = sections[n:]
	}
}

// stretch is the number of bytes that are worth a goroutine: a few output
// files, so that splitting leaves few small ones.
func (p *planner) stretch() int64 { return 4 * max(p.c.o.MinUpgradeSize, 1) }

func (p *planner) rewrite(sections []Section) {
	cl := p.c.o.Changelog
	p.jobs = append(p.jobs, &job{
		sections: sections, dropDeletes: p.dropDeletes,
		changelog: cl != nil && cl.Rewrites(p.unit.OutputLevel, sections),
	})
}

func (p *planner) upgrade(f *File) {
	deletes := f.DeleteRowCount == nil || *f.DeleteRowCount > 0
	if p.unit.OutputLevel == p.maxLevel && deletes && !p.c.o.KeepDeletes || p.c.o.Rewrite != nil && p.c.o.Rewrite(f) {
		p.rewrite([]Section{{{f}}})
		return
	}
	if f.Level == p.unit.OutputLevel {
		return
	}
	mode := UpgradeOnly
	if cl := p.c.o.Changelog; cl != nil {
		mode = cl.Upgrade(p.unit.OutputLevel, f)
		switch {
		case p.c.o.Mark && f.Level == 0 && deletes: // deletes end here
			mode = UpgradeByRewrite
		case mode == UpgradeAndRead && !cl.Writes() && !(p.c.o.Mark && len(overlapping(Section{{f}}, p.higher)) > 0):
			mode = UpgradeOnly
		}
	}
	switch mode {
	case UpgradeAndRead:
		p.jobs = append(p.jobs, &job{sections: []Section{{{f}}}, changelog: true, keep: true})
	case UpgradeByRewrite:
		p.jobs = append(p.jobs, &job{sections: []Section{{{f}}}, changelog: true, dropDeletes: p.c.o.Mark && p.dropDeletes})
	default:
		p.jobs = append(p.jobs, &job{upgrade: f})
	}
}

// do runs one job; its result is in j.res, also partly when it fails.
func (c *Compactor) do(ctx context.Context, j *job, level int, higher [][]*File) error {
	if j.upgrade != nil {
		j.res.Before = []spec.DataFileMeta{j.upgrade.DataFileMeta}
		j.res.After = []spec.DataFileMeta{raised(j.upgrade, level)}
		return nil
	}
	w := rewriter{c: c, job: j, folder: newFolder(c.read.NewEngine(), c.read.mem, nil)}
	if !j.keep {
		w.data = newPipe(c.files.NewWriter(ctx, level, spec.SourceCompact))
	}
	if j.changelog && c.o.Changelog.Writes() {
		w.changelog = newPipe(c.files.NewChangelogWriter(ctx, level))
	}
	for _, s := range j.sections {
		if err := w.section(ctx, s, higher); err != nil {
			w.abort()
			return err
		}
	}
	for _, s := range j.sections {
		for _, f := range s.Files() {
			j.res.Before = append(j.res.Before, f.DataFileMeta)
			if j.keep {
				j.res.After = append(j.res.After, raised(f, level))
			}
		}
	}
	return w.close()
}

func raised(f *File, level int) spec.DataFileMeta {
	m := f.DataFileMeta
	m.Level = level
	return m
}

// rewriter merges sections into one writer.
type rewriter struct {
	c               *Compactor
	job             *job
	folder          *folder
	data, changelog *pipe // nil when not wanted
	changes         Changes
}

func (w *rewriter) section(ctx context.Context, s Section, higher [][]*File) error {
	o := w.c.read
	var lookup [][]*File
	if w.job.changelog {
		o.spans = w.c.o.Changelog.Silent
		if o.Policy != MergeAll {
			lookup = overlapping(s, higher)
		}
	}
	m, err := openSection(ctx, w.c.files, s, lookup, &o)
	if err != nil {
		return err
	}
	if w.c.o.Mark {
		m.mark, m.blind = w.mark, o.blind
	}
	for err == nil {
		var st step
		if st, err = m.next(); err != nil || st == stepEnd {
			break
		}
		if err = ctx.Err(); err != nil {
			if st == stepSpan {
				m.span.Release()
			}
			break
		}
		if st == stepSpan {
			err = w.write(m.span)
		} else {
			err = w.window(&m.view)
		}
	}
	return errors.Join(err, m.close())
}

// mark notes that a row of a file is dead.
func (w *rewriter) mark(file string, row int64) {
	dead := w.job.res.Dead
	if dead == nil {
		dead = map[string][]uint64{}
		w.job.res.Dead = dead
	}
	dead[file] = append(dead[file], uint64(row))
}

// overlapping gives, per level, the files that share keys with the section.
func overlapping(s Section, higher [][]*File) [][]*File {
	lo, hi := s.bounds()
	var out [][]*File
	for _, files := range higher {
		from, _ := slices.BinarySearchFunc(files, lo, func(f *File, key []byte) int { return bytes.Compare(f.Max, key) })
		to := from
		for to < len(files) && bytes.Compare(files[to].Min, hi) <= 0 {
			to++
		}
		if to > from {
			out = append(out, files[from:to])
		}
	}
	return out
}

// write takes over b and writes it as data.
func (w *rewriter) write(b *columnar.KV) error {
	if w.data == nil {
		b.Release()
		return nil
	}
	if w.job.dropDeletes {
		var err error
		if b, err = dropRetracts(w.c.read.mem, b); b == nil || err != nil {
			return err
		}
	}
	return w.data.write(b)
}

func (w *rewriter) window(v *Window) error {
	watched := w.changelog != nil
	if w.data == nil && !watched { // read for the sake of lookups
		return nil
	}
	// Paimon's lookup compaction has no shortcut for single versions.
	v.Always = w.job.changelog && w.c.read.Policy != MergeAll
	b, key, err := w.folder.fold(&v.Window, w.job.dropDeletes && !watched)
	if err != nil {
		return err
	}
	if watched {
		if err := w.writeChanges(v, b, key); err != nil {
			if b != nil {
				b.Release()
			}
			return err
		}
	}
	if b == nil {
		return nil
	}
	return w.write(b)
}

func (w *rewriter) writeChanges(v *Window, b *columnar.KV, key []int32) error {
	var after *After
	if b != nil {
		after = &After{Rows: b, Key: key}
	}
	w.changes.Reset()
	if err := w.c.o.Changelog.Changes(v, after, &w.changes); err != nil {
		return err
	}
	if len(w.changes.Refs) == 0 {
		return nil
	}
	sources := v.Sources
	if b != nil {
		sources = append(slices.Clone(sources), b)
	}
	rows, err := gatherKV(w.c.read.mem, sources, w.changes.Refs, false)
	if err != nil {
		return err
	}
	copy(rows.Kinds, w.changes.Kinds)
	copy(rows.Seqs, w.changes.Seqs)
	return w.changelog.write(rows)
}

func (w *rewriter) close() error {
	var err error
	if w.data != nil {
		var out []spec.DataFileMeta
		out, err = w.data.close()
		w.job.res.After = append(w.job.res.After, out...)
		w.data = nil
	}
	if err != nil {
		w.abort()
		return err
	}
	if w.changelog != nil {
		w.job.res.Changelog, err = w.changelog.close()
	}
	return err
}

func (w *rewriter) abort() {
	if w.data != nil {
		w.data.abort()
	}
	if w.changelog != nil {
		w.changelog.abort()
	}
}
