package avro

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/types"
)

// planner matches wanted columns with the fields of a file, which have names
// but no ids.
type planner struct {
	alloc memory.Allocator
	// known says that the types of the file's columns are given; otherwise
	// they are what the file says.
	known bool
	skips skippers
}

// fields plans the reading of a record: the node of each wanted field, nil
// where the file lacks it, and the steps through the record.
func (p *planner) fields(want, src []types.Field, rec *schema) ([]node, rows, error) {
	nodes, steps := make([]node, len(want)), make(rows, len(rec.fields))
	for i, w := range want {
		from, ok := p.source(w, src)
		if !ok {
			continue
		}
		at := rec.field(from.Name)
		if at < 0 {
			continue
		}
		if steps[at].into != nil {
			return nil, nil, errs.Invalid("column %q is wanted twice", from.Name)
		}
		n, err := p.node(w.Type, from.Type, rec.fields[at].typ)
		if err != nil {
			return nil, nil, errs.Unsupported("column %q: %w", w.Name, err)
		}
		nodes[i], steps[at].into = n, n
	}
	for i := range steps {
		if steps[i].into != nil {
			continue
		}
		pass, err := p.skips.of(rec.fields[i].typ)
		if err != nil {
			return nil, nil, errs.Unsupported("column %q: %w", rec.fields[i].name, err)
		}
		steps[i].pass = pass
	}
	return nodes, steps, nil
}

// source gives the wanted field as the file's schema had it; false when that
// had none of its id.
func (p *planner) source(want types.Field, src []types.Field) (types.Field, bool) {
	if !p.known {
		return want, true
	}
	for _, f := range src {
		if f.ID == want.ID {
			return f, true
		}
	}
	return types.Field{}, false
}

// node plans the value of s, wanted as want and written as src.
func (p *planner) node(want, src types.Type, s *schema) (node, error) {
	if p.known && src.IsNested() && want.Root.IsText() {
		n, err := p.node(src, src, s)
		if err != nil {
			return nil, err
		}
		convert, err := cast.New(src, want, p.alloc)
		return &converted{node: n, cast: convert}, err
	}
	s, nullAt, union, err := s.nonNull()
	if err != nil {
		return nil, err
	}
	places := newSlots(p.alloc, nullAt, union)
	nested := s.kind == "record" || s.kind == "array" || s.kind == "map"
	if nested != want.IsNested() {
		return nil, errs.Unsupported("Avro %s read as %s", s.kind, want)
	}
	if !nested {
		return p.leaf(want, src, s, places)
	}
	if p.known && src.Root != want.Root {
		return nil, errs.Unsupported("%s read as %s", src, want)
	}
	switch {
	case want.Root == types.Row && s.kind == "record":
		out := &record{slots: places, typ: want.Arrow()}
		out.kids, out.rows, err = p.fields(want.Fields, src.Fields, s)
		return out, err
	case want.Root == types.Array && s.kind == "array":
		out := &list{slots: places, typ: want.Arrow()}
		out.items, err = p.item(*want.Elem, p.from(want, src, func(t types.Type) types.Type { return *t.Elem }), s.items)
		return out, err
	case want.Root == types.Map || want.Root == types.Multiset:
		return p.mapping(want, src, s, places)
	}
	return nil, errs.Unsupported("Avro %s read as %s", s.kind, want)
}

// from gives a part of the type that the file's schema has, of the wanted one
// where that is not known.
func (p *planner) from(want, src types.Type, part func(types.Type) types.Type) types.Type {
	if !p.known {
		return part(want)
	}
	return part(src)
}

// item plans the items of an array, which must take bytes: their number is
// bounded by those.
func (p *planner) item(want, src types.Type, s *schema) (node, error) {
	if pass, err := p.skips.of(s); err != nil || pass == nil {
		return nil, errs.Unsupported("an Avro array of items without bytes")
	}
	n, err := p.node(want, src, s)
	if err != nil {
		return nil, errs.Unsupported("element: %w", err)
	}
	return n, nil
}

// mapping plans MAP and MULTISET.
func (p *planner) mapping(want, src types.Type, s *schema, places slots) (node, error) {
	key, value := p.from(want, src, keyType), p.from(want, src, valueType)
	out := &list{slots: places, typ: want.Arrow(), keys: &mapKeys{counts: want.Root == types.Multiset}}
	keySchema, valueSchema := &schema{kind: "string"}, s.items
	if s.kind == "array" {
		e := s.items
		if e.kind != "record" || len(e.fields) != 2 {
			return nil, errs.Unsupported("an Avro array of other than keys and values read as %s", want)
		}
		k, v := e.field("key"), e.field("value")
		if k < 0 || v < 0 {
			k, v = 0, 1
		}
		keySchema, valueSchema = e.fields[k].typ, e.fields[v].typ
		out.keys.entries = make(rows, 2)
		defer func() {
			out.keys.entries[k].into, out.keys.entries[v].into = out.keys.node, out.items
		}()
		if pass, err := p.skips.of(e); err != nil || pass == nil {
			return nil, errs.Unsupported("an Avro array of items without bytes")
		}
	}
	var err error
	if out.keys.node, err = p.node(keyType(want), key, keySchema); err == nil {
		out.items, err = p.node(valueType(want), value, valueSchema)
	}
	if err != nil {
		return nil, errs.Unsupported("map: %w", err)
	}
	return out, nil
}

func keyType(t types.Type) types.Type {
	if t.Root == types.Multiset {
		return *t.Elem
	}
	return *t.Key
}

func valueType(t types.Type) types.Type {
	if t.Root == types.Multiset {
		return types.Of(types.Int)
	}
	return *t.Elem
}

// leaf plans a type without parts: in the type that the file's schema gave the
// column if the file has that, else in the one that the file tells.
func (p *planner) leaf(want, src types.Type, s *schema, places slots) (node, error) {
	if !p.known {
		src = want
	}
	if want.Root == types.Variant || want.Root == types.Blob {
		return nil, errs.Unsupported("Avro %s read as %s", s.kind, want)
	}
	l := leaf{slots: places, typ: src.Arrow()}
	n := leafOf(s, src, &l)
	if n == nil {
		natural, ok := naturalType(s)
		if !ok {
			return nil, errs.Unsupported("Avro %s %s read as %s", s.kind, s.logical, want)
		}
		src, l.typ = natural, natural.Arrow()
		n = leafOf(s, src, &l)
	}
	var err error
	l.cast, err = cast.New(src, want, p.alloc)
	if err != nil {
		return nil, err
	}
	return n(), nil
}

// leafOf gives how to make the reader of s as values of t; nil when they are
// not of that type.
func leafOf(s *schema, t types.Type, l *leaf) func() node {
	switch t.Root {
	case types.Boolean:
		if s.kind == "boolean" {
			return func() node { return &bools{leaf: *l} }
		}
	case types.TinyInt:
		if s.kind == "int" {
			return func() node { return &ints[int8]{leaf: *l, wraps: true} }
		}
	case types.SmallInt:
		if s.kind == "int" {
			return func() node { return &ints[int16]{leaf: *l, wraps: true} }
		}
	case types.Int, types.Date:
		if s.kind == "int" {
			return func() node { return &ints[int32]{leaf: *l} }
		}
	case types.Time:
		switch {
		case s.kind == "int":
			return func() node { return &ints[int32]{leaf: *l} }
		case s.kind == "long" && s.logical == "time-micros":
			return func() node {
				return &ints[int32]{leaf: *l, unit: func(v int64) int64 { return cast.FloorDiv(v, 1000) }}
			}
		}
	case types.BigInt:
		if s.kind == "long" || s.kind == "int" && s.logical == "" {
			return func() node { return &ints[int64]{leaf: *l} }
		}
	case types.Timestamp, types.TimestampLTZ:
		if unit, ok := timeUnit(s); ok {
			return func() node {
				return &ints[int64]{leaf: *l, unit: unitChange(unit, t.Arrow().(*arrow.TimestampType).Unit)}
			}
		}
	case types.Float:
		if s.kind == "float" {
			return func() node { return &floats[float32]{leaf: *l, size: 4} }
		}
	case types.Double:
		if s.kind == "double" || s.kind == "float" {
			return func() node { return &floats[float64]{leaf: *l, size: map[string]int{"double": 8, "float": 4}[s.kind]} }
		}
	case types.Char, types.Varchar:
		if s.kind == "string" {
			return func() node { return &texts{leaf: *l, size: -1} }
		}
	case types.Binary, types.Varbinary:
		if size, ok := byteSize(s); ok && s.logical != "decimal" {
			return func() node { return &texts{leaf: *l, size: size} }
		}
	case types.Decimal:
		if size, ok := byteSize(s); ok && s.logical == "decimal" && s.scale == t.Scale && s.precision == t.Precision {
			return func() node { return &decimals{leaf: *l, size: size} }
		}
	}
	return nil
}

// byteSize gives the size of fixed, -1 for bytes.
func byteSize(s *schema) (int, bool) {
	if s.kind == "fixed" {
		return s.size, true
	}
	return -1, s.kind == "bytes"
}

func timeUnit(s *schema) (arrow.TimeUnit, bool) {
	if s.kind == "long" {
		switch s.logical {
		case "timestamp-millis", "local-timestamp-millis":
			return arrow.Millisecond, true
		case "timestamp-micros", "local-timestamp-micros":
			return arrow.Microsecond, true
		case "timestamp-nanos", "local-timestamp-nanos":
			return arrow.Nanosecond, true
		}
	}
	return 0, false
}

// unitChange gives what turns times of one unit into another; nil for the same.
func unitChange(from, to arrow.TimeUnit) func(int64) int64 {
	a, b := int64(from.Multiplier()), int64(to.Multiplier())
	switch {
	case a > b:
		return func(v int64) int64 { return v * (a / b) }
	case a < b:
		return func(v int64) int64 { return cast.FloorDiv(v, b/a) }
	}
	return nil
}

// naturalType gives the type of what a file says that it holds.
// Source: org.apache.paimon.format.avro.AvroSchemaVisitor.primitive.
func naturalType(s *schema) (types.Type, bool) {
	if _, ok := timeUnit(s); ok {
		root := types.Timestamp
		if len(s.logical) > 5 && s.logical[:5] == "local" {
			root = types.TimestampLTZ
		}
		digits := map[arrow.TimeUnit]int{arrow.Millisecond: 3, arrow.Microsecond: 6, arrow.Nanosecond: 9}
		unit, _ := timeUnit(s)
		return types.Type{Root: root, Nullable: true, Precision: digits[unit]}, true
	}
	switch {
	case s.logical == "decimal" && s.precision > 0 && s.precision <= 38 && s.scale >= 0 && s.scale <= s.precision:
		return types.DecimalOf(s.precision, s.scale), true
	case s.logical == "date" && s.kind == "int":
		return types.Of(types.Date), true
	case s.logical == "time-millis" && s.kind == "int", s.logical == "time-micros" && s.kind == "long":
		return types.Type{Root: types.Time, Nullable: true, Precision: 3}, true
	}
	roots := map[string]types.Root{"boolean": types.Boolean, "int": types.Int, "long": types.BigInt, "float": types.Float,
		"double": types.Double, "string": types.Varchar, "bytes": types.Varbinary, "fixed": types.Varbinary}
	root, ok := roots[s.kind]
	return types.Of(root), ok && s.logical != "decimal"
}
