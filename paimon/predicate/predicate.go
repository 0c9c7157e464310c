// Package predicate describes filters that let a scan skip partitions,
// buckets and files. A filter never decides on rows: whoever reads applies it
// again.
package predicate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Op is a comparison with literals.
type Op uint8

// The comparisons. In is true for any of several literals.
const (
	Eq Op = iota
	Lt
	Le
	Gt
	Ge
	In
	IsNull
	IsNotNull
	// Ne and NotIn are false for NULL, as SQL has it.
	Ne
	NotIn
	// StartsWith is LIKE 'prefix%' on a text column. Values are the prefix
	// and, unless there is none, the first text behind all that begin so.
	StartsWith
	// Or is true when one of Leaf.Any is; it has no column. Make it with AnyOf.
	Or
)

// Leaf is one condition on a column. Make it with New.
type Leaf struct {
	Column string
	Op     Op
	// Values are the literals in the column's Arrow type; nil for IsNull and
	// IsNotNull.
	Values arrow.Array
	// Any are the alternatives of Or.
	Any  []Filter
	keys columnar.Keys // Values, comparable by bytes
}

// Filter is a conjunction.
type Filter []Leaf

// New makes a condition on a column of type t. Literals are text in the
// column's own notation ("12", "2026-01-31", "1.50"), as SQL writes them; a
// literal that the type cannot hold, as 1.555 with two decimal places, is
// errs.ErrInvalid. FLOAT and DOUBLE are errs.ErrUnsupported: statistics tell
// nothing of NaN, and order and hash -0.0 apart from 0.0, which SQL does not.
func New(column string, t types.Type, op Op, literals ...string) (Leaf, error) {
	l := Leaf{Column: column, Op: op}
	if op == IsNull || op == IsNotNull {
		return l, nil
	}
	if t.IsNested() || len(literals) == 0 {
		return l, errs.Unsupported("filter on column %s of type %s", column, t)
	}
	if t.Root == types.Float || t.Root == types.Double {
		return l, errs.Unsupported("filter on column %s of type %s", column, t)
	}
	if op == StartsWith {
		if t.Root != types.Char && t.Root != types.Varchar || len(literals) != 1 {
			return l, errs.Unsupported("filter on column %s of type %s: prefix", column, t)
		}
		if end := behind(literals[0]); end != "" {
			literals = append(literals, end)
		}
	}
	b := array.NewBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for _, text := range literals {
		if t.Root == types.Decimal && !exact(text, t.Scale) {
			return l, errs.Invalid("filter on column %s: %q is no %s", column, text, t)
		}
		if err := b.AppendValueFromString(text); err != nil {
			return l, errs.Invalid("filter on column %s: %q is no %s", column, text, t)
		}
	}
	l.Values = b.NewArray()
	keys, err := encode(t, l.Values)
	if err != nil {
		return l, fmt.Errorf("filter on column %s: %w", column, err)
	}
	l.keys = keys
	return l, nil
}

// String tells conditions apart.
func (l Leaf) String() string {
	if l.Op == Or {
		return fmt.Sprint("or", l.Any)
	}
	return fmt.Sprint(l.Column, " ", uint8(l.Op), " ", l.Values)
}

// AnyOf is true when one of the filters is.
func AnyOf(filters ...Filter) Leaf { return Leaf{Op: Or, Any: filters} }

// behind gives the first text that is above all with this prefix, by bytes;
// "" when there is none.
func behind(prefix string) string {
	p := []byte(prefix)
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] < 0xff {
			p[i]++
			return string(p[:i+1])
		}
	}
	return ""
}

// exact reports whether a number has no digits behind the scale: parsing it as
// a decimal would round it, and comparisons with it would change.
func exact(text string, scale int) bool {
	if strings.ContainsAny(text, "eE") {
		return false
	}
	_, fraction, _ := strings.Cut(text, ".")
	return len(strings.TrimRight(fraction, "0")) <= scale
}

// encode makes values comparable; NULL sorts first.
func encode(t types.Type, values arrow.Array) (columnar.Keys, error) {
	return columnar.NewKeyEncoder([]types.Type{t.AsNullable()}, columnar.KeyOptions{}).Encode([]arrow.Array{values})
}

// Range is what is known of a column's values in a file or partition. Bounds
// are one-row batches' columns; nil means unknown.
type Range struct {
	Min, Max  arrow.Array // one row each
	NullCount int64       // -1: unknown
	Rows      int64
}

// MayMatch reports whether some row of a file with range r can satisfy the
// condition; true when that is not known.
func (l *Leaf) MayMatch(t types.Type, r Range) bool {
	switch l.Op {
	case IsNull:
		return r.NullCount != 0
	case IsNotNull:
		return r.NullCount < 0 || r.NullCount < r.Rows
	}
	if r.NullCount >= 0 && r.NullCount == r.Rows {
		return false
	}
	if r.Min == nil || r.Max == nil || r.Min.IsNull(0) || r.Max.IsNull(0) {
		return true
	}
	lo, err1 := encode(t, r.Min)
	hi, err2 := encode(t, r.Max)
	if err1 != nil || err2 != nil {
		return true
	}
	switch l.Op {
	case Ne, NotIn:
		return !bytes.Equal(lo.At(0), hi.At(0)) || !l.holds(lo.At(0))
	case StartsWith:
		return bytes.Compare(l.keys.At(0), hi.At(0)) <= 0 && (l.keys.Len() == 1 || bytes.Compare(l.keys.At(1), lo.At(0)) > 0)
	}
	for i := range l.keys.Len() {
		v := l.keys.At(i)
		low, high := bytes.Compare(v, lo.At(0)), bytes.Compare(v, hi.At(0))
		switch {
		case (l.Op == Eq || l.Op == In) && low >= 0 && high <= 0,
			l.Op == Lt && low > 0, l.Op == Le && low >= 0,
			l.Op == Gt && high < 0, l.Op == Ge && high <= 0:
			return true
		}
	}
	return false
}

// holds reports whether v is one of the literals.
func (l *Leaf) holds(v []byte) bool {
	for i := range l.keys.Len() {
		if bytes.Equal(l.keys.At(i), v) {
			return true
		}
	}
	return false
}

// MayMatch reports whether some row can satisfy the filter, by what of knows of
// columns; ok is false for a column of which nothing is known.
func (f Filter) MayMatch(of func(column string) (t types.Type, r Range, ok bool)) bool {
	for i := range f {
		l := &f[i]
		if l.Op == Or {
			if !slices.ContainsFunc(l.Any, func(a Filter) bool { return a.MayMatch(of) }) {
				return false
			}
			continue
		}
		if t, r, ok := of(l.Column); ok && !l.MayMatch(t, r) {
			return false
		}
	}
	return true
}

// Only keeps the conditions on the named columns; alternatives only if all of
// them are on such.
func (f Filter) Only(columns ...string) Filter {
	return f.Keep(func(l *Leaf) bool { return slices.Contains(columns, l.Column) })
}

// Keep gives the conditions that keep is true for; alternatives only if it is for
// all of them.
func (f Filter) Keep(keep func(*Leaf) bool) Filter {
	var out Filter
	for i := range f {
		l := &f[i]
		if l.Op == Or {
			if slices.ContainsFunc(l.Any, func(a Filter) bool { return len(a.Keep(keep)) < len(a) }) {
				continue
			}
		} else if !keep(l) {
			continue
		}
		out = append(out, *l)
	}
	return out
}

// Equals gives the single value that a column must have, if the filter says so.
func (f Filter) Equals(column string) (arrow.Array, bool) {
	for i := range f {
		if l := &f[i]; l.Column == column && (l.Op == Eq || l.Op == In) && l.Values.Len() == 1 {
			return l.Values, true
		}
	}
	return nil, false
}
