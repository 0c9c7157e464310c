package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
)

// schema is a part of the schema in a file's header.
type schema struct {
	kind      string // null, boolean, …, record, array, map, union, fixed, enum
	logical   string // logicalType, or ""
	precision int    // of a decimal
	scale     int
	size      int       // of fixed
	name      string    // of record
	fields    []named   // of record
	items     *schema   // of array; values of map
	branches  []*schema // of union
	open      bool      // while its own parts are parsed
}

// named is a field of a record.
type named struct {
	name string
	typ  *schema
}

const (
	maxSchemaDepth = 64
	maxFixed       = 1 << 20
)

// schemaParser reads a schema. Named types may be referred to after they are
// defined; one that contains itself is refused, as no table has such columns.
type schemaParser struct {
	names map[string]*schema
}

func parseSchema(text string) (*schema, error) {
	p := &schemaParser{names: map[string]*schema{}}
	s, err := p.parse([]byte(text), "", 0)
	if err != nil {
		return nil, fmt.Errorf("avro.schema: %w", err)
	}
	return s, nil
}

// wireSchema is the JSON object of a schema.
type wireSchema struct {
	Type        json.RawMessage `json:"type"`
	Name        string          `json:"name"`
	Namespace   *string         `json:"namespace"`
	LogicalType json.RawMessage `json:"logicalType"`
	Precision   json.RawMessage `json:"precision"`
	Scale       json.RawMessage `json:"scale"`
	Size        int             `json:"size"`
	Items       json.RawMessage `json:"items"`
	Values      json.RawMessage `json:"values"`
	Fields      []struct {
		Name string          `json:"name"`
		Type json.RawMessage `json:"type"`
	} `json:"fields"`
}

func (p *schemaParser) parse(text []byte, space string, depth int) (*schema, error) {
	if depth > maxSchemaDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxSchemaDepth)
	}
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 {
		return nil, errors.New("a type is missing")
	}
	switch text[0] {
	case '"':
		var name string
		if err := json.Unmarshal(text, &name); err != nil {
			return nil, err
		}
		return p.byName(name, space)
	case '[':
		var parts []json.RawMessage
		if err := json.Unmarshal(text, &parts); err != nil {
			return nil, err
		}
		out := &schema{kind: "union"}
		for _, part := range parts {
			b, err := p.parse(part, space, depth+1)
			if err != nil {
				return nil, err
			}
			out.branches = append(out.branches, b)
		}
		return out, nil
	}
	var w wireSchema
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, err
	}
	return p.object(&w, space, depth)
}

func (p *schemaParser) byName(name, space string) (*schema, error) {
	switch name {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string":
		return &schema{kind: name}, nil
	}
	s, ok := p.names[fullName(name, space)]
	if !ok {
		if s, ok = p.names[name]; !ok {
			return nil, fmt.Errorf("type %q is not defined", name)
		}
	}
	if s.open {
		return nil, errs.Unsupported("Avro record %q contains itself", name)
	}
	return s, nil
}

func fullName(name, space string) string {
	if space == "" || strings.ContainsRune(name, '.') {
		return name
	}
	return space + "." + name
}

func (p *schemaParser) object(w *wireSchema, space string, depth int) (*schema, error) {
	var kind string
	if json.Unmarshal(w.Type, &kind) != nil { // {"type": {…}}
		return p.parse(w.Type, space, depth+1)
	}
	out := &schema{kind: kind, logical: text(w.LogicalType), precision: number(w.Precision), scale: number(w.Scale)}
	switch kind {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string":
		return out, nil
	case "array", "map":
		of := w.Items
		if kind == "map" {
			of = w.Values
		}
		var err error
		out.items, err = p.parse(of, space, depth+1)
		return out, err
	case "record", "error", "fixed", "enum":
		return out, p.named(w, out, space, depth)
	}
	return p.byName(kind, space)
}

// named parses a type that has a name.
func (p *schemaParser) named(w *wireSchema, out *schema, space string, depth int) error {
	if w.Namespace != nil {
		space = *w.Namespace
	}
	full := fullName(w.Name, space)
	if i := strings.LastIndexByte(full, '.'); i >= 0 {
		space = full[:i]
	}
	out.name, out.size, out.open = full, w.Size, true
	p.names[full] = out
	defer func() { out.open = false }()
	if out.kind == "fixed" && (w.Size < 0 || w.Size > maxFixed) {
		return fmt.Errorf("fixed %q of %d bytes", full, w.Size)
	}
	if out.kind == "fixed" || out.kind == "enum" {
		return nil
	}
	out.kind = "record"
	for _, f := range w.Fields {
		typ, err := p.parse(f.Type, space, depth+1)
		if err != nil {
			return err
		}
		out.fields = append(out.fields, named{f.Name, typ})
	}
	return nil
}

// text gives a JSON string; "" for anything else: attributes that nobody
// understands are ignored.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// number gives a JSON number; -1 for anything else, 0 for none.
func number(raw json.RawMessage) int {
	var n int
	if len(raw) > 0 && json.Unmarshal(raw, &n) != nil {
		return -1
	}
	return n
}

// nonNull takes the NULL out of a union: it gives the type of values, which
// branch is null (-1: none) and whether a branch number stands before values.
func (s *schema) nonNull() (value *schema, nullAt int, isUnion bool, err error) {
	if s.kind != "union" {
		return s, -1, false, nil
	}
	nullAt = -1
	for i, b := range s.branches {
		switch {
		case b.kind == "null" && nullAt < 0:
			nullAt = i
		case b.kind != "null" && value == nil:
			value = b
		default:
			return nil, 0, false, errs.Unsupported("an Avro union of %d types", len(s.branches))
		}
	}
	if value == nil || value.kind == "union" {
		return nil, 0, false, errs.Unsupported("an Avro union without a type for values")
	}
	return value, nullAt, true, nil
}

// field finds a field of a record by name; -1 when there is none.
func (s *schema) field(name string) int {
	for i, f := range s.fields {
		if f.name == name {
			return i
		}
	}
	return -1
}
