package render

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// collections are functions on arrays and maps that all dialects share.
var collections = map[string]fn{
	"CARDINALITY": with(1, 1, ".", cardinality), "SIZE": with(1, 1, ".", cardinality), "ARRAY_LENGTH": with(1, 1, ".", cardinality), "ARRAY_SIZE": with(1, 1, ".", cardinality),
	"MAP_SIZE": with(1, 1, ".", cardinality),
	"ELEMENT":  tmpl(1, 1, ".", "CASE WHEN len($1) > 1 THEN error('ELEMENT needs an array of at most one element') ELSE $1[1] END", "]1"),
	"ARRAY":    with(0, -1, ".", makeArray), "MAP": with(0, -1, ".", makeMap),
	"ARRAY_CONTAINS":  with(2, 2, ".", arrayContains),
	"ARRAY_POSITION":  tmpl(2, 2, ".", "tarn_array_position($1, $2)", "INT"),
	"ARRAY_DISTINCT":  tmpl(1, 1, ".", "tarn_distinct($1)", "=1"),
	"ARRAY_REVERSE":   tmpl(1, 1, ".", "list_reverse($1)", "=1"),
	"ARRAY_CONCAT":    tmpl(1, -1, ".", "list_concat($*)", "~"),
	"ARRAY_UNION":     tmpl(2, 2, ".", "tarn_distinct(list_concat($1, $2))", "~"),
	"ARRAY_INTERSECT": tmpl(2, 2, ".", "tarn_array_intersect($1, $2)", "=1"),
	"ARRAY_EXCEPT":    tmpl(2, 2, ".", "tarn_array_except($1, $2)", "=1"),
	"ARRAY_REMOVE":    tmpl(2, 2, ".", "tarn_array_remove($1, $2)", "=1"),
	"ARRAY_MAX":       tmpl(1, 1, ".", "list_max($1)", "]1"), "ARRAY_MIN": tmpl(1, 1, ".", "list_min($1)", "]1"),
	"ARRAY_SUM": tmpl(1, 1, ".", "list_sum($1)", ""), "ARRAY_AVG": tmpl(1, 1, ".", "list_avg($1)", "DOUBLE"),
	"ARRAY_JOIN":    tmpl(2, 3, ".ss", "tarn_array_join($1, $2) ;; tarn_array_join3($1, $2, $3)", "STRING"),
	"ARRAY_SORT":    with(1, 3, ".", arraySort),
	"ARRAY_SLICE":   tmpl(2, 3, ".ii", "tarn_flink_slice($1, $2, 2147483647) ;; tarn_flink_slice($1, $2, $3)", "=1"),
	"ARRAY_PREPEND": tmpl(2, 2, ".", "list_prepend($2, $1)", "=1"), "ARRAY_APPEND": tmpl(2, 2, ".", "list_append($1, $2)", "=1"),
	"MAP_KEYS":   with(1, 1, ".", func(c *call) val { return mapPart(c, "map_keys", 0) }),
	"MAP_VALUES": with(1, 1, ".", func(c *call) val { return mapPart(c, "map_values", 1) }),
	"MAP_ENTRIES": with(1, 1, ".", func(c *call) val {
		v := val{sql: fill("map_entries($1)", c.args)}
		if t := c.args[0].t; is(t, "MAP") {
			v.t = arrayOf(&ast.TypeName{Name: "ROW", Fields: []ast.TypeField{{Name: "key", Type: t.Elem[0]}, {Name: "value", Type: t.Elem[1]}}})
		}
		return v
	}),
	"MAP_FROM_ARRAYS": with(2, 2, ".", func(c *call) val {
		return val{sql: fill("tarn_map($1, $2)", c.args), t: mapOf(elem(c.args[0].t), elem(c.args[1].t))}
	}),
	"ELEMENT_AT": with(2, 2, ".", elementAt),
}

var flinkCollections = map[string]fn{
	"MAP_UNION": tmpl(1, -1, ".", "map_concat($*)", "=1"),
}

var sparkCollections = map[string]fn{
	"AGGREGATE": {min: 3, max: 4, lambda: true, do: reduce}, "REDUCE": {min: 3, max: 4, lambda: true, do: reduce},
	"ZIP_WITH": {min: 3, max: 3, lambda: true, do: zipWith}, "MAP_FILTER": {min: 2, max: 2, lambda: true, do: mapFilter},
	"TRANSFORM_VALUES": {min: 2, max: 2, lambda: true, do: transformValues}, "ARRAYS_ZIP": with(1, -1, ".", arraysZip),

	"SORT_ARRAY": with(1, 2, ".", sortArray), "ARRAY_SORT": {min: 1, max: 2, lambda: true, do: sparkArraySort},
	"SLICE": tmpl(3, 3, ".ii", "tarn_slice($1, $2, $3)", "=1"),
	"GET":   tmpl(2, 2, ".i", "tarn_get($1, $2)", "]1"),
	"FLATTEN": with(1, 1, ".", func(c *call) val {
		return val{sql: fill("flatten($1)", c.args), t: elem(c.args[0].t)}
	}),
	"ARRAY_REPEAT":   tmpl(2, 2, ".i", "tarn_array_repeat($1, $2)", "[1"),
	"ARRAYS_OVERLAP": tmpl(2, 2, ".", "tarn_arrays_overlap($1, $2)", "BOOLEAN"),
	"ARRAY_COMPACT":  tmpl(1, 1, ".", "list_filter($1, lambda x: x IS NOT NULL)", "=1"),
	"ARRAY_INSERT":   tmpl(3, 3, ".i.", "tarn_array_insert($1, $2, $3)", "=1"),
	"ARRAY_POSITION": tmpl(2, 2, ".", "CAST(tarn_array_position($1, $2) AS BIGINT)", "BIGINT"),
	"SEQUENCE":       with(2, 3, ".", sequence),
	"STRUCT":         with(1, -1, ".", makeStruct), "NAMED_STRUCT": with(2, -1, ".", namedStruct),
	"TRANSFORM": {min: 2, max: 2, lambda: true, do: transform}, "FILTER": {min: 2, max: 2, lambda: true, do: filterArray},
	"EXISTS": {min: 2, max: 2, lambda: true, do: anyMatch("tarn_any")}, "FORALL": {min: 2, max: 2, lambda: true, do: anyMatch("tarn_every")},
	"MAP_CONCAT": tmpl(1, -1, ".", "map_concat($*)", "=1"), "MAP_CONTAINS_KEY": tmpl(2, 2, ".", "list_contains(map_keys($1), $2)", "BOOLEAN"),
	"MAP_FROM_ENTRIES": with(1, 1, ".", func(c *call) val {
		v := val{sql: fill("map_from_entries($1)", c.args)}
		if e := elem(c.args[0].t); is(e, "ROW") && len(e.Fields) == 2 {
			v.t = mapOf(e.Fields[0].Type, e.Fields[1].Type)
		}
		return v
	}),
	"SIZE": with(1, 1, ".", func(c *call) val {
		v := cardinality(c)
		return val{sql: "coalesce(" + v.sql + ", -1)", t: v.t}
	}),
	"CARDINALITY": with(1, 1, ".", func(c *call) val {
		v := cardinality(c)
		return val{sql: "coalesce(" + v.sql + ", -1)", t: v.t}
	}),
	"ARRAY_CONTAINS": tmpl(2, 2, ".", "tarn_spark_contains($1, $2)", "BOOLEAN"),
	"SHUFFLE":        {min: 1, max: 1, do: refuse("SHUFFLE")},
}

func cardinality(c *call) val {
	if is(c.args[0].t, "MAP", "MULTISET") {
		return val{sql: fill("CAST(cardinality($1) AS INTEGER)", c.args), t: typ("INT")}
	}
	return val{sql: fill("CAST(len($1) AS INTEGER)", c.args), t: typ("INT")}
}

func makeArray(c *call) val {
	t := c.r.unify(c.e, c.args)
	if len(c.args) > 0 && isNumeric(t) && c.args[0].lit != nil {
		c.args[0].sql = "CAST(" + c.args[0].sql + " AS " + mustDuck(t) + ")"
	}
	return val{sql: fill("[$*]", c.args), t: arrayOf(t)}
}

func makeMap(c *call) val {
	return c.r.mapValue(c.s, c.e, c.e.Args)
}

func mapPart(c *call, name string, i int) val {
	v := val{sql: name + "(" + c.args[0].sql + ")"}
	if is(c.args[0].t, "MAP") {
		v.t = arrayOf(c.args[0].t.Elem[i])
	}
	return v
}

// arrayContains: Flink finds null in an array that holds one.
func arrayContains(c *call) val {
	if is(c.args[1].t, "NULL") || c.r.d == ast.Flink {
		return val{sql: fill("tarn_array_contains($1, $2)", c.args), t: typ("BOOLEAN")}
	}
	return val{sql: fill("list_contains($1, $2)", c.args), t: typ("BOOLEAN")}
}

func elementAt(c *call) val {
	if t := c.args[0].t; is(t, "MAP") {
		return val{sql: fill("($1)[$2]", c.args), t: t.Elem[1]}
	}
	return val{sql: fill("tarn_element_at($1, $2)", c.args), t: elem(c.args[0].t)}
}

// arraySort is Flink's ARRAY_SORT(array[, ascending[, nulls first]]).
func arraySort(c *call) val {
	asc, nulls := "TRUE", ""
	if len(c.args) > 1 {
		asc = c.args[1].sql
	}
	if len(c.args) > 2 {
		nulls = c.args[2].sql
	} else {
		nulls = asc
	}
	order := "CASE WHEN " + asc + " THEN 'ASC' ELSE 'DESC' END"
	first := "CASE WHEN " + nulls + " THEN 'NULLS FIRST' ELSE 'NULLS LAST' END"
	if len(c.args) == 1 {
		order, first = "'ASC'", "'NULLS FIRST'"
	}
	return val{sql: "list_sort(" + c.args[0].sql + ", " + order + ", " + first + ")", t: c.args[0].t}
}

// sortArray is Spark's SORT_ARRAY: nulls come first ascending, last descending.
func sortArray(c *call) val { return arraySort(c) }

func sparkArraySort(c *call) val {
	if len(c.e.Args) == 2 {
		c.r.unsupported(c.e, "ARRAY_SORT with a comparator", "use SORT_ARRAY")
	}
	a := c.r.expr(c.s, c.e.Args[0])
	return val{sql: "list_sort(" + a.sql + ", 'ASC', 'NULLS LAST')", t: a.t}
}

func sequence(c *call) val {
	t := c.args[0].t
	if isTime(t) {
		step := "to_days(1)"
		if len(c.args) == 3 {
			step = c.args[2].sql
		}
		sql := "tarn_steps(" + c.r.stamp(c.e, c.args[0]) + ", " + c.r.stamp(c.e, c.args[1]) + ", " + step + ")"
		return c.r.cast(val{sql: sql, t: arrayOf(typ("TIMESTAMP", 6))}, arrayOf(t), false)
	}
	if len(c.args) == 2 {
		return val{sql: fill("tarn_sequence($1, $2)", c.args), t: arrayOf(common(t, c.args[1].t))}
	}
	return val{sql: fill("generate_series($1, $2, $3)", c.args), t: arrayOf(common(t, c.args[1].t))}
}

func makeStruct(c *call) val {
	row := &ast.TypeName{Name: "ROW"}
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		name := "col" + string(rune('1'+i%9))
		if ref, ok := c.e.Args[i].(*ast.ColumnRef); ok {
			name = ref.Parts[len(ref.Parts)-1].Name
		}
		parts[i] = quote(name) + " := " + a.sql
		row.Fields = append(row.Fields, ast.TypeField{Name: name, Type: orNull(a.t)})
	}
	return val{sql: "struct_pack(" + strings.Join(parts, ", ") + ")", t: row}
}

func orNull(t *ast.TypeName) *ast.TypeName {
	if t == nil {
		return typ("NULL")
	}
	return t
}

func namedStruct(c *call) val {
	row := &ast.TypeName{Name: "ROW"}
	var parts []string
	for i := 0; i+1 < len(c.args); i += 2 {
		l := c.args[i].lit
		if l == nil || l.Kind != ast.StringLit {
			c.r.fail(c.e.Args[i], "", "NAMED_STRUCT needs field names in quotes")
		}
		parts = append(parts, quote(l.Text)+" := "+c.args[i+1].sql)
		row.Fields = append(row.Fields, ast.TypeField{Name: l.Text, Type: orNull(c.args[i+1].t)})
	}
	return val{sql: "struct_pack(" + strings.Join(parts, ", ") + ")", t: row}
}

// lambdaArg renders the lambda that is argument i; types are those of its
// parameters. The parameters get names that no column can have.
func (c *call) lambdaArg(i int, types ...*ast.TypeName) (params []string, body val) {
	l, ok := c.e.Args[i].(*ast.Lambda)
	if !ok || len(l.Params) > len(types) {
		c.r.fail(c.e.Args[i], "write x -> expression", "%s needs a lambda here", c.name)
	}
	s := c.s.child()
	s.lambda = map[string]val{}
	for j, p := range l.Params {
		name, done := c.r.lambdaName()
		defer done()
		s.lambda[fold(p.Name)] = val{sql: name, t: types[j]}
		params = append(params, name)
	}
	return params, c.r.expr(s, l.Body)
}

// transform: Spark counts the index from 0, DuckDB from 1.
func transform(c *call) val {
	a := c.r.expr(c.s, c.e.Args[0])
	if l, ok := c.e.Args[1].(*ast.Lambda); ok && len(l.Params) == 2 {
		pairs, done := c.r.lambdaName()
		defer done()
		s := c.s.child()
		s.lambda = map[string]val{
			fold(l.Params[0].Name): {sql: pairs + "[1]", t: elem(a.t)},
			fold(l.Params[1].Name): {sql: "CAST(" + pairs + "[2] - 1 AS INTEGER)", t: typ("INT")},
		}
		body := c.r.expr(s, l.Body)
		return val{sql: "list_transform(list_zip(" + a.sql + ", range(1, len(" + a.sql + ") + 1)), lambda " + pairs + ": " + body.sql + ")", t: arrayOf(body.t)}
	}
	ps, body := c.lambdaArg(1, elem(a.t))
	return val{sql: "list_transform(" + a.sql + ", lambda " + ps[0] + ": " + body.sql + ")", t: arrayOf(body.t)}
}

func filterArray(c *call) val {
	a := c.r.expr(c.s, c.e.Args[0])
	ps, body := c.lambdaArg(1, elem(a.t))
	return val{sql: "list_filter(" + a.sql + ", lambda " + ps[0] + ": " + body.sql + ")", t: a.t}
}

func anyMatch(macro string) func(c *call) val {
	return func(c *call) val {
		a := c.r.expr(c.s, c.e.Args[0])
		ps, body := c.lambdaArg(1, elem(a.t))
		return val{sql: macro + "(list_transform(" + a.sql + ", lambda " + ps[0] + ": " + body.sql + "))", t: typ("BOOLEAN")}
	}
}

// reduce is AGGREGATE(array, start, merge[, finish]).
func reduce(c *call) val {
	a, start := c.r.expr(c.s, c.e.Args[0]), c.r.expr(c.s, c.e.Args[1])
	ps, body := c.lambdaArg(2, start.t, elem(a.t))
	first := start.sql
	if start.t != nil && !is(start.t, "NULL") {
		first = "CAST(" + first + " AS " + mustDuck(start.t) + ")"
	}
	if len(ps) != 2 {
		c.r.fail(c.e.Args[2], "write (acc, x) -> expression", "%s needs a lambda with two parameters", c.name)
	}
	out := val{sql: "list_reduce(" + a.sql + ", lambda " + ps[0] + ", " + ps[1] + ": " + body.sql + ", " + first + ")", t: start.t}
	if len(c.e.Args) == 4 {
		l, ok := c.e.Args[3].(*ast.Lambda)
		if !ok || len(l.Params) != 1 {
			c.r.fail(c.e.Args[3], "write acc -> expression", "%s needs a lambda here", c.name)
		}
		s := c.s.child()
		s.lambda = map[string]val{fold(l.Params[0].Name): out}
		return c.r.expr(s, l.Body)
	}
	return out
}

// zipWith pairs two arrays; the shorter one is filled with nulls.
func zipWith(c *call) val {
	a, b := c.r.expr(c.s, c.e.Args[0]), c.r.expr(c.s, c.e.Args[1])
	l, ok := c.e.Args[2].(*ast.Lambda)
	if !ok || len(l.Params) != 2 {
		c.r.fail(c.e.Args[2], "write (x, y) -> expression", "ZIP_WITH needs a lambda with two parameters")
	}
	p, done := c.r.lambdaName()
	defer done()
	s := c.s.child()
	s.lambda = map[string]val{
		fold(l.Params[0].Name): {sql: p + "[1]", t: elem(a.t)}, fold(l.Params[1].Name): {sql: p + "[2]", t: elem(b.t)},
	}
	body := c.r.expr(s, l.Body)
	return val{sql: "list_transform(list_zip(" + a.sql + ", " + b.sql + "), lambda " + p + ": " + body.sql + ")", t: arrayOf(body.t)}
}

// mapLambda renders a lambda over the entries of a map.
func (c *call) mapLambda(m val) (param string, body val, done func()) {
	l, ok := c.e.Args[1].(*ast.Lambda)
	if !ok || len(l.Params) != 2 || !is(m.t, "MAP") {
		c.r.fail(c.e, "write (k, v) -> expression", "%s needs a map and a lambda with two parameters", c.name)
	}
	p, done := c.r.lambdaName()
	s := c.s.child()
	s.lambda = map[string]val{
		fold(l.Params[0].Name): {sql: p + ".key", t: m.t.Elem[0]}, fold(l.Params[1].Name): {sql: p + ".value", t: m.t.Elem[1]},
	}
	return p, c.r.expr(s, l.Body), done
}

func mapFilter(c *call) val {
	m := c.r.expr(c.s, c.e.Args[0])
	p, body, done := c.mapLambda(m)
	defer done()
	return val{sql: "map_from_entries(list_filter(map_entries(" + m.sql + "), lambda " + p + ": " + body.sql + "))", t: m.t}
}

func transformValues(c *call) val {
	m := c.r.expr(c.s, c.e.Args[0])
	p, body, done := c.mapLambda(m)
	defer done()
	return val{sql: "map_from_entries(list_transform(map_entries(" + m.sql + "), lambda " + p + ": struct_pack(key := " + p + ".key, value := " + body.sql + ")))", t: mapOf(m.t.Elem[0], body.t)}
}

// arraysZip makes rows of the n-th elements, named as the columns or 0, 1, ...
func arraysZip(c *call) val {
	row := &ast.TypeName{Name: "ROW"}
	p, done := c.r.lambdaName()
	defer done()
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		name := strconv.Itoa(i)
		if ref, ok := c.e.Args[i].(*ast.ColumnRef); ok {
			name = ref.Parts[len(ref.Parts)-1].Name
		}
		parts[i] = quote(name) + " := " + p + "[" + strconv.Itoa(i+1) + "]"
		row.Fields = append(row.Fields, ast.TypeField{Name: name, Type: orNull(elem(a.t))})
	}
	return val{sql: "list_transform(" + fill("list_zip($*)", c.args) + ", lambda " + p + ": struct_pack(" + strings.Join(parts, ", ") + "))", t: arrayOf(row)}
}
