package types

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// MarshalJSON gives Paimon's form: a string for atomic types
// ("INT NOT NULL"), an object for nested ones.
func (t Type) MarshalJSON() ([]byte, error) {
	suffix := ""
	if !t.Nullable {
		suffix = " NOT NULL"
	}
	switch t.Root {
	case Array:
		return encode(struct {
			Type    string `json:"type"`
			Element *Type  `json:"element"`
		}{"ARRAY" + suffix, t.Elem})
	case Multiset:
		return encode(struct {
			Type    string `json:"type"`
			Element *Type  `json:"element"`
		}{"MULTISET" + suffix, t.Elem})
	case Map:
		return encode(struct {
			Type  string `json:"type"`
			Key   *Type  `json:"key"`
			Value *Type  `json:"value"`
		}{"MAP" + suffix, t.Key, t.Elem})
	case Row:
		fields := t.Fields
		if fields == nil {
			fields = []Field{}
		}
		return encode(struct {
			Type   string  `json:"type"`
			Fields []Field `json:"fields"`
		}{"ROW" + suffix, fields})
	}
	return encode(t.base() + suffix)
}

// encode marshals without HTML escapes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// UnmarshalJSON reads Paimon's form. Types that Tarn does not know are errors
// by name.
func (t *Type) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		parsed, err := Parse(text)
		if err != nil {
			return err
		}
		*t = parsed
		return nil
	}
	var o struct {
		Type    string  `json:"type"`
		Element *Type   `json:"element"`
		Key     *Type   `json:"key"`
		Value   *Type   `json:"value"`
		Fields  []Field `json:"fields"`
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return fmt.Errorf("read type: %w", err)
	}
	name, _, _ := strings.Cut(o.Type, " ")
	*t = Type{Nullable: !strings.Contains(o.Type, "NOT NULL"), Elem: o.Element}
	switch name {
	case "ARRAY":
		t.Root = Array
	case "MULTISET":
		t.Root = Multiset
	case "MAP":
		t.Root, t.Key, t.Elem = Map, o.Key, o.Value
	case "ROW":
		t.Root, t.Fields = Row, o.Fields
		return nil
	default:
		return fmt.Errorf("read type: unknown nested type %q", o.Type)
	}
	if t.Elem == nil || t.Root == Map && t.Key == nil {
		return fmt.Errorf("read type: %s lacks its element type", name)
	}
	return nil
}

type fieldJSON struct {
	ID          int     `json:"id"`
	Name        string  `json:"name"`
	Type        Type    `json:"type"`
	Description string  `json:"description,omitempty"`
	Default     *string `json:"defaultValue,omitempty"`
}

// MarshalJSON gives Paimon's form of a field.
func (f Field) MarshalJSON() ([]byte, error) { return encode(fieldJSON(f)) }

// UnmarshalJSON reads Paimon's form of a field.
func (f *Field) UnmarshalJSON(data []byte) error {
	var j fieldJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*f = Field(j)
	return nil
}
