package merge

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// newFolder makes the folder of a column with an aggregate function.
func (e *fold) newFolder(col int, fn *function) (folder, error) {
	t := e.schema.Fields[col].Type
	if pf, ok := pickNames[fn.name]; ok {
		return newPick(pf, fn, t), nil
	}
	switch fn.name {
	case "sum", "product":
		return newNumeric(fn, t)
	case "bool_and", "bool_or":
		return &boolFold{and: fn.name == "bool_and", fn: fn}, nil
	case "listagg":
		return &listagg{fn: fn}, nil
	case "rbm32", "rbm64":
		return newBitmapFold(fn)
	case "hll_sketch", "theta_sketch":
		return newSketchFold(fn), nil
	case "collect":
		return newCollect(fn, t), nil
	case "nested_update":
		return newNested(fn, t), nil
	case "nested_partial_update":
		return newNestedPartial(fn, t), nil
	case "merge_map", "merge_map_with_keytime":
		return newMapFold(fn, t), nil
	}
	return nil, errs.Unsupported("aggregate function %s", fn.name)
}

// newNumeric makes the folder for sum and product. Integers wrap around as in
// Paimon 1.x (2.x has an error); decimals that outgrow their precision become
// NULL, except that sums of up to 18 digits are not checked: as Paimon does.
func newNumeric(fn *function, t types.Type) (folder, error) {
	switch t.Root {
	case types.TinyInt:
		return newIntegers[int8](fn), nil
	case types.SmallInt:
		return newIntegers[int16](fn), nil
	case types.Int:
		return newIntegers[int32](fn), nil
	case types.BigInt:
		return newIntegers[int64](fn), nil
	case types.Float:
		return newFloats[float32](fn), nil
	case types.Double:
		return newFloats[float64](fn), nil
	case types.Decimal:
		d := &decimals{precision: int32(t.Precision), scale: int32(t.Scale)}
		f := &numeric[decimal128.Num]{fn: fn}
		if fn.name == "sum" {
			f.add = func(a, b decimal128.Num) (decimal128.Num, bool, error) { return d.add(a, b) }
			f.sub = func(a, b decimal128.Num) (decimal128.Num, bool, error) { return d.sub(a, b) }
			f.neg = d.negate
		} else {
			f.add, f.sub = d.multiply, d.divide
		}
		return f, nil
	}
	return nil, errs.Unsupported("aggregate function %s of %s", fn.name, t)
}

func newIntegers[T int8 | int16 | int32 | int64](fn *function) folder {
	if fn.name == "sum" {
		return &sums[T]{fn: fn}
	}
	return &numeric[T]{fn: fn,
		add: func(a, b T) (T, bool, error) { return a * b, true, nil },
		sub: func(a, b T) (T, bool, error) {
			if b == 0 {
				return 0, false, errs.Invalid("aggregate function %s: take back a factor 0", fn.name)
			}
			return a / b, true, nil
		}}
}

func newFloats[T float32 | float64](fn *function) folder {
	if fn.name == "sum" {
		return &sums[T]{fn: fn}
	}
	return &numeric[T]{fn: fn,
		add: func(a, b T) (T, bool, error) { return a * b, true, nil },
		sub: func(a, b T) (T, bool, error) { return a / b, true, nil }}
}

// sums is sum of machine numbers.
type sums[T int8 | int16 | int32 | int64 | float32 | float64] struct{ fn *function }

// fold implements folder.
func (f *sums[T]) fold(p *pass, col int, ops []op) (Column, error) {
	in, vals, out, err := flatten[T](p, col)
	if err != nil {
		return Column{}, err
	}
	for k := range p.w.Keys() {
		var acc T
		ok := false
		for i := p.w.Starts[k]; i < p.w.Starts[k+1]; i++ {
			what, v, valid := ops[i], vals[i], in.at(int(i))
			if what&opInit != 0 {
				acc, ok = v, valid
			}
			if !valid {
				continue
			}
			switch {
			case what&opAgg != 0 && ok:
				acc += v
			case what&opAgg != 0:
				acc, ok = v, true
			case what&opRetract == 0 || f.fn.ignoreRetract:
			case ok:
				acc -= v
			default:
				acc, ok = -v, true
			}
		}
		out.put(k, acc, ok)
	}
	return out.column(p, col)
}

// numeric is sum or product with checks. Add combines two values, sub takes
// one back; the bool is false for NULL. Both are commutative in what they add,
// so older rows are added like newer ones.
type numeric[T arrow.FixedWidthType] struct {
	fn       *function
	add, sub func(a, b T) (T, bool, error)
	neg      func(a T) (T, bool) // of a retract without value before; nil: NULL
}

// fold implements folder.
func (f *numeric[T]) fold(p *pass, col int, ops []op) (Column, error) {
	in, vals, out, err := flatten[T](p, col)
	if err != nil {
		return Column{}, err
	}
	for k := range p.w.Keys() {
		var acc T
		ok := false
		for i := p.w.Starts[k]; i < p.w.Starts[k+1]; i++ {
			what, v, valid := ops[i], vals[i], in.at(int(i))
			if what&opInit != 0 {
				acc, ok = v, valid
			}
			if !valid {
				continue
			}
			var err error
			switch {
			case what&opAgg != 0 && ok:
				acc, ok, err = f.add(acc, v)
			case what&opAgg != 0:
				acc, ok = v, true
			case what&opRetract == 0 || f.fn.ignoreRetract:
			case ok:
				acc, ok, err = f.sub(acc, v)
			case f.neg != nil:
				acc, ok = f.neg(v)
			}
			if err != nil {
				return Column{}, err
			}
		}
		out.put(k, acc, ok)
	}
	return out.column(p, col)
}

// present looks at the validity of an array in window order.
type present struct {
	words []byte
	off   int
}

func presentIn(a arrow.Array) present {
	if a.NullN() == 0 {
		return present{}
	}
	return present{a.NullBitmapBytes(), a.Data().Offset()}
}

func (v present) at(i int) bool { return v.words == nil || bitutil.BitIsSet(v.words, v.off+i) }

// results collects one computed value per key.
type results[T arrow.FixedWidthType] struct {
	vals  []T
	valid []byte
	nulls int
}

// flatten gives a column's validity and values in window order, and room for
// the results.
func flatten[T arrow.FixedWidthType](p *pass, col int) (present, []T, *results[T], error) {
	c, err := p.column(col)
	if err != nil {
		return present{}, nil, nil, err
	}
	n := p.w.Keys()
	out := &results[T]{vals: make([]T, n), valid: make([]byte, bitutil.BytesForBits(int64(n)))}
	return presentIn(c), arrow.GetValues[T](c.Data(), 1), out, nil
}

func (r *results[T]) put(k int, v T, ok bool) {
	if !ok {
		r.nulls++
		return
	}
	r.vals[k] = v
	bitutil.SetBit(r.valid, k)
}

func (r *results[T]) column(p *pass, col int) (Column, error) {
	bufs := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.GetBytes(r.vals))}
	if r.nulls > 0 {
		bufs[0] = memory.NewBufferBytes(r.valid)
	}
	d := array.NewData(p.e.schema.Fields[col].Type.Arrow(), len(r.vals), bufs, nil, r.nulls, 0)
	defer d.Release()
	return Column{Values: array.MakeFromData(d)}, nil
}

// boolFold is bool_and and bool_or.
type boolFold struct {
	and bool
	fn  *function
}

// fold implements folder.
func (f *boolFold) fold(p *pass, col int, ops []op) (Column, error) {
	c, err := p.column(col)
	if err != nil {
		return Column{}, err
	}
	in := c.(*array.Boolean)
	valid := presentIn(c)
	b := array.NewBooleanBuilder(p.e.schema.Mem)
	defer b.Release()
	b.Reserve(p.w.Keys())
	for k := range p.w.Keys() {
		acc, ok := false, false
		for i := p.w.Starts[k]; i < p.w.Starts[k+1]; i++ {
			what, v, has := ops[i], in.Value(int(i)), valid.at(int(i))
			if what&opInit != 0 {
				acc, ok = v, has
			}
			if what&opRetract != 0 && !f.fn.ignoreRetract {
				return Column{}, noRetract(f.fn.name)
			}
			switch {
			case what&opAgg == 0 || !has:
			case !ok:
				acc, ok = v, true
			case f.and:
				acc = acc && v
			default:
				acc = acc || v
			}
		}
		if ok {
			b.UnsafeAppend(acc)
		} else {
			b.AppendNull()
		}
	}
	return Column{Values: b.NewArray()}, nil
}
