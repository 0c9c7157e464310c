//go:build witness

package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// keySpace is how many keys a table has, and rows how many a commit writes, at
// most.
const (
	keySpace      = 40
	rowsPerCommit = 45
)

// history writes random commits into one table and remembers them.
type history struct {
	def    *table
	w      *paimon.Warehouse
	t      *paimon.Table
	r      *rand.Rand
	keys   []arrow.Array // the values of key and partition columns, by column; nil for others
	log    []written
	taken  bool // others wrote into the table before: log lacks their rows
	writer *paimon.Writer
	next   int64
}

// written is one row as it was written.
type written struct {
	kind      types.RowKind
	key, text string
}

// start creates the table.
func start(ctx context.Context, w *paimon.Warehouse, def *table) (*history, error) {
	d, err := def.definition()
	if err != nil {
		return nil, err
	}
	if err := w.Catalog().CreateTable(ctx, def.id(), d); err != nil {
		return nil, err
	}
	return open(ctx, w, def)
}

// open goes on with a table that exists. The same def gives the same keys.
func open(ctx context.Context, w *paimon.Warehouse, def *table) (*history, error) {
	t, err := w.Table(ctx, def.id(), nil)
	if err != nil {
		return nil, err
	}
	h := &history{w: w, def: def, t: t, r: def.values.r}
	return h, h.makeKeys()
}

func (h *history) makeKeys() error {
	fields := h.t.Fields()
	h.keys = make([]arrow.Array, len(fields))
	for i, f := range fields {
		isKey, isPart := slices.Contains(h.def.keys, f.Name), slices.Contains(h.def.parts, f.Name)
		if !isKey && !isPart {
			continue
		}
		n := keySpace
		if isPart {
			n = 3
		}
		v := h.def.values
		v.small = false
		b := array.NewBuilder(memory.DefaultAllocator, f.ArrowField().Type)
		for range n {
			v.append(b, f.Type)
		}
		h.keys[i] = b.NewArray()
		if !isPart || !isKey {
			continue
		}
		// every key lies in one partition
		refs := make([]columnar.Ref, keySpace)
		for k := range refs {
			refs[k] = columnar.Ref{Row: int32(h.r.IntN(n))}
		}
		all, err := columnar.Gather(memory.DefaultAllocator, []arrow.Array{h.keys[i]}, refs)
		if err != nil {
			return err
		}
		h.keys[i] = all
	}
	return nil
}

// batch makes random rows; only fill's columns have values if it is not nil.
func (h *history) batch(fill []string) (paimon.Batch, error) {
	fields := h.t.Fields()
	n := 5 + h.r.IntN(rowsPerCommit-4)
	refs := make([]columnar.Ref, n)
	kinds := make([]types.RowKind, n)
	for i := range refs {
		refs[i].Row = int32(h.r.IntN(keySpace))
		kinds[i] = h.kind()
	}
	columns := make([]arrow.Array, len(fields))
	for c, f := range fields {
		if h.keys[c] != nil {
			at := slices.Clone(refs)
			for i := range at {
				if len(h.def.keys) > 0 && !slices.Contains(h.def.keys, f.Name) {
					at[i].Row = int32(h.r.IntN(h.keys[c].Len())) // keys move between partitions
				}
				at[i].Row %= int32(h.keys[c].Len())
			}
			a, err := columnar.Gather(memory.DefaultAllocator, h.keys[c:c+1], at)
			if err != nil {
				return paimon.Batch{}, err
			}
			columns[c] = a
			continue
		}
		b := array.NewBuilder(memory.DefaultAllocator, f.ArrowField().Type)
		for i := range n {
			if f.Name == h.def.kindColumn {
				b.(*array.StringBuilder).Append(kinds[i].String())
				continue
			}
			if fill != nil && !slices.Contains(fill, f.Name) {
				b.AppendNull()
				continue
			}
			if of, ok := h.def.sketches[f.Name]; ok && h.r.Float64() >= h.def.values.nulls {
				pool := h.def.values.sketches[of]
				b.(*array.BinaryBuilder).Append(pool[h.r.IntN(len(pool))])
				continue
			} else if ok {
				b.AppendNull()
				continue
			}
			if form, ok := h.def.bitmaps[f.Name]; ok {
				h.def.values.appendBitmap(b.(*array.BinaryBuilder), form)
				continue
			}
			h.def.values.append(b, f.Type)
		}
		columns[c] = b.NewArray()
	}
	return paimon.Batch{Rows: array.NewRecordBatch(types.ArrowSchema(fields), columns, int64(n)), Kinds: kinds}, nil
}

func (h *history) kind() types.RowKind {
	if len(h.def.keys) == 0 {
		return types.Insert
	}
	switch p := h.r.Float64(); {
	case p < h.def.deletes:
		return types.Delete
	case p < h.def.deletes+h.def.updates:
		return types.UpdateBefore
	case p < 0.6:
		return types.UpdateAfter
	}
	return types.Insert
}

// run writes commits and compacts as the table says.
func (h *history) run(ctx context.Context, commits int) (err error) {
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	committer := h.t.NewCommitter("job")
	last, err := committer.Last(ctx)
	if err != nil {
		return err
	}
	if last != nil {
		h.next = last.CommitIdentifier
	}
	for i := range commits {
		if err := h.commit(ctx, committer, i); err != nil {
			return fmt.Errorf("commit %d: %w", i+1, err)
		}
		if h.def.rescale > 0 && i == commits/2 {
			if err := h.rescaled(ctx); err != nil {
				return err
			}
			committer = h.t.NewCommitter("job")
		}
		if h.def.rowDeletes && i%2 == 1 {
			if err := h.deleteRows(ctx); err != nil {
				return fmt.Errorf("delete after commit %d: %w", i+1, err)
			}
		}
		full := h.def.compaction == compactFull
		if h.def.compaction == compactAuto || (i != commits/2 && !(full && i == commits-1)) {
			continue
		}
		if err := h.close(ctx); err != nil {
			return err
		}
		if _, err := h.t.Compact(ctx, paimon.CompactOptions{Full: full, OrderStrategy: h.def.order, OrderBy: h.def.orderBy}); err != nil {
			return fmt.Errorf("compact after commit %d: %w", i+1, err)
		}
	}
	return nil
}

func (h *history) commit(ctx context.Context, c *paimon.Committer, i int) error {
	var err error
	if h.writer == nil {
		if h.writer, err = h.t.NewWriter(ctx, paimon.WriteOptions{}); err != nil {
			return err
		}
	}
	var fill []string
	if len(h.def.fills) > 0 {
		fill = h.def.fills[i%len(h.def.fills)]
	}
	b, err := h.batch(fill)
	if err != nil {
		return err
	}
	defer b.Rows.Release()
	in := b
	if h.def.kindColumn != "" {
		in.Kinds = nil
	}
	if err := h.writer.Write(ctx, in); err != nil {
		return err
	}
	messages, err := h.writer.Prepare(ctx, true)
	if err != nil {
		return err
	}
	h.next++
	if _, err = c.Commit(ctx, paimon.Commit{Identifier: h.next, Messages: messages}); err != nil {
		return err
	}
	return h.remember(b)
}

// deleteRows deletes rows at random places, with those that are in the same
// file before or behind.
func (h *history) deleteRows(ctx context.Context) error {
	if err := h.close(ctx); err != nil {
		return err
	}
	c, err := h.t.NewRowChange(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	p, err := c.Plan(ctx, nil)
	if err != nil {
		return err
	}
	r := p.Read(ctx, p.Splits, nil)
	defer r.Close()
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for i := range int(b.Rows.NumRows()) {
			if h.r.IntN(5) > 0 {
				continue
			}
			s, file, row, ok := r.Location(i)
			if !ok {
				return fmt.Errorf("row %d has no place", i)
			}
			if err := c.Delete(s, file, uint64(row)); err != nil {
				return err
			}
			text := string(rowjson.AppendRow(nil, h.t.Fields(), b.Rows, i, ""))
			at := slices.IndexFunc(h.log, func(w written) bool { return w.text == text })
			switch {
			case at >= 0:
				h.log = slices.Delete(h.log, at, at+1)
			case !h.taken:
				return fmt.Errorf("row %s was never written", text)
			}
		}
		b.Rows.Release()
	}
	_, err = c.Commit(ctx, "DELETE")
	return err
}

// close ends the writer, if there is one.
func (h *history) close(ctx context.Context) error {
	if h.writer == nil {
		return nil
	}
	w := h.writer
	h.writer = nil
	return w.Close(ctx)
}

func (h *history) remember(b paimon.Batch) error {
	fields := h.t.Fields()
	keyAt, err := h.t.Schema().Indexes(h.def.keys)
	if err != nil {
		return err
	}
	for i := range int(b.Rows.NumRows()) {
		var key []byte
		for _, at := range keyAt {
			key = append(rowjson.AppendValue(key, fields[at].Type, b.Rows.Column(at), i), '|')
		}
		h.log = append(h.log, written{b.Kind(i), string(key), string(rowjson.AppendRow(nil, fields, b.Rows, i, ""))})
	}
	return nil
}

// expected gives the rows that the table must hold, and whether that can be
// said without a merge engine of one's own. It is the last word on the writer:
// Java and Tarn agree about files, but cannot know of rows that got lost
// before.
func (h *history) expected() (rows []string, ok bool) {
	engine := h.t.Options().MergeEngine
	switch {
	case h.lags(), engine == "deduplicate" && h.def.options["ignore-delete"] != "", h.def.options["record-level.expire-time"] != "":
		return nil, false
	case len(h.def.keys) == 0:
		for _, w := range h.log {
			rows = append(rows, w.text)
		}
		return rows, true
	case len(h.t.Options().SequenceFields) > 0:
		return nil, false
	case engine == "deduplicate":
		return h.lastRows(), true
	case engine == "first-row" && h.def.compaction != compactNone: // else the newest rows do not show yet
		return h.firstRows(), true
	}
	return nil, false
}

// lags reports whether the newest rows may not show yet: they are compacted by
// others.
func (h *history) lags() bool {
	o := h.t.Options()
	return len(h.def.keys) > 0 && o.SkipsLevel0() && h.def.compaction == compactNone
}

func (h *history) lastRows() []string {
	byKey := map[string]string{}
	for _, w := range h.log {
		if delete(byKey, w.key); !w.kind.IsRetract() {
			byKey[w.key] = w.text
		}
	}
	var rows []string
	for _, text := range byKey {
		rows = append(rows, text)
	}
	return rows
}

func (h *history) firstRows() []string {
	seen := map[string]bool{}
	var rows []string
	for _, w := range h.log {
		if !w.kind.IsRetract() && !seen[w.key] {
			seen[w.key] = true
			rows = append(rows, w.text)
		}
	}
	return rows
}
