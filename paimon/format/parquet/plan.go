package parquet

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/types"
)

// planner matches wanted columns with those of a file.
type planner struct {
	schema *schema.Schema
	alloc  memory.Allocator
	unpack *decompressor
	// known says that the types of the file's columns are given; otherwise
	// they are what the file says.
	known  bool
	leaves map[int]*leafReader
}

// levels are those of a node: def of a value that is not NULL, rep of its
// slots, and ancestor, the def from which on a slot exists at all.
type levels struct{ def, rep, ancestor uint8 }

// column plans the reading of one wanted column; nil when the file lacks it.
func (p *planner) column(want types.Field, file []types.Field) (*readNode, error) {
	n, src := p.find(p.schema.Root(), want, file)
	if n == nil {
		return nil, nil
	}
	node, err := p.node(want.Type, src, n, levels{})
	if err != nil {
		return nil, errs.Unsupported("column %q: %w", want.Name, err)
	}
	return node, nil
}

// find looks for a wanted field among the children of a group: by field id,
// or by its name in the file's schema where the file has no ids.
func (p *planner) find(group *schema.GroupNode, want types.Field, file []types.Field) (schema.Node, types.Type) {
	src := want
	if p.known {
		found := false
		for _, f := range file {
			if f.ID == want.ID {
				src, found = f, true
				break
			}
		}
		if !found {
			return nil, src.Type
		}
	}
	var byName schema.Node
	for i := range group.NumFields() {
		n := group.Field(i)
		if n.FieldID() >= 0 && int(n.FieldID()) == want.ID {
			return n, src.Type
		}
		if n.FieldID() < 0 && n.Name() == src.Name {
			byName = n
		}
	}
	return byName, src.Type
}

// node plans the value of schema node n, wanted as want and written as src.
func (p *planner) node(want, src types.Type, n schema.Node, lv levels) (*readNode, error) {
	if p.known && src.IsNested() && want.Root.IsText() {
		return p.text(want, src, n, lv)
	}
	optional := n.RepetitionType() == pq.Repetitions.Optional
	if optional {
		lv.def++
	}
	out := &readNode{want: want, typ: want.Arrow(), optional: optional, lv: lv}
	prim, isLeaf := n.(*schema.PrimitiveNode)
	if !isLeaf {
		group := n.(*schema.GroupNode)
		if p.known && src.Root != want.Root {
			return nil, errs.Unsupported("%s read as %s", src, want)
		}
		switch want.Root {
		case types.Row:
			return out, p.row(out, want.Fields, src.Fields, group)
		case types.Variant:
			return out, p.variant(out, group)
		case types.Array:
			return out, p.list(out, src, group)
		case types.Map, types.Multiset:
			return out, p.mapping(out, src, group)
		}
		return nil, errs.Unsupported("a group read as %s", want)
	}
	if want.IsNested() || want.Root == types.Variant {
		return nil, errs.Unsupported("parquet %s read as %s", prim.PhysicalType(), want)
	}
	return out, p.leaf(out, src, prim)
}

// text plans a nested value that the table has as text since.
func (p *planner) text(want, src types.Type, n schema.Node, lv levels) (*readNode, error) {
	out, err := p.node(src, src, n, lv)
	if err == nil {
		out.cast, err = cast.New(src, want, p.alloc)
	}
	return out, err
}

func (p *planner) leaf(out *readNode, src types.Type, n *schema.PrimitiveNode) error {
	from := src
	if !p.known {
		from = out.want
	}
	s, err := newSink(n, from, p.alloc)
	if err != nil {
		from = naturalType(n)
		if s, err = newSink(n, from, p.alloc); err != nil {
			return err
		}
	}
	if out.cast, err = cast.New(from, out.want, p.alloc); err != nil {
		return err
	}
	i := p.schema.ColumnIndexByNode(n)
	if i < 0 {
		return errs.Unsupported("parquet column %q is not a leaf of the schema", n.Path())
	}
	col := p.schema.Column(i)
	l := &leafReader{index: i, node: n, sink: s, alloc: p.alloc,
		maxDef: int(col.MaxDefinitionLevel()), maxRep: int(col.MaxRepetitionLevel())}
	if l.maxDef > 200 || l.maxRep > 200 {
		return errs.Unsupported("parquet column %q is nested %d deep", n.Path(), l.maxDef)
	}
	l.isFlat = len(col.ColumnPath()) == 1 && l.maxRep == 0
	l.chunk.unpack = p.unpack
	out.leaf, out.anchor = l, l
	return nil
}

func (p *planner) row(out *readNode, want, src []types.Field, group *schema.GroupNode) error {
	for _, f := range want {
		n, from := p.find(group, f, src)
		var kid *readNode
		if n == nil {
			kid = &readNode{want: f.Type, typ: f.Type.Arrow(), lv: out.lv}
		} else {
			var err error
			if kid, err = p.node(f.Type, from, n, out.lv); err != nil {
				return errs.Unsupported("field %q: %w", f.Name, err)
			}
			out.anchor = kid.anchor
		}
		out.kids = append(out.kids, kid)
	}
	if out.anchor == nil {
		l, err := p.anyLeaf(group)
		if err != nil {
			return err
		}
		out.anchor = l
	}
	return nil
}

// anyLeaf plans the reading of the levels of a group none of whose fields is
// wanted.
func (p *planner) anyLeaf(group *schema.GroupNode) (*leafReader, error) {
	for i := range group.NumFields() {
		switch n := group.Field(i).(type) {
		case *schema.PrimitiveNode:
			if n.RepetitionType() == pq.Repetitions.Repeated {
				continue
			}
			var tmp readNode
			tmp.want = naturalType(n)
			err := p.leaf(&tmp, tmp.want, n)
			return tmp.leaf, err
		case *schema.GroupNode:
			if l, err := p.anyLeaf(n); err == nil {
				return l, nil
			}
		}
	}
	return nil, errs.Unsupported("parquet group %q without columns", group.Path())
}

func (p *planner) variant(out *readNode, group *schema.GroupNode) error {
	bytes := types.Of(types.Varbinary).NotNull()
	if group.NumFields() != 2 {
		return errs.Unsupported("shredded VARIANT (parquet group %q has %d fields)", group.Path(), group.NumFields())
	}
	for _, name := range []string{"value", "metadata"} {
		i := group.FieldIndexByName(name)
		if i < 0 {
			return errs.Unsupported("VARIANT without %q in parquet group %q", name, group.Path())
		}
		kid, err := p.node(bytes, bytes, group.Field(i), out.lv)
		if err != nil {
			return err
		}
		out.kids = append(out.kids, kid)
		out.anchor = kid.anchor
	}
	return nil
}

// list plans an ARRAY: group { repeated group { element } }, or the older form
// in which the repeated node is the element.
func (p *planner) list(out *readNode, src types.Type, group *schema.GroupNode) error {
	if group.NumFields() != 1 || group.Field(0).RepetitionType() != pq.Repetitions.Repeated {
		return errs.Unsupported("parquet group %q is not a list", group.Path())
	}
	rep := group.Field(0)
	elem := rep
	if g, ok := rep.(*schema.GroupNode); ok && g.NumFields() == 1 && g.Name() != "array" && !strings.HasSuffix(g.Name(), "_tuple") {
		elem = g.Field(0)
	}
	from := *out.want.Elem
	if p.known {
		from = *src.Elem
	}
	kid, err := p.node(*out.want.Elem, from, elem, inner(out.lv))
	if err != nil {
		return errs.Unsupported("element: %w", err)
	}
	out.kids, out.anchor = []*readNode{kid}, kid.anchor
	return nil
}

// inner gives the levels of a list's elements.
func inner(lv levels) levels {
	return levels{def: lv.def + 1, rep: lv.rep + 1, ancestor: lv.def + 1}
}

func (p *planner) mapping(out *readNode, src types.Type, group *schema.GroupNode) error {
	if group.NumFields() != 1 || group.Field(0).RepetitionType() != pq.Repetitions.Repeated {
		return errs.Unsupported("parquet group %q is not a map", group.Path())
	}
	entry, ok := group.Field(0).(*schema.GroupNode)
	if !ok || entry.NumFields() != 2 {
		return errs.Unsupported("parquet group %q is not a map", group.Path())
	}
	want := childTypes(out.want)
	from := want
	if p.known {
		from = childTypes(src)
	}
	for i := range want {
		kid, err := p.node(want[i], from[i], entry.Field(i), inner(out.lv))
		if err != nil {
			return errs.Unsupported("map %s: %w", entry.Field(i).Name(), err)
		}
		out.kids = append(out.kids, kid)
		out.anchor = kid.anchor
	}
	return nil
}

// readNode is the plan of one value.
type readNode struct {
	want     types.Type
	typ      arrow.DataType
	optional bool
	lv       levels
	kids     []*readNode
	leaf     *leafReader // of a leaf
	anchor   *leafReader // a leaf that has this node's levels; nil for fields that the file lacks
	cast     cast.Func   // nil when the types agree
}

// leaves appends all leaves that the plan reads, each once.
func (n *readNode) leaves(dst []*leafReader) []*leafReader {
	for _, k := range n.kids {
		dst = k.leaves(dst)
	}
	if n.anchor == nil {
		return dst
	}
	for _, l := range dst {
		if l == n.anchor {
			return dst
		}
	}
	return append(dst, n.anchor)
}
