package fileindex

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Builder makes the indexes of one data file from its rows. It serves one
// goroutine.
// Source: org.apache.paimon.io.DataFileIndexWriter.
type Builder struct {
	parts []*part
}

// part is a column, or a key of a MAP column, with its indexes.
type part struct {
	name   string
	at     int // position of the column
	nested bool
	key    string
	value  arrow.DataType // of the MAP's values
	kinds  []string
	to     []builder
	col    column
	refs   []columnar.Ref
}

// NewBuilder makes the builders of specs for files with these columns.
func NewBuilder(specs []Spec, fields []types.Field) (*Builder, error) {
	b := &Builder{}
	for i := range specs {
		if err := b.add(&specs[i], fields); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Builder) add(s *Spec, fields []types.Field) error {
	at := slices.IndexFunc(fields, func(f types.Field) bool { return f.Name == s.Column })
	if at < 0 {
		return errs.Invalid("file index %s: %s does not exist in column fields", s.Type, s.Column)
	}
	t := fields[at].Type
	p := &part{name: s.Name(), at: at, nested: s.Nested, key: s.Key}
	if s.Nested {
		if t.Root != types.Map {
			return errs.Invalid("file index %s: Column %s is nested column, but is not map type. Only should map type yet.", s.Type, s.Column)
		}
		if t.Key.Root != types.Char && t.Key.Root != types.Varchar {
			return errs.Invalid("file index %s: column %s: Only support map data type with key field of CHAR, VARCHAR, STRING.", s.Type, s.Column)
		}
		t = *t.Elem
		p.value = t.Arrow()
	}
	to, err := newBuilder(s.Type, t, s.Options)
	if err != nil {
		return fmt.Errorf("file index %s on column %s: %w", s.Type, s.Name(), err)
	}
	if i := slices.IndexFunc(b.parts, func(o *part) bool { return o.name == p.name }); i >= 0 {
		p = b.parts[i]
	} else {
		b.parts = append(b.parts, p)
	}
	p.kinds, p.to = append(p.kinds, s.Type), append(p.to, to)
	return nil
}

// Write takes rows of the file, in their order; columns are those given to
// NewBuilder.
func (b *Builder) Write(columns []arrow.Array) error {
	for _, p := range b.parts {
		if err := p.write(columns[p.at]); err != nil {
			return fmt.Errorf("file index on column %s: %w", p.name, err)
		}
	}
	return nil
}

func (p *part) write(a arrow.Array) error {
	if p.nested {
		values, err := p.valuesOf(a)
		if err != nil {
			return err
		}
		defer values.Release()
		a = values
	}
	if err := p.col.set(a); err != nil {
		return err
	}
	for _, t := range p.to {
		t.add(&p.col)
	}
	return nil
}

// valuesOf gives the value of the key in each row; NULL where there is none.
func (p *part) valuesOf(a arrow.Array) (arrow.Array, error) {
	m, ok := a.(*array.Map)
	if !ok {
		return nil, errs.Unsupported("MAP in Arrow type %s", a.DataType())
	}
	keys, ok := m.Keys().(*array.String)
	if !ok {
		return nil, errs.Unsupported("keys of a MAP in Arrow type %s", m.Keys().DataType())
	}
	p.refs = slices.Grow(p.refs[:0], a.Len())
	for i := range a.Len() {
		ref := columnar.NullRef
		if !m.IsNull(i) {
			from, to := m.ValueOffsets(i)
			for k := from; k < to; k++ {
				if keys.Value(int(k)) == p.key {
					ref = columnar.Ref{Row: int32(k)}
					break
				}
			}
		}
		p.refs = append(p.refs, ref)
	}
	return columnar.GatherType(memory.DefaultAllocator, p.value, []arrow.Array{m.Items()}, p.refs)
}

// Payloads gives the indexes of the rows written.
func (b *Builder) Payloads() []Payload {
	var out []Payload
	for _, p := range b.parts {
		for i, t := range p.to {
			if raw := t.bytes(); raw != nil {
				out = append(out, Payload{Column: p.name, Type: p.kinds[i], Bytes: raw})
			}
		}
	}
	return out
}
