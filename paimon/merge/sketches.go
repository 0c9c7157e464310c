package merge

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/sketch"
)

// sketchFold is hll_sketch or theta_sketch: FieldHllSketchAgg and FieldThetaSketchAgg. A single value passes as it is,
// byte for byte, whatever it holds.
type sketchFold struct {
	fn       *function
	union    func(dst, a, b []byte) ([]byte, error)
	buf, old []byte
}

func newSketchFold(fn *function) *sketchFold {
	if fn.name == "hll_sketch" {
		return &sketchFold{fn: fn, union: new(sketch.HLL).Union}
	}
	return &sketchFold{fn: fn, union: new(sketch.Theta).Union}
}

// fold implements folder.
func (f *sketchFold) fold(p *pass, col int, ops []op) (Column, error) {
	c, err := p.column(col)
	if err != nil {
		return Column{}, err
	}
	in, valid := c.(*array.Binary), presentIn(c)
	b := array.NewBinaryBuilder(p.e.schema.Mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	for k := range p.w.Keys() {
		var acc []byte // of the column or in f.buf; nil for NULL
		for i := p.w.Starts[k]; i < p.w.Starts[k+1]; i++ {
			what, v := ops[i], in.Value(int(i))
			if !valid.at(int(i)) {
				v = nil
			} else if v == nil {
				v = []byte{}
			}
			if what&opInit != 0 {
				acc = v
			}
			if what&opRetract != 0 && !f.fn.ignoreRetract {
				return Column{}, noRetract(f.fn.name)
			}
			if what&opAgg == 0 || v == nil {
				continue
			}
			if acc, err = f.add(acc, v, what&opOld != 0); err != nil {
				// The bytes are damaged, and whoever wrote them gave the table an invalid value.
				return Column{}, fmt.Errorf("aggregate function %s: %w: %w", f.fn.name, errs.ErrInvalid, err)
			}
		}
		if acc == nil {
			b.AppendNull()
		} else {
			b.Append(acc)
		}
	}
	return Column{Values: b.NewArray()}, nil
}

// add unites what is there so far with a value, which stands first when it is older.
func (f *sketchFold) add(acc, v []byte, older bool) ([]byte, error) {
	if acc == nil {
		return v, nil
	}
	if older {
		acc, v = v, acc
	}
	out, err := f.union(f.old[:0], acc, v)
	f.buf, f.old = out, f.buf
	return out, err
}
