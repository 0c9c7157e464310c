package query

import (
	"fmt"
	"strings"

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
		return `STRUCT("value" BLOB, "metadata" BLOB)`
	}
	return "VARCHAR"
}

// quoteIdent quotes a name for the engine.
func quoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// quoteText quotes a text for the engine.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// family groups the engine's types by what may be assigned without a cast.
func family(duck string) string {
	name, _, _ := strings.Cut(duck, "(")
	switch name = strings.TrimSpace(name); name {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "DECIMAL", "FLOAT", "DOUBLE":
		return "number"
	case "TIMESTAMP", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE":
		return "timestamp"
	case "VARCHAR":
		return "text"
	case "STRUCT", "MAP":
		return name
	}
	if strings.HasSuffix(duck, "]") {
		return "list"
	}
	return name
}

// rank orders number types by what they can hold, for lossless assignment.
var rank = map[string]int{"TINYINT": 1, "SMALLINT": 2, "INTEGER": 3, "BIGINT": 4, "HUGEINT": 5, "DECIMAL": 6, "FLOAT": 7, "DOUBLE": 8}

// assignable reports whether a query column of the engine's type may go into a
// column of type t without CAST: same family, and numbers only into types that
// hold them. Numbers whose loss shows at run time (an overflow is an error)
// are allowed one way: BIGINT sums come back as HUGEINT.
func assignable(duck string, t types.Type) bool {
	if duck == `"NULL"` || duck == "NULL" {
		return true
	}
	want := duckType(t)
	if family(duck) != family(want) {
		return false
	}
	if family(want) != "number" {
		return true
	}
	name := func(s string) string { n, _, _ := strings.Cut(s, "("); return n }
	from, to := name(duck), name(want)
	if from == "HUGEINT" && to == "BIGINT" {
		return true
	}
	return rank[from] <= rank[to]
}
