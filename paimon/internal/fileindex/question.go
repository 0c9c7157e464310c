package fileindex

import (
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

// op is what is asked of one column.
type op uint8

const (
	opIn op = iota
	opNotIn
	opNull
	opNotNull
	opLt
	opLe
	opGt
	opGe
)

// question asks an index of one column for the rows that may satisfy a
// condition.
type question struct {
	rows   int
	op     op
	values []value // one for comparisons
}

// answer is an index that answers questions: the rows that may satisfy one, nil
// when it cannot tell.
type answer interface {
	sel(q *question) (*Rows, error)
}

var ops = map[predicate.Op]op{
	predicate.Eq: opIn, predicate.In: opIn, predicate.Ne: opNotIn, predicate.NotIn: opNotIn, predicate.IsNull: opNull,
	predicate.IsNotNull: opNotNull, predicate.Lt: opLt, predicate.Le: opLe, predicate.Gt: opGt, predicate.Ge: opGe,
}

// questions gives what has to hold, all of it, for a condition to hold; none
// when indexes know nothing of it.
func questions(l *predicate.Leaf, t types.Type, rows int) ([]question, error) {
	d, ok := domainOf(t)
	if !ok {
		return nil, nil
	}
	if l.Op == predicate.IsNull || l.Op == predicate.IsNotNull {
		return []question{{rows: rows, op: ops[l.Op]}}, nil
	}
	values, err := valuesOf(d, l)
	if err != nil {
		return nil, err
	}
	if l.Op == predicate.StartsWith { // Values are the prefix and, if there is one, the first text behind all
		out := []question{{rows: rows, op: opGe, values: values[:1]}}
		if len(values) > 1 {
			out = append(out, question{rows: rows, op: opLt, values: values[1:]})
		}
		return out, nil
	}
	q := question{rows: rows, values: values}
	if q.op, ok = ops[l.Op]; !ok {
		return nil, nil
	}
	if d.cut {
		switch q.op {
		case opNotIn:
			return nil, nil
		case opLt:
			q.op = opLe
		case opGt:
			q.op = opGe
		}
	}
	return []question{q}, nil
}

func valuesOf(d domain, l *predicate.Leaf) ([]value, error) {
	var c column
	if err := c.set(l.Values); err != nil {
		return nil, err
	}
	out := make([]value, 0, c.n)
	for i := range c.n {
		switch {
		case c.null(i): // equals nothing
		case d.text:
			out = append(out, value{text: string(c.at(i))})
		default:
			out = append(out, value{num: c.nums[i]})
		}
	}
	return out, nil
}

// compared answers a question with an index that compares; exist gives a new
// set of the rows that have a value.
func (q *question) compared(exist func() *Rows, compare func(value) (lt, eq, gt *Rows, err error)) (*Rows, error) {
	switch q.op {
	case opNull:
		return exist().invert(), nil
	case opNotNull:
		return exist(), nil
	}
	in := NewRows(q.rows)
	for _, v := range q.values {
		lt, eq, gt, err := compare(v)
		if err != nil {
			return nil, err
		}
		switch q.op {
		case opIn, opNotIn:
			in.or(eq)
		case opLt:
			in.or(lt)
		case opLe:
			in.or(lt).or(eq)
		case opGt:
			in.or(gt)
		case opGe:
			in.or(gt).or(eq)
		}
	}
	if q.op == opNotIn {
		return exist().andNot(in), nil
	}
	return in, nil
}
