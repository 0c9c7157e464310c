package merge

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// rowKey finds elements of ARRAY<ROW> by some of their fields.
type rowKey struct {
	fields  []int
	encoder *columnar.KeyEncoder
}

func newRowKey(row types.Type, names []string) *rowKey {
	if len(names) == 0 {
		return nil
	}
	k := &rowKey{}
	ts := make([]types.Type, len(names))
	for i, name := range names {
		f := fieldIndex(row.Fields, name)
		k.fields = append(k.fields, f)
		ts[i] = row.Fields[f].Type.AsNullable()
	}
	k.encoder = columnar.NewKeyEncoder(ts, columnar.KeyOptions{})
	return k
}

func (k *rowKey) columns(rows *array.Struct) []arrow.Array {
	out := make([]arrow.Array, len(k.fields))
	for i, f := range k.fields {
		out[i] = rows.Field(f)
	}
	return out
}

func (k *rowKey) encode(rows *array.Struct) (columnar.Keys, error) {
	return k.encoder.Encode(k.columns(rows))
}

// nullKeys says what to do with elements that have NULL in their key.
type nullKeys struct {
	strategy string
	cols     []arrow.Array
	any      bool
}

func (n *nullKeys) prepare(cols []arrow.Array) {
	n.cols, n.any = cols, false
	for _, c := range cols {
		n.any = n.any || c.NullN() > 0
	}
}

// keep reports whether the element takes part.
func (n *nullKeys) keep(row int32) (bool, error) {
	if !n.any || n.strategy == "merge" {
		return true, nil
	}
	for _, c := range n.cols {
		if !c.IsNull(int(row)) {
			continue
		}
		if n.strategy == "error" {
			return false, errs.Invalid("a row of the array has NULL in its nested-key and nested-key-null-strategy is error")
		}
		return false, nil
	}
	return true, nil
}

// nested is nested_update of Paimon 2.x: FieldNestedUpdateAgg.
type nested struct {
	fn    *function
	key   *rowKey // nil: rows are only collected
	seq   *rowKey
	nulls nullKeys

	rows    *array.Struct
	seqKeys columnar.Keys
	set     rowSet
	null    bool
	raw     bool // taken as it stands: may hold NULL rows and the same key twice
	spare   []int32
	older   []int32
}

func newNested(fn *function, t types.Type) folder {
	n := &nested{fn: fn, key: newRowKey(*t.Elem, fn.nestedKey), seq: newRowKey(*t.Elem, fn.nestedSeq)}
	n.nulls.strategy = fn.nullStrategy
	return &listFold{fn: fn, typ: t, state: n}
}

func (n *nested) prepare(elems arrow.Array) (err error) {
	n.rows = elems.(*array.Struct)
	n.set.clear()
	if n.key != nil {
		n.nulls.prepare(n.key.columns(n.rows))
		if n.set.keys, err = n.key.encode(n.rows); err != nil {
			return err
		}
	}
	if n.seq != nil {
		n.seqKeys, err = n.seq.encode(n.rows)
	}
	return err
}

func (n *nested) load(in elements) {
	n.set.clear()
	n.null, n.raw = in.null, true
	for r := in.from; r < in.to; r++ {
		n.set.rows = append(n.set.rows, r)
	}
}

// upsert adds a row by its key. Limited says that a new key may be one too
// many; ordered that an older row does not replace a newer one.
func (n *nested) upsert(row int32, limited, ordered bool) error {
	if n.rows.IsNull(int(row)) {
		return nil
	}
	keep, err := n.nulls.keep(row)
	if err != nil || !keep {
		return err
	}
	switch i := n.set.find(row); {
	case i < 0 && (!limited || len(n.set.rows) < n.fn.countLimit):
		n.set.append(row)
	case i < 0:
	case !ordered || n.seq == nil || columnar.Compare(n.seqKeys, int(row), n.seqKeys, int(n.set.rows[i])) >= 0:
		n.set.rows[i] = row
	}
	return nil
}

// settle turns a value taken as it stands into one that has every key once.
func (n *nested) settle(ordered bool) error {
	if !n.raw {
		return nil
	}
	n.spare = append(n.spare[:0], n.set.rows...)
	n.set.clear()
	n.raw = false
	return n.upsertAll(n.spare, false, ordered)
}

func (n *nested) upsertAll(rows []int32, limited, ordered bool) error {
	for _, r := range rows {
		if n.key == nil {
			if !n.rows.IsNull(int(r)) && (!limited || len(n.set.rows) < n.fn.countLimit) {
				n.set.rows = append(n.set.rows, r)
			}
		} else if err := n.upsert(r, limited, ordered); err != nil {
			return err
		}
	}
	return nil
}

func (n *nested) add(in elements) error {
	if in.null {
		return nil
	}
	if n.null {
		n.load(elements{})
	}
	if n.key == nil {
		return n.collect(in)
	}
	if err := n.settle(true); err != nil {
		return err
	}
	for r := in.from; r < in.to; r++ {
		if err := n.upsert(r, true, true); err != nil {
			return err
		}
	}
	return nil
}

// collect appends rows up to count-limit, NULL rows of the value so far
// counted: Paimon drops those only after it has seen how many may follow.
func (n *nested) collect(in elements) error {
	room := n.fn.countLimit - len(n.set.rows)
	if room <= 0 {
		return nil
	}
	if err := n.settle(true); err != nil {
		return err
	}
	for r := in.from; r < in.to && room > 0; r++ {
		if !n.rows.IsNull(int(r)) {
			n.set.rows = append(n.set.rows, r)
			room--
		}
	}
	return nil
}

// addOld starts from the older value and adds the one so far.
func (n *nested) addOld(in elements) error {
	if n.null {
		n.load(in)
		return nil
	}
	n.older = append(n.older[:0], n.set.rows...)
	old := n.older
	wasNull := in.null
	in.null = false
	n.load(in)
	if n.key == nil {
		if !wasNull && len(n.set.rows) >= n.fn.countLimit {
			return nil
		}
		room := n.fn.countLimit - len(n.set.rows)
		if err := n.settle(true); err != nil {
			return err
		}
		for _, r := range old {
			if room > 0 && !n.rows.IsNull(int(r)) {
				n.set.rows = append(n.set.rows, r)
				room--
			}
		}
		return nil
	}
	if err := n.settle(true); err != nil {
		return err
	}
	return n.upsertAll(old, true, true)
}

func (n *nested) retract(in elements) error {
	if n.null || in.null {
		return nil
	}
	if err := n.settle(false); err != nil {
		return err
	}
	for r := in.from; r < in.to; r++ {
		if n.rows.IsNull(int(r)) {
			continue
		}
		if n.key == nil {
			n.set.rows = slices.DeleteFunc(n.set.rows, func(have int32) bool {
				return columnar.EqualRows(n.rows, int(have), n.rows, int(r))
			})
			continue
		}
		keep, err := n.nulls.keep(r)
		if err != nil {
			return err
		}
		if i := n.set.find(r); keep && i >= 0 {
			n.set.remove(i)
		}
	}
	return nil
}

func (n *nested) emit(out *listResult) bool {
	if n.null {
		return false
	}
	emitRows(out, n.set.rows)
	return true
}

// nestedPartial is nested_partial_update: every row of the result takes each
// field from the newest row with its key that has a value there.
type nestedPartial struct {
	fn    *function
	key   *rowKey
	nulls nullKeys
	width int

	rows  *array.Struct
	cols  []arrow.Array
	set   rowSet  // first row of every key
	field []int32 // width per row of set: row that the field comes from
	spare struct{ rows, fields, one []int32 }
	null  bool
	raw   bool
}

func newNestedPartial(fn *function, t types.Type) folder {
	n := &nestedPartial{fn: fn, key: newRowKey(*t.Elem, fn.nestedKey), width: len(t.Elem.Fields)}
	n.nulls.strategy = fn.nullStrategy
	return &listFold{fn: fn, typ: t, state: n, fields: n.width}
}

func (n *nestedPartial) prepare(elems arrow.Array) (err error) {
	n.rows = elems.(*array.Struct)
	n.cols = n.cols[:0]
	for i := range n.width {
		n.cols = append(n.cols, n.rows.Field(i))
	}
	n.nulls.prepare(n.key.columns(n.rows))
	n.set.clear()
	n.set.keys, err = n.key.encode(n.rows)
	return err
}

func (n *nestedPartial) load(in elements) {
	n.set.clear()
	n.field = n.field[:0]
	n.null, n.raw = in.null, true
	for r := in.from; r < in.to; r++ {
		n.set.rows = append(n.set.rows, r)
		for range n.width {
			n.field = append(n.field, r)
		}
	}
}

// merge adds a row whose field i comes from the row fields[i].
func (n *nestedPartial) merge(row int32, fields []int32) error {
	if n.rows.IsNull(int(row)) {
		return nil
	}
	keep, err := n.nulls.keep(row)
	if err != nil || !keep {
		return err
	}
	at := n.set.find(row)
	if at < 0 {
		at = len(n.set.rows)
		n.set.append(row)
		n.field = append(n.field, fields...)
		return nil
	}
	for i, f := range fields {
		if !n.cols[i].IsNull(int(f)) {
			n.field[at*n.width+i] = f
		}
	}
	return nil
}

// mergeAll adds rows with the origins of their fields.
func (n *nestedPartial) mergeAll(rows, fields []int32) error {
	for i, r := range rows {
		if err := n.merge(r, fields[i*n.width:(i+1)*n.width]); err != nil {
			return err
		}
	}
	return nil
}

func (n *nestedPartial) mergeElements(in elements) error {
	fields := slices.Grow(n.spare.one[:0], n.width)[:n.width]
	n.spare.one = fields
	for r := in.from; r < in.to; r++ {
		for i := range fields {
			fields[i] = r
		}
		if err := n.merge(r, fields); err != nil {
			return err
		}
	}
	return nil
}

func (n *nestedPartial) add(in elements) error {
	if in.null {
		return nil
	}
	if n.null {
		n.load(elements{})
	}
	if n.raw {
		n.restart()
		if err := n.mergeAll(n.spare.rows, n.spare.fields); err != nil {
			return err
		}
	}
	return n.mergeElements(in)
}

func (n *nestedPartial) addOld(in elements) error {
	if n.null {
		n.load(in)
		return nil
	}
	n.restart()
	if err := n.mergeElements(in); err != nil {
		return err
	}
	return n.mergeAll(n.spare.rows, n.spare.fields)
}

// restart empties the value and keeps the rows it had in spare.
func (n *nestedPartial) restart() {
	n.spare.rows = append(n.spare.rows[:0], n.set.rows...)
	n.spare.fields = append(n.spare.fields[:0], n.field...)
	n.load(elements{})
	n.raw = false
}

func (n *nestedPartial) retract(elements) error { return noRetract(n.fn.name) }

func (n *nestedPartial) emit(out *listResult) bool {
	if n.null {
		return false
	}
	for k, r := range n.set.rows {
		ref := columnar.Ref{Row: r}
		if n.rows.IsNull(int(r)) {
			ref = columnar.NullRef
		}
		out.refs = append(out.refs, ref)
		for i := range n.width {
			f := columnar.NullRef
			if ref.Src >= 0 {
				f = columnar.Ref{Row: n.field[k*n.width+i]}
			}
			out.fields[i] = append(out.fields[i], f)
		}
	}
	return true
}
