package fileindex

import (
	"fmt"

	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

// Select gives the rows of the file that may satisfy a filter; nil when all may
// or nothing is known. columns gives, for a column of the filter, its name and
// type in the schema that the file was written with; ok is false when indexes
// tell nothing of it: the file lacks it or has it in another type. Damage is
// errs.ErrCorrupt; the caller says of which file.
// Source: org.apache.paimon.fileindex.FileIndexPredicate.
func (c *Container) Select(f predicate.Filter, rows int64, columns func(string) (types.Field, bool)) (*Rows, error) {
	s := selector{c: c, rows: int(rows), columns: columns, open: map[entry]answer{}}
	return s.all(f)
}

type selector struct {
	c       *Container
	rows    int
	columns func(string) (types.Field, bool)
	open    map[entry]answer
}

// all is a conjunction.
func (s *selector) all(f predicate.Filter) (*Rows, error) {
	var out *Rows
	for i := range f {
		got, err := s.leaf(&f[i])
		if err != nil {
			return nil, err
		}
		if out = both(out, got); out != nil && out.Empty() {
			return out, nil
		}
	}
	return out, nil
}

// both is the intersection of two answers, which it may change.
func both(a, b *Rows) *Rows {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return a.and(b)
}

func (s *selector) leaf(l *predicate.Leaf) (*Rows, error) {
	if l.Op == predicate.Or {
		return s.any(l.Any)
	}
	field, ok := s.columns(l.Column)
	if !ok {
		return nil, nil
	}
	asked, err := questions(l, field.Type, s.rows)
	if err != nil {
		return nil, err
	}
	var out *Rows
	for _, e := range s.c.of(field.Name) {
		for i := range asked {
			got, err := s.ask(e, field, &asked[i])
			if err != nil {
				return nil, fmt.Errorf("%s index of column %s: %w", e.kind, e.column, err)
			}
			if out = both(out, got); out != nil && out.Empty() {
				return out, nil
			}
		}
	}
	return out, nil
}

// any is a disjunction.
func (s *selector) any(of []predicate.Filter) (*Rows, error) {
	out := NewRows(s.rows)
	for _, f := range of {
		got, err := s.all(f)
		if err != nil || got == nil {
			return nil, err
		}
		out.or(got)
	}
	return out, nil
}

func (s *selector) ask(e entry, field types.Field, q *question) (*Rows, error) {
	if e.start == emptyStart { // no row has a value
		if q.op == opNull || q.op == opNotIn {
			return nil, nil
		}
		return NewRows(s.rows), nil
	}
	a, ok := s.open[e]
	if !ok {
		raw, err := s.c.read(e)
		if err != nil {
			return nil, err
		}
		if a, err = openIndex(e.kind, field.Type, s.rows, raw); err != nil {
			return nil, err
		}
		s.open[e] = a
	}
	if a == nil {
		return nil, nil
	}
	return a.sel(q)
}

// openIndex reads an index; nil for a kind that this version does not know.
func openIndex(kind string, t types.Type, rows int, raw []byte) (answer, error) {
	d, ok := domainOf(t)
	if !ok {
		return nil, nil
	}
	var a answer
	var err error
	switch kind {
	case Bloom:
		a, err = readBloom(d, t, raw)
	case Bitmap:
		a, err = readBitmap(d, rows, raw)
	case BSI:
		a, err = readBSI(rows, raw)
	case RangeBitmap:
		a, err = readRange(d, rows, raw)
	}
	return a, err
}
