package avro

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// namespace is that of the records which Paimon writes.
const namespace = "org.apache.paimon.avro.generated"

// schemaText gives the schema of a file with these columns, as Java prints it.
// Source: org.apache.paimon.format.avro.AvroSchemaConverter.
func schemaText(fields []types.Field) (string, error) {
	w := schemaWriter{records: map[string]string{}}
	return w.record("record", fields)
}

// CheckFields says whether Avro files can hold these columns;
// errs.ErrUnsupported names what they cannot.
// Source: org.apache.paimon.format.avro.AvroFileFormat.validateDataFields.
func CheckFields(fields []types.Field) error {
	_, err := schemaText(fields)
	return err
}

// schemaWriter prints a schema.
type schemaWriter struct {
	records map[string]string // by name
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func (w *schemaWriter) record(name string, fields []types.Field) (string, error) {
	var b strings.Builder
	for i, f := range fields {
		if err := checkName(f.Name); err != nil {
			return "", err
		}
		text, err := w.of(f.Type, name+"_"+f.Name)
		if err != nil {
			return "", fmt.Errorf("column %q: %w", f.Name, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"name":` + quoted(f.Name) + `,"type":` + text)
		if f.Type.Nullable {
			b.WriteString(`,"default":null`)
		}
		b.WriteByte('}')
	}
	return w.named(name, b.String())
}

// named gives the record of a name: what stands in a schema twice is referred
// to the second time.
func (w *schemaWriter) named(name, fields string) (string, error) {
	if old, ok := w.records[name]; ok {
		if old != fields {
			return "", errs.Unsupported("two rows with different fields would be the Avro record %q: rename a column", name)
		}
		return quoted(name), nil
	}
	w.records[name] = fields
	space := ""
	if name == "record" {
		space = `"namespace":"` + namespace + `",`
	}
	return `{"type":"record","name":` + quoted(name) + `,` + space + `"fields":[` + fields + `]}`, nil
}

// checkName holds a name against Avro's rules.
// Source: org.apache.avro.Schema.validateName.
func checkName(name string) error {
	for i, c := range name {
		if c != '_' && !unicode.IsLetter(c) && (i == 0 || !unicode.IsDigit(c)) {
			return errs.Unsupported("column %q: names in Avro files have letters, digits and _ only; use another file format or rename the column", name)
		}
	}
	if name == "" {
		return errs.Unsupported("a column without a name in an Avro file")
	}
	return nil
}

// of gives the schema of a type; name is for the records in it.
func (w *schemaWriter) of(t types.Type, name string) (string, error) {
	text, err := w.value(t, name)
	if err == nil && t.Nullable {
		text = `["null",` + text + `]`
	}
	return text, err
}

func (w *schemaWriter) value(t types.Type, name string) (string, error) {
	switch t.Root {
	case types.Boolean:
		return `"boolean"`, nil
	case types.TinyInt, types.SmallInt, types.Int:
		return `"int"`, nil
	case types.BigInt:
		return `"long"`, nil
	case types.Float:
		return `"float"`, nil
	case types.Double:
		return `"double"`, nil
	case types.Char, types.Varchar:
		return `"string"`, nil
	case types.Binary, types.Varbinary:
		return `"bytes"`, nil
	case types.Date:
		return `{"type":"int","logicalType":"date"}`, nil
	case types.Time:
		if t.Precision > 3 {
			return "", errs.Unsupported("Avro does not support %s: at most TIME(3)", t)
		}
		return `{"type":"int","logicalType":"time-millis"}`, nil
	case types.Timestamp:
		return timestampText(t, "timestamp-")
	case types.TimestampLTZ:
		return timestampText(t, "local-timestamp-")
	case types.Decimal:
		return fmt.Sprintf(`{"type":"bytes","logicalType":"decimal","precision":%d,"scale":%d}`, t.Precision, t.Scale), nil
	case types.Row:
		return w.record(name, t.Fields)
	case types.Array:
		item, err := w.of(*t.Elem, name)
		return `{"type":"array","items":` + item + `}`, err
	case types.Map, types.Multiset:
		return w.mapping(t, name)
	}
	return "", errs.Unsupported("type %s in an Avro file", t)
}

// timestampText swaps Avro's meaning of local, as Java does.
func timestampText(t types.Type, logical string) (string, error) {
	switch {
	case t.Precision <= 3:
		logical += "millis"
	case t.Precision <= 6:
		logical += "micros"
	default:
		return "", errs.Unsupported("Avro does not support %s: at most a precision of 6", t)
	}
	return `{"type":"long","logicalType":"` + logical + `"}`, nil
}

func isText(t types.Type) bool { return t.Root == types.Char || t.Root == types.Varchar }

func (w *schemaWriter) mapping(t types.Type, name string) (string, error) {
	key, value := keyType(t), valueType(t)
	if isText(key) {
		v, err := w.of(value, name)
		return `{"type":"map","values":` + v + `}`, err
	}
	if t.Root == types.Multiset {
		return "", errs.Unsupported("Paimon has no Avro form of %s: the elements have to be text", t)
	}
	k, err := w.of(key, name+"_key")
	if err != nil {
		return "", err
	}
	v, err := w.of(value, name+"_value")
	if err != nil {
		return "", err
	}
	fields := `{"name":"key","type":` + k + `},{"name":"value","type":` + v
	if value.Nullable {
		fields += `,"default":null`
	}
	entry, err := w.named(name, fields+`}`)
	return `{"type":"array","items":` + entry + `,"logicalType":"map"}`, err
}
