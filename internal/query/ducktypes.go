package query

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/paimon/types"
)

// duckType gives the engine's type for values of t.
func duckType(t types.Type) string {
	switch t.Root {
	case types.Char, types.Varchar:
		return "VARCHAR"
	case types.Boolean:
		return "BOOLEAN"
	case types.Binary, types.Varbinary, types.Blob:
		return "BLOB"
	case types.Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case types.TinyInt:
		return "TINYINT"
	case types.SmallInt:
		return "SMALLINT"
	case types.Int:
		return "INTEGER"
	case types.BigInt:
		return "BIGINT"
	case types.Float:
		return "FLOAT"
	case types.Double:
		return "DOUBLE"
	case types.Date:
		return "DATE"
	case types.Time:
		return "TIME"
	case types.Timestamp:
		switch {
		case t.Precision <= 3:
			return "TIMESTAMP_MS"
		case t.Precision <= 6:
			return "TIMESTAMP"
		}
		return "TIMESTAMP_NS"
	case types.TimestampLTZ:
		return "TIMESTAMPTZ"
	case types.Array:
		return duckType(*t.Elem) + "[]"
	case types.Map:
		return "MAP(" + duckType(*t.Key) + ", " + duckType(*t.Elem) + ")"
	case types.Multiset:
		return "MAP(" + duckType(*t.Elem) + ", INTEGER)"
	case types.Row:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = quoteIdent(f.Name) + " " + duckType(f.Type)
		}
		return "STRUCT(" + strings.Join(parts, ", ") + ")"
	case types.Variant:
		return "VARCHAR" // of JSON
	}
	return "VARCHAR"
}

// quoteIdent quotes a name for the engine.
func quoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// quoteText quotes a text for the engine.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// family groups types by what may be assigned without a cast.
func family(r types.Root) int {
	switch r {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Decimal, types.Float, types.Double:
		return 1
	case types.Timestamp, types.TimestampLTZ, types.Date:
		return 2
	case types.Char, types.Varchar:
		return 3
	case types.Binary, types.Varbinary, types.Blob:
		return 4
	}
	return 100 + int(r)
}

// rank orders number types by what they hold.
var rank = map[types.Root]int{types.TinyInt: 1, types.SmallInt: 2, types.Int: 3, types.BigInt: 4, types.Decimal: 5, types.Float: 6, types.Double: 7}

// assignable reports whether a query column of type from may go into a column
// of type to without CAST, in the dialect of the statement.
func (p *planner) assignable(from, to types.Type) bool {
	if p.dialect == dialect.Flink {
		return assignable(from, to)
	}
	return storable(from, to, p.dialect == dialect.MySQL)
}

// storable is assignable in Spark, which takes whatever is checked when it is
// stored (Source: Cast.canANSIStoreAssign), and in MySQL, where clients write
// every value as text.
func storable(from, to types.Type, fromText bool) bool {
	atomic := func(t types.Type) bool { return t.Elem == nil && t.Key == nil && t.Root != types.Row }
	a, b := family(from.Root), family(to.Root)
	switch {
	case atomic(to) && b == family(types.Varchar):
		return atomic(from) && a != family(types.Binary)
	case atomic(to) && a == family(types.Varchar) && fromText:
		return b != family(types.Binary)
	case a != b:
		return false
	case to.Root == types.Array || to.Root == types.Multiset:
		return storable(*from.Elem, *to.Elem, fromText)
	case to.Root == types.Map:
		return storable(*from.Key, *to.Key, fromText) && storable(*from.Elem, *to.Elem, fromText)
	case to.Root == types.Row:
		for i := range to.Fields {
			if len(from.Fields) != len(to.Fields) || !storable(from.Fields[i].Type, to.Fields[i].Type, fromText) {
				return false
			}
		}
	}
	return true
}

// assignable reports whether a query column of type from may go into a column
// of type to without CAST: same family, and numbers only into types that hold
// them. Source: Flink's LogicalTypeCasts.supportsImplicitCast.
func assignable(from, to types.Type) bool {
	if family(from.Root) != family(to.Root) {
		return false
	}
	switch to.Root {
	case types.Array, types.Multiset:
		return assignable(*from.Elem, *to.Elem)
	case types.Map:
		return assignable(*from.Key, *to.Key) && assignable(*from.Elem, *to.Elem)
	case types.Row:
		if len(from.Fields) != len(to.Fields) {
			return false
		}
		for i := range to.Fields {
			if !assignable(from.Fields[i].Type, to.Fields[i].Type) {
				return false
			}
		}
		return true
	case types.Date:
		return from.Root == types.Date
	}
	return rank[from.Root] <= rank[to.Root]
}
