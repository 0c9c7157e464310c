package orc

import (
	"regexp"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/types"
)

// planner matches wanted columns with those of a file.
type planner struct {
	meta  *meta
	alloc memory.Allocator
	// known says that the types of the file's columns are given; otherwise
	// they are what the file says.
	known bool
	// instantLTZ says that TIMESTAMP_LTZ is a point in time in the file.
	instantLTZ bool
}

// missing is the number of a column that the file lacks.
const missing = -1

// unnamed are the columns of old Hive writers, which stand for their position.
var unnamed = regexp.MustCompile(`^_col\d+$`)

// find looks for a wanted field among the children of a struct: by field id,
// or by its name in the file's schema where the file has no ids.
func (p *planner) find(parent int, want types.Field, file []types.Field) (int, types.Type) {
	src, at := want, missing
	if p.known {
		for i, f := range file {
			if f.ID == want.ID {
				src, at = f, i
				break
			}
		}
		if at == missing {
			return missing, src.Type
		}
	}
	s := p.meta.columns[parent]
	byName, positional := missing, true
	for i, k := range s.kids {
		id := p.meta.columns[k].id
		if id >= 0 && id == want.ID {
			return k, src.Type
		}
		if id < 0 && s.names[i] == src.Name {
			byName = k
		}
		positional = positional && id < 0 && unnamed.MatchString(s.names[i])
	}
	if byName == missing && positional && p.known && parent == 0 && at < len(s.kids) {
		return s.kids[at], src.Type
	}
	return byName, src.Type
}

// field plans the reading of a field of a struct.
func (p *planner) field(parent int, want types.Field, file []types.Field) (*node, error) {
	col, src := p.find(parent, want, file)
	if col == missing {
		return &node{column: missing, typ: want.Type.Arrow(), alloc: p.alloc}, nil
	}
	n, err := p.node(want.Type, src, col)
	if err != nil {
		return nil, errs.Unsupported("column %q: %w", want.Name, err)
	}
	return n, nil
}

// node plans the value of a column, wanted as want and written as src.
func (p *planner) node(want, src types.Type, col int) (*node, error) {
	if p.known && src.IsNested() && want.Root.IsText() { // text since
		n, err := p.node(src, src, col)
		if err == nil {
			n.cast, err = cast.New(src, want, p.alloc)
		}
		return n, err
	}
	c := p.meta.columns[col]
	n := &node{column: col, want: want, typ: want.Arrow(), alloc: p.alloc}
	if p.known && (want.IsNested() || src.IsNested()) && src.Root != want.Root {
		return nil, errs.Unsupported("%s read as %s", src, want)
	}
	switch {
	case c.kind == kindStruct && want.Root == types.Row:
		for _, f := range want.Fields {
			kid, err := p.field(col, f, src.Fields)
			if err != nil {
				return nil, err
			}
			n.kids = append(n.kids, kid)
		}
		return n, nil
	case c.kind == kindList && want.Root == types.Array:
		return n, p.elements(n, c, []types.Type{*want.Elem}, src)
	case c.kind == kindMap && want.Root == types.Map:
		return n, p.elements(n, c, []types.Type{want.Key.NotNull(), *want.Elem}, src)
	case c.kind == kindMap && want.Root == types.Multiset:
		return n, p.elements(n, c, []types.Type{want.Elem.NotNull(), types.Of(types.Int).NotNull()}, src)
	case len(c.kids) > 0 || want.IsNested() || want.Root == types.Variant || c.kind > kindInstant || c.kind == kindUnion:
		return nil, errs.Unsupported("ORC %s read as %s", c.kind, want)
	}
	return n, p.leaf(n, src, c)
}

// elements plans the children of a list or map.
func (p *planner) elements(n *node, c column, want []types.Type, src types.Type) error {
	n.repeated = true
	from := want
	if p.known {
		switch src.Root {
		case types.Array:
			from = []types.Type{*src.Elem}
		case types.Map:
			from = []types.Type{src.Key.NotNull(), *src.Elem}
		case types.Multiset:
			from = []types.Type{src.Elem.NotNull(), types.Of(types.Int).NotNull()}
		}
	}
	for i := range want {
		kid, err := p.node(want[i], from[i], c.kids[i])
		if err != nil {
			return errs.Unsupported("element: %w", err)
		}
		n.kids = append(n.kids, kid)
	}
	return nil
}

func (p *planner) leaf(n *node, src types.Type, c column) error {
	from := src
	if !p.known {
		from = n.want
	}
	if n.leaf = p.newLeaf(c, from); n.leaf == nil {
		from = natural(c)
		if n.leaf = p.newLeaf(c, from); n.leaf == nil {
			return errs.Unsupported("ORC %s read as %s", c.kind, n.want)
		}
	}
	var err error
	n.cast, err = cast.New(from, n.want, p.alloc)
	n.from = from
	return err
}

// newLeaf makes the decoder of a column into values of type t; nil if t is
// not natural(c) or a type of the same form.
func (p *planner) newLeaf(c column, t types.Type) leaf {
	typ := t.Arrow()
	switch c.kind {
	case kindBoolean:
		if t.Root == types.Boolean {
			return &boolLeaf{alloc: p.alloc}
		}
	case kindByte:
		if t.Root == types.TinyInt {
			return &byteLeaf{alloc: p.alloc}
		}
	case kindShort:
		if t.Root == types.SmallInt {
			return &intLeaf[int16]{typ: typ, alloc: p.alloc}
		}
	case kindInt:
		if t.Root == types.Int || t.Root == types.Time {
			return &intLeaf[int32]{typ: typ, alloc: p.alloc}
		}
	case kindDate:
		if t.Root == types.Date {
			return &intLeaf[int32]{typ: typ, alloc: p.alloc}
		}
	case kindLong:
		if t.Root == types.BigInt {
			return &intLeaf[int64]{typ: typ, alloc: p.alloc}
		}
	case kindFloat:
		if t.Root == types.Float {
			return &floatLeaf[float32]{typ: typ, alloc: p.alloc}
		}
	case kindDouble:
		if t.Root == types.Double {
			return &floatLeaf[float64]{typ: typ, alloc: p.alloc}
		}
	case kindString, kindVarchar, kindChar:
		if t.Root == types.Char || t.Root == types.Varchar {
			return &bytesLeaf{typ: typ, alloc: p.alloc, trim: c.kind == kindChar}
		}
	case kindBinary:
		if t.Root == types.Binary || t.Root == types.Varbinary || t.Root == types.Blob {
			return &bytesLeaf{typ: typ, alloc: p.alloc}
		}
	case kindDecimal:
		if t.Root == types.Decimal && t.Precision >= c.precision && t.Precision-t.Scale >= c.precision-c.scale && t.Scale >= c.scale {
			return &decimalLeaf{typ: typ, alloc: p.alloc, scale: t.Scale, plain: p.meta.decimals && c.precision <= 18 && c.scale == t.Scale}
		}
	case kindTimestamp:
		if t.Root == types.Timestamp || t.Root == types.TimestampLTZ {
			return &timestampLeaf{typ: typ.(*arrow.TimestampType), alloc: p.alloc, local: true}
		}
	case kindInstant:
		if t.Root == types.TimestampLTZ {
			return &timestampLeaf{typ: typ.(*arrow.TimestampType), alloc: p.alloc, instant: true, local: !p.instantLTZ}
		}
	}
	return nil
}

// natural gives the type that a leaf column has by itself.
func natural(c column) types.Type {
	switch c.kind {
	case kindBoolean:
		return types.Of(types.Boolean)
	case kindByte:
		return types.Of(types.TinyInt)
	case kindShort:
		return types.Of(types.SmallInt)
	case kindInt:
		return types.Of(types.Int)
	case kindLong:
		return types.Of(types.BigInt)
	case kindFloat:
		return types.Of(types.Float)
	case kindDouble:
		return types.Of(types.Double)
	case kindBinary:
		return types.Of(types.Varbinary)
	case kindDate:
		return types.Of(types.Date)
	case kindDecimal:
		return types.DecimalOf(c.precision, c.scale)
	case kindTimestamp:
		return types.TimestampOf(9)
	case kindInstant:
		return types.Type{Root: types.TimestampLTZ, Nullable: true, Precision: 9}
	case kindVarchar, kindChar:
		t := types.String()
		t.Precision = c.length
		return t
	}
	return types.String()
}
