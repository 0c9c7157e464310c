package bitmap

import "github.com/tarndb/tarn/paimon/errs"

// Union folds values of rbm32 or rbm64 into one, byte for byte as Paimon's FieldRoaringBitmap32Agg and
// FieldRoaringBitmap64Agg do, which write and read the bytes again at each step. It is not safe for concurrent use.
type Union struct {
	form   Form
	chunks []chunk // rbm32
	tree   *tree   // rbm64
	steps  int
}

// NewUnion makes an empty union of RBM32 or RBM64 values.
func NewUnion(form Form) (*Union, error) {
	if form != RBM32 && form != RBM64 {
		return nil, errs.Invalid("union of bitmaps: %s, want rbm32 or rbm64", form)
	}
	return &Union{form: form}, nil
}

// Reset makes the union empty again.
func (u *Union) Reset() { *u = Union{form: u.form} }

// Add takes a further value. Errors are of type *Error and leave the union as it was.
func (u *Union) Add(raw []byte) error { return u.add(raw, false) }

// AddOlder takes a value that came before those that the union has: its containers stand first.
func (u *Union) AddOlder(raw []byte) error { return u.add(raw, true) }

func (u *Union) add(raw []byte, older bool) error {
	next := Union{form: u.form, steps: 1}
	r := &reader{form: u.form, raw: raw}
	if u.form == RBM64 {
		next.tree = r.tree()
	} else {
		b := &Bitmap{}
		r.portable32(b, 0)
		next.chunks = b.chunks
	}
	if r.err == nil && r.left() > 0 {
		r.fail("%d bytes are left over", r.left())
	}
	if r.err != nil {
		return r.err
	}
	if u.steps == 0 {
		*u = next
		return nil
	}
	next.steps += u.steps
	if older {
		next.or(u)
		*u = next
		return nil
	}
	u.or(&next)
	u.steps = next.steps
	return nil
}

// or takes in the values of o and optimises what has changed, as Java does before it writes.
func (u *Union) or(o *Union) {
	if u.form == RBM32 {
		b := &Bitmap{chunks: u.chunks}
		b.Or(&Bitmap{chunks: o.chunks})
		for i := range b.chunks {
			b.chunks[i].c = b.chunks[i].c.optimise()
		}
		u.chunks = b.chunks
		return
	}
	for _, c := range o.tree.chunks() {
		if at := u.tree.find(c.key); at != nil {
			joined := or(*u.tree.slots[at.slot], c.c)
			u.tree.slots[at.slot] = &joined
		} else {
			u.tree.put(c.key, &c.c)
		}
	}
	for i, c := range u.tree.slots {
		if c == nil || c.settled {
			continue
		}
		best := c.optimise()
		if best.kind != runs { // Java keeps the old one then, even when it was runs
			best = *c
			best.settled = true
		}
		u.tree.slots[i] = &best
	}
}

// Append writes the union behind dst. One value alone is written as Java would write it again, without optimising.
func (u *Union) Append(dst []byte) []byte {
	if u.form == RBM32 {
		return appendPortable32(dst, u.chunks)
	}
	if u.tree == nil {
		return append(dst, 0)
	}
	return u.tree.appendTo(dst)
}
