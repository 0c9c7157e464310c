package merge

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// pickFunc is an aggregate function whose result is one of its inputs.
type pickFunc uint8

const (
	lastValue pickFunc = iota
	lastNonNull
	firstValue
	firstNonNull
	maxValue
	minValue
	newest // FieldPrimaryKeyAgg: the newest row's value, whatever its kind
)

var pickNames = map[string]pickFunc{
	"last_value": lastValue, "last_non_null_value": lastNonNull, "first_value": firstValue,
	"first_non_null_value": firstNonNull, "max": maxValue, "min": minValue,
	"primary-key": newest,
}

// pick folds a column to Refs.
type pick struct {
	fn            pickFunc
	name          string
	keepOnRetract bool                 // retracts change nothing
	encoder       *columnar.KeyEncoder // max, min
}

// validities looks at the validity bitmaps of a column's sources; nil when no
// value is NULL.
type validities struct {
	words [][]byte
	off   []int
}

func validityOf(sources []arrow.Array) *validities {
	v := &validities{words: make([][]byte, len(sources)), off: make([]int, len(sources))}
	nulls := false
	for i, a := range sources {
		if a.NullN() > 0 {
			v.words[i], v.off[i] = a.NullBitmapBytes(), a.Data().Offset()
			nulls = true
		}
	}
	if !nulls {
		return nil
	}
	return v
}

func (v *validities) at(r columnar.Ref) bool {
	if v == nil {
		return true
	}
	words := v.words[r.Src]
	return words == nil || bitutil.BitIsSet(words, v.off[r.Src]+int(r.Row))
}

// fold implements folder.
func (f *pick) fold(p *pass, col int, ops []op) (Column, error) {
	valid := validityOf(p.sources(col))
	if f.fn == lastNonNull && p.e.c.group[col] < 0 && valid == nil && !p.retract {
		return Column{}, nil // the newest row has it
	}
	refs := slices.Grow(p.e.refs[col][:0], p.w.Keys())
	var err error
	switch {
	case f.fn == lastNonNull && p.e.c.group[col] < 0:
		refs = f.foldLast(p.w, ops, valid, refs)
	case f.encoder != nil:
		refs, err = f.foldExtreme(p, col, ops, refs)
	default:
		refs, err = f.foldAny(p.w, ops, valid, nil, refs)
	}
	p.e.refs[col] = refs
	return Column{Refs: refs}, err
}

// foldLast finds the newest value that is not NULL by going backwards: the
// hot path of partial-update. No row is opOld here.
func (f *pick) foldLast(w *Window, ops []op, valid *validities, refs []columnar.Ref) []columnar.Ref {
	for k := range w.Keys() {
		last := w.Refs[w.Starts[k+1]-1]
		if w.single(k) {
			refs = append(refs, last)
			continue
		}
		found := columnar.NullRef
		if !valid.at(last) {
			found = last // as good a NULL, and does not break runs of rows
		}
		for i := w.Starts[k+1] - 1; i >= w.Starts[k]; i-- {
			what := ops[i]
			if what == 0 {
				continue
			}
			r := w.Refs[i]
			ok := valid.at(r)
			if what&opAgg != 0 && ok {
				found = r
				break
			}
			if what&opRetract != 0 && !f.keepOnRetract && ok {
				break
			}
			if what&opInit != 0 {
				if ok {
					found = r
				}
				break
			}
		}
		refs = append(refs, found)
	}
	return refs
}

// foldExtreme prepares max and min: values compare by their encoded form.
func (f *pick) foldExtreme(p *pass, col int, ops []op, refs []columnar.Ref) ([]columnar.Ref, error) {
	c, err := p.column(col)
	if err != nil {
		return refs, err
	}
	keys, err := f.encoder.Encode([]arrow.Array{c})
	if err != nil {
		return refs, err
	}
	return f.foldAny(p.w, ops, validityOf(p.sources(col)), &keys, refs)
}

// foldAny walks forward. Acc is the row whose value is the result so far, -1
// for NULL.
func (f *pick) foldAny(w *Window, ops []op, valid *validities, keys *columnar.Keys, refs []columnar.Ref) ([]columnar.Ref, error) {
	for k := range w.Keys() {
		acc, seen := int32(-1), false
		for i := w.Starts[k]; i < w.Starts[k+1]; i++ {
			what := ops[i]
			if what == 0 {
				continue
			}
			in := i
			if !valid.at(w.Refs[i]) {
				in = -1
			}
			if what&opInit != 0 {
				acc = in
			}
			switch {
			case what&opAgg != 0 && what&opOld != 0:
				acc = f.agg(in, acc, &seen, keys)
			case what&opAgg != 0:
				acc = f.agg(acc, in, &seen, keys)
			case what&opRetract != 0 && !f.keepOnRetract:
				switch {
				case f.fn == newest:
					acc = in
				case f.fn == lastValue:
					acc = -1
				case f.fn != lastNonNull:
					return refs, noRetract(f.name)
				case in >= 0:
					acc = -1
				}
			}
		}
		if acc < 0 {
			refs = append(refs, columnar.NullRef)
		} else {
			refs = append(refs, w.Refs[acc])
		}
	}
	return refs, nil
}

// agg gives the row that the function keeps of two; -1 is NULL. Seen is the
// state of first_value and first_non_null_value.
func (f *pick) agg(acc, in int32, seen *bool, keys *columnar.Keys) int32 {
	switch f.fn {
	case lastValue, newest:
		return in
	case lastNonNull:
		if in >= 0 {
			return in
		}
		return acc
	case firstValue:
		if !*seen {
			*seen = true
			return in
		}
		return acc
	case firstNonNull:
		if !*seen && in >= 0 {
			*seen = true
			return in
		}
		return acc
	}
	if acc < 0 || in < 0 {
		return max(acc, in)
	}
	c := columnar.Compare(*keys, int(acc), *keys, int(in))
	if f.fn == maxValue && c >= 0 || f.fn == minValue && c < 0 {
		return acc
	}
	return in
}

// noRetract is the error for a function that cannot take rows back.
func noRetract(name string) error {
	return errs.Invalid("aggregate function %s cannot take back a -U or -D row; set fields.<column>.ignore-retract to true to ignore such rows, or ignore-delete on the table", name)
}

func newPick(pf pickFunc, fn *function, t types.Type) folder {
	f := &pick{fn: pf, name: fn.name, keepOnRetract: fn.ignoreRetract}
	if pf == maxValue || pf == minValue {
		f.encoder = columnar.NewKeyEncoder([]types.Type{t.AsNullable()}, columnar.KeyOptions{})
	}
	return f
}
