// Package types holds Paimon's data types: their text and JSON forms and
// their Arrow representation.
package types

import (
	"fmt"
	"math"
	"strings"
)

// Root is the family of a type, without its parameters.
type Root uint8

// The roots, in the order of Paimon's DataTypeRoot.
const (
	Char Root = iota + 1
	Varchar
	Boolean
	Binary
	Varbinary
	Decimal
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Date
	Time
	Timestamp
	TimestampLTZ
	Array
	Multiset
	Map
	Row
	Variant
	Blob
)

// MaxLength is the length of STRING and BYTES.
const MaxLength = math.MaxInt32

// Type is one Paimon data type. It is a value; copies share nested parts,
// which nobody changes.
type Type struct {
	Root     Root
	Nullable bool
	// Precision is the length of CHAR, VARCHAR, BINARY, VARBINARY, the total
	// digits of DECIMAL and the fraction digits of TIME and TIMESTAMP.
	Precision int
	Scale     int     // DECIMAL
	Elem      *Type   // element of ARRAY and MULTISET, value of MAP
	Key       *Type   // key of MAP
	Fields    []Field // ROW
}

// Field is a column of a table or of a ROW. ID never changes over the life of
// a table; it is how data files of older schemas are read.
type Field struct {
	ID          int
	Name        string
	Type        Type
	Description string
	// Default is applied by writers to missing columns; nil when none.
	Default *string
}

// NotNull returns the type without NULL.
func (t Type) NotNull() Type { t.Nullable = false; return t }

// AsNullable returns the type with NULL.
func (t Type) AsNullable() Type { t.Nullable = true; return t }

// Of makes a nullable type without parameters.
func Of(r Root) Type {
	t := Type{Root: r, Nullable: true}
	switch r {
	case Timestamp, TimestampLTZ:
		t.Precision = 6
	case Varchar, Varbinary:
		t.Precision = MaxLength
	case Char, Binary:
		t.Precision = 1
	case Decimal:
		t.Precision = 10
	}
	return t
}

// String is VARCHAR(2147483647), nullable.
func String() Type { return Of(Varchar) }

// DecimalOf makes a nullable DECIMAL(p, s).
func DecimalOf(p, s int) Type { return Type{Root: Decimal, Nullable: true, Precision: p, Scale: s} }

// TimestampOf makes a nullable TIMESTAMP(p).
func TimestampOf(p int) Type { return Type{Root: Timestamp, Nullable: true, Precision: p} }

// ArrayOf makes a nullable ARRAY.
func ArrayOf(e Type) Type { return Type{Root: Array, Nullable: true, Elem: &e} }

// MapOf makes a nullable MAP.
func MapOf(k, v Type) Type { return Type{Root: Map, Nullable: true, Key: &k, Elem: &v} }

// RowOf makes a nullable ROW.
func RowOf(fields ...Field) Type { return Type{Root: Row, Nullable: true, Fields: fields} }

// IsNested reports whether values of the type are made of other values.
func (t Type) IsNested() bool {
	return t.Root == Array || t.Root == Map || t.Root == Multiset || t.Root == Row
}

// Equal compares types, nested field ids and descriptions left aside.
func (t Type) Equal(o Type) bool { return t.SQL() == o.SQL() }

// EqualIgnoringNull compares the outermost level without its nullability.
func (t Type) EqualIgnoringNull(o Type) bool { return t.AsNullable().SQL() == o.AsNullable().SQL() }

var plainNames = map[Root]string{
	Boolean: "BOOLEAN", TinyInt: "TINYINT", SmallInt: "SMALLINT", Int: "INT", BigInt: "BIGINT",
	Float: "FLOAT", Double: "DOUBLE", Date: "DATE", Variant: "VARIANT", Blob: "BLOB",
}

// SQL gives the type as SQL text, the form that users write:
// "DECIMAL(10, 2) NOT NULL", "ARRAY<ROW<`a` STRING>>".
func (t Type) SQL() string {
	s := t.base()
	switch t.Root {
	case Array:
		s = "ARRAY<" + t.Elem.SQL() + ">"
	case Multiset:
		s = "MULTISET<" + t.Elem.SQL() + ">"
	case Map:
		s = "MAP<" + t.Key.SQL() + ", " + t.Elem.SQL() + ">"
	case Row:
		var b strings.Builder
		b.WriteString("ROW<")
		for i, f := range t.Fields {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("`" + strings.ReplaceAll(f.Name, "`", "``") + "` " + f.Type.SQL())
			if f.Description != "" {
				b.WriteString(" COMMENT '" + strings.ReplaceAll(f.Description, "'", "''") + "'")
			}
		}
		s = b.String() + ">"
	}
	if !t.Nullable {
		s += " NOT NULL"
	}
	return s
}

// String is SQL, so that types print well.
func (t Type) String() string { return t.SQL() }

// base is the atomic type's text without nullability; "" for nested types.
func (t Type) base() string {
	if n, ok := plainNames[t.Root]; ok {
		return n
	}
	switch t.Root {
	case Char:
		return fmt.Sprintf("CHAR(%d)", t.Precision)
	case Varchar:
		if t.Precision == MaxLength {
			return "STRING"
		}
		return fmt.Sprintf("VARCHAR(%d)", t.Precision)
	case Binary:
		return fmt.Sprintf("BINARY(%d)", t.Precision)
	case Varbinary:
		if t.Precision == MaxLength {
			return "BYTES"
		}
		return fmt.Sprintf("VARBINARY(%d)", t.Precision)
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.Precision, t.Scale)
	case Time:
		return fmt.Sprintf("TIME(%d)", t.Precision)
	case Timestamp:
		return fmt.Sprintf("TIMESTAMP(%d)", t.Precision)
	case TimestampLTZ:
		return fmt.Sprintf("TIMESTAMP(%d) WITH LOCAL TIME ZONE", t.Precision)
	}
	return ""
}
