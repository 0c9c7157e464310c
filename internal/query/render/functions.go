package render

import (
	"sort"

	"github.com/tarndb/tarn/internal/query/ast"
)

// lookupFunction finds a function by upper-case name: first among those of the
// dialect alone, then among those that all dialects share.
func (r *renderer) lookupFunction(name string) (*fn, bool) {
	for _, m := range r.fns {
		if f, ok := m[name]; ok {
			return &f, true
		}
	}
	return nil, false
}

func functionTables(d ast.Dialect) []map[string]fn {
	own := map[ast.Dialect][]map[string]fn{
		ast.Flink: {flinkText, flinkTime, flinkMath, flinkCollections, flinkBitmaps},
		ast.Spark: {sparkText, sparkTime, sparkMath, sparkCollections, sparkBitmaps},
		ast.MySQL: {mysqlText, mysqlTime, mysqlMath, mysqlSession},
	}[d]
	return append(own, commonText, commonMath, commonTime, conditionals, jsonFunctions, collections, aggregates, windowFunctions, bitmaps)
}

// Functions lists the functions of a dialect by name, sorted, for SHOW FUNCTIONS and completion.
func Functions(d ast.Dialect) []string {
	seen := map[string]bool{}
	var out []string
	for _, m := range functionTables(d) {
		for n := range m {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	return sorted(out)
}

func sorted(names []string) []string {
	sort.Strings(names)
	return names
}

// tmpl, do1 and the like keep the tables short.
func tmpl(lo, hi int, args, sql, t string) fn {
	return fn{min: lo, max: hi, args: args, sql: sql, t: t}
}

func with(lo, hi int, args string, do func(c *call) val) fn {
	return fn{min: lo, max: hi, args: args, do: do}
}
