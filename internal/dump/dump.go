// Package dump prints what a table holds as JSON lines, in an order and form
// that any other reader of the table can reproduce: it is how equality with
// other Paimon implementations is checked.
package dump

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/spec"
)

// Options say what to print.
type Options struct {
	Table    catalog.Identifier
	Snapshot int64  // 0: the newest
	Tag      string // "": none
	// Changelog prints changes from snapshot From (0: the oldest that can be
	// read) instead of the state.
	Changelog bool
	From      int64
}

// Run prints the table to out. State is sorted by primary key, or by the bytes
// of the line where there is none; changes by snapshot.
func Run(ctx context.Context, w *paimon.Warehouse, o Options, out io.Writer) error {
	buffered := bufio.NewWriterSize(out, 1<<16)
	var err error
	if o.Changelog {
		err = changes(ctx, w, o, buffered)
	} else {
		err = state(ctx, w, o, buffered)
	}
	return errors.Join(err, buffered.Flush())
}

func state(ctx context.Context, w *paimon.Warehouse, o Options, out *bufio.Writer) error {
	hint := map[string]string{}
	if o.Snapshot > 0 {
		hint["scan.snapshot-id"] = fmt.Sprint(o.Snapshot)
	}
	if o.Tag != "" {
		hint["scan.tag-name"] = o.Tag
	}
	t, err := w.Table(ctx, o.Table, hint)
	if err != nil {
		return err
	}
	snap, err := t.Travel(ctx)
	if err != nil {
		return err
	}
	plan, err := t.Plan(ctx, snap, nil)
	if err != nil {
		return err
	}
	lines, err := readAll(ctx, plan)
	if err != nil {
		return err
	}
	for _, l := range lines {
		out.Write(l.text)
		out.WriteByte('\n')
	}
	return nil
}

// line is a row with its sort key.
type line struct {
	key, text []byte
}

func readAll(ctx context.Context, plan *paimon.Plan) ([]line, error) {
	schema := plan.Table.Schema()
	keyAt, err := schema.Indexes(schema.PrimaryKeys)
	if err != nil {
		return nil, err
	}
	keys := columnar.NewKeyEncoder(spec.TypesOf(schema.PrimaryKeyFields()), columnar.KeyOptions{})
	var lines []line
	r := plan.Read(ctx, plan.Splits, nil)
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		var k columnar.Keys
		if len(keyAt) > 0 {
			cols := make([]arrow.Array, len(keyAt))
			for i, at := range keyAt {
				cols[i] = b.Rows.Column(at)
			}
			if k, err = keys.Encode(cols); err != nil {
				return nil, err
			}
		}
		for i := range int(b.Rows.NumRows()) {
			l := line{text: rowjson.AppendRow(nil, schema.Fields, b.Rows, i, "")}
			l.key = l.text
			if len(keyAt) > 0 {
				l.key = slices.Clone(k.At(i))
			}
			lines = append(lines, l)
		}
		b.Rows.Release()
	}
	slices.SortStableFunc(lines, func(a, b line) int { return slices.Compare(a.key, b.key) })
	return lines, nil
}

func changes(ctx context.Context, w *paimon.Warehouse, o Options, out *bufio.Writer) error {
	t, err := w.Table(ctx, o.Table, nil)
	if err != nil {
		return err
	}
	from := o.From
	if from == 0 {
		if from, err = t.EarliestChange(ctx); err != nil || from == 0 {
			return err
		}
	}
	s := t.RawStream(from)
	defer s.Close()
	for {
		p, err := s.TryNext(ctx)
		if p == nil || err != nil {
			return err
		}
		if err := printChanges(ctx, t, p, out); err != nil {
			return err
		}
	}
}

func printChanges(ctx context.Context, t *paimon.Table, p *paimon.StreamPlan, out *bufio.Writer) error {
	r, err := p.Read(ctx, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	var text []byte
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range int(b.Rows.NumRows()) {
			text = rowjson.AppendRow(text[:0], t.Fields(), b.Rows, i, fmt.Sprintf(`"_snapshot":%d,"_kind":"%s"`, p.Snapshot.ID, b.Kind(i)))
			out.Write(append(text, '\n'))
		}
		b.Rows.Release()
	}
}
