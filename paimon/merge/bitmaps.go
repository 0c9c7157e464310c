package merge

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/errs"
)

// bitmapFold is rbm32 or rbm64: FieldRoaringBitmap32Agg and FieldRoaringBitmap64Agg. A single value passes as it is,
// byte for byte, whatever it holds.
type bitmapFold struct {
	fn    *function
	union *bitmap.Union
	buf   []byte
}

func newBitmapFold(fn *function) (*bitmapFold, error) {
	u, err := bitmap.NewUnion(map[string]bitmap.Form{"rbm32": bitmap.RBM32, "rbm64": bitmap.RBM64}[fn.name])
	if err != nil {
		return nil, err
	}
	return &bitmapFold{fn: fn, union: u}, nil
}

// fold implements folder.
func (f *bitmapFold) fold(p *pass, col int, ops []op) (Column, error) {
	c, err := p.column(col)
	if err != nil {
		return Column{}, err
	}
	in, valid := c.(*array.Binary), presentIn(c)
	b := array.NewBinaryBuilder(p.e.schema.Mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	for k := range p.w.Keys() {
		only, joined := int32(-1), false // the only value so far; whether the union holds it and more
		for i := p.w.Starts[k]; i < p.w.Starts[k+1]; i++ {
			what := ops[i]
			if what&opInit != 0 {
				only, joined = -1, false
				if valid.at(int(i)) {
					only = i
				}
			}
			if what&opRetract != 0 && !f.fn.ignoreRetract {
				return Column{}, noRetract(f.fn.name)
			}
			if what&opAgg == 0 || !valid.at(int(i)) {
				continue
			}
			if only < 0 {
				only = i
				continue
			}
			if err := f.join(in, only, i, joined, what&opOld != 0); err != nil {
				return Column{}, err
			}
			joined = true
		}
		switch {
		case only < 0:
			b.AppendNull()
		case joined:
			f.buf = f.union.Append(f.buf[:0])
			b.Append(f.buf)
		default:
			b.Append(in.Value(int(only)))
		}
	}
	return Column{Values: b.NewArray()}, nil
}

// join adds value i to the union, before it the only value so far when the union does not hold it yet.
func (f *bitmapFold) join(in *array.Binary, only, i int32, joined, old bool) error {
	if !joined {
		f.union.Reset()
		if err := f.union.Add(in.Value(int(only))); err != nil {
			return f.damaged(err)
		}
	}
	add := f.union.Add
	if old {
		add = f.union.AddOlder
	}
	if err := add(in.Value(int(i))); err != nil {
		return f.damaged(err)
	}
	return nil
}

// damaged is both: the bytes are damaged, and whoever wrote them gave the table an invalid value.
func (f *bitmapFold) damaged(err error) error {
	return fmt.Errorf("aggregate function %s: %w: %w", f.fn.name, errs.ErrInvalid, err)
}
