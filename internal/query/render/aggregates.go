package render

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

func agg(lo, hi int, args string, do func(c *call) val) fn {
	return fn{min: lo, max: hi, args: args, do: do, agg: true}
}

// plain is an aggregate that DuckDB has with the same meaning.
func plain(name, t string, n int, args string) fn {
	return agg(n, n, args, func(c *call) val {
		sqls := make([]string, len(c.args))
		for i, a := range c.args {
			sqls[i] = a.sql
		}
		return val{sql: c.aggregate(name, sqls...), t: c.resultType(t)}
	})
}

// aggregates of all dialects.
var aggregates = map[string]fn{
	"COUNT": agg(0, -1, ".", count), "SUM": agg(1, 1, ".", sum), "AVG": agg(1, 1, ".", avg), "MEAN": agg(1, 1, ".", avg),
	"SUM0": agg(1, 1, ".", func(c *call) val { v := sum(c); v.sql = "coalesce(" + v.sql + ", 0)"; return v }),
	"MIN":  plain("min", "=1", 1, "."), "MAX": plain("max", "=1", 1, "."),
	"ANY_VALUE": plain("any_value", "=1", 1, "."), "SINGLE_VALUE": agg(1, 1, ".", singleValue),
	"FIRST_VALUE": agg(1, 2, ".", firstLast("first")), "LAST_VALUE": agg(1, 2, ".", firstLast("last")),
	"FIRST": agg(1, 2, ".", firstLast("first")), "LAST": agg(1, 2, ".", firstLast("last")),
	"STDDEV": agg(1, 1, ".", spread("stddev_samp")), "STD": agg(1, 1, ".", spread("stddev_pop")), "STDDEV_POP": agg(1, 1, ".", spread("stddev_pop")), "STDDEV_SAMP": agg(1, 1, ".", spread("stddev_samp")),
	"VARIANCE": agg(1, 1, ".", spread("var_samp")), "VAR_POP": agg(1, 1, ".", spread("var_pop")), "VAR_SAMP": agg(1, 1, ".", spread("var_samp")),
	"CORR": plain("corr", "DOUBLE", 2, "f"), "COVAR_POP": plain("covar_pop", "DOUBLE", 2, "f"), "COVAR_SAMP": plain("covar_samp", "DOUBLE", 2, "f"),
	"REGR_COUNT": plain("regr_count", "BIGINT", 2, "f"), "REGR_SLOPE": plain("regr_slope", "DOUBLE", 2, "f"), "REGR_INTERCEPT": plain("regr_intercept", "DOUBLE", 2, "f"), "REGR_R2": plain("regr_r2", "DOUBLE", 2, "f"),
	"SKEWNESS": {min: 1, max: 1, agg: true, do: refuse("SKEWNESS")}, "KURTOSIS": {min: 1, max: 1, agg: true, do: refuse("KURTOSIS")},
	"LISTAGG": agg(1, 2, ".", listagg), "STRING_AGG": agg(1, 2, ".", listagg), "GROUP_CONCAT": agg(1, -1, ".", groupConcat),
	"COLLECT":      agg(1, 1, ".", collect),
	"COLLECT_LIST": agg(1, 1, ".", collectList), "ARRAY_AGG": agg(1, 1, ".", arrayAgg),
	"COLLECT_SET": agg(1, 1, ".", func(c *call) val {
		c.e = distinct(c.e)
		return collectList(c)
	}),
	"ARRAY_UNIQUE_AGG": agg(1, 1, ".", func(c *call) val { c.e = distinct(c.e); return collectList(c) }),
	"BIT_AND":          plain("bit_and", "=1", 1, "."), "BIT_OR": plain("bit_or", "=1", 1, "."), "BIT_XOR": plain("bit_xor", "=1", 1, "."),
	"BOOL_AND": plain("bool_and", "BOOLEAN", 1, "."), "EVERY": plain("bool_and", "BOOLEAN", 1, "."), "BOOL_OR": plain("bool_or", "BOOLEAN", 1, "."), "SOME": plain("bool_or", "BOOLEAN", 1, "."), "ANY": plain("bool_or", "BOOLEAN", 1, "."),
	"MAX_BY": plain("max_by", "=1", 2, "."), "MIN_BY": plain("min_by", "=1", 2, "."),
	"COUNT_IF":              plain("count_if", "BIGINT", 1, "."),
	"APPROX_COUNT_DISTINCT": plain("approx_count_distinct", "BIGINT", 1, "."), "NDV": plain("approx_count_distinct", "BIGINT", 1, "."), "HLL_COUNT_DISTINCT": plain("approx_count_distinct", "BIGINT", 1, "."),
	"MEDIAN": plain("median", "DOUBLE", 1, "f"), "MODE": plain("mode", "=1", 1, "."),
	"PERCENTILE": agg(2, 2, ".", percentile("quantile_cont")), "PERCENTILE_APPROX": agg(2, 3, ".", percentile("quantile_disc")), "APPROX_PERCENTILE": agg(2, 3, ".", percentile("quantile_disc")),
	"PERCENTILE_CONT": agg(1, 2, ".", withinGroup("quantile_cont")), "PERCENTILE_DISC": agg(1, 2, ".", withinGroup("quantile_disc")),
	"GROUPING": agg(1, -1, ".", grouping), "GROUPING_ID": agg(0, -1, ".", grouping),
	"JSON_OBJECTAGG": agg(2, 2, ".", jsonObjectAgg), "JSON_ARRAYAGG": agg(1, 1, ".", jsonArrayAgg),
	"TRY_SUM": agg(1, 1, ".", sum), "TRY_AVG": agg(1, 1, ".", avg),
	"HISTOGRAM_NUMERIC":    {min: 2, max: 2, agg: true, do: refuse("HISTOGRAM_NUMERIC")},
	"MULTI_DISTINCT_COUNT": agg(1, 1, ".", func(c *call) val { c.e = distinct(c.e); return count(c) }),
}

// windowFunctions need OVER.
var windowFunctions = map[string]fn{
	"ROW_NUMBER": ranking("row_number", "BIGINT", 0), "RANK": ranking("rank", "BIGINT", 0), "DENSE_RANK": ranking("dense_rank", "BIGINT", 0),
	"PERCENT_RANK": ranking("percent_rank", "DOUBLE", 0), "CUME_DIST": ranking("cume_dist", "DOUBLE", 0), "NTILE": ranking("ntile", "BIGINT", 1),
	"LAG": {min: 1, max: 3, agg: true, window: true, do: lagLead("lag")}, "LEAD": {min: 1, max: 3, agg: true, window: true, do: lagLead("lead")},
	"NTH_VALUE": {min: 2, max: 2, agg: true, window: true, do: func(c *call) val {
		return val{sql: c.aggregate("nth_value", c.args[0].sql, c.args[1].sql), t: c.args[0].t}
	}},
}

func ranking(name, t string, n int) fn {
	return fn{min: n, max: n, agg: true, window: true, do: func(c *call) val {
		c.needsOrder()
		sqls := make([]string, len(c.args))
		for i, a := range c.args {
			sqls[i] = a.sql
		}
		sql := c.aggregate(name, sqls...)
		if c.r.d == ast.Spark && t == "BIGINT" {
			return val{sql: "CAST(" + sql + " AS INTEGER)", t: typ("INT")}
		}
		return val{sql: sql, t: typ(t)}
	}}
}

// needsOrder: the order of rows must be given, or the result is arbitrary.
func (c *call) needsOrder() {
	w := c.e.Over
	if c.r.d != ast.MySQL && w != nil && w.Name == "" && len(w.OrderBy) == 0 {
		c.r.fail(c.e, "write OVER (ORDER BY ...)", "%s needs an order of rows", c.name)
	}
}

func lagLead(name string) func(c *call) val {
	return func(c *call) val {
		c.needsOrder()
		sqls := []string{c.args[0].sql}
		if len(c.args) > 1 {
			sqls = append(sqls, c.args[1].sql)
		}
		if len(c.args) > 2 {
			sqls = append(sqls, c.r.cast(c.args[2], orText(c.args[0].t), false).sql)
		}
		return val{sql: c.aggregate(name, sqls...), t: c.args[0].t}
	}
}

func orText(t *ast.TypeName) *ast.TypeName {
	if t == nil {
		return typ("STRING")
	}
	return t
}

func distinct(e *ast.Call) *ast.Call {
	c := *e
	c.Distinct = true
	return &c
}

// count of several values counts the rows in which all of them are present.
func count(c *call) val {
	t := typ("BIGINT")
	switch {
	case len(c.args) == 0 || len(c.args) == 1 && c.args[0].sql == "*":
		if c.e.Distinct {
			c.r.fail(c.e, "", "COUNT(DISTINCT *) has no meaning")
		}
		return val{sql: c.aggregate("count", "*"), t: t}
	case len(c.args) == 1:
		return val{sql: c.aggregate("count", c.args[0].sql), t: t}
	case c.r.d == ast.Flink:
		c.r.unsupported(c.e, "COUNT of several values", "count ROW(...) or a concatenation")
	}
	tests := make([]string, len(c.args))
	for i, a := range c.args {
		tests[i] = a.sql + " IS NOT NULL"
	}
	return val{sql: c.aggregate("count", "CASE WHEN "+strings.Join(tests, " AND ")+" THEN "+fill("row($*)", c.args)+" END"), t: t}
}

// sum keeps the integer type in Flink, wrapping around, and is BIGINT in Spark
// and MySQL; a decimal gets more digits.
func sum(c *call) val {
	a := c.r.numeric(c.e, "SUM", c.args[0])
	if is(a.t, "INTERVAL") {
		return val{sql: c.aggregate("sum", a.sql), t: a.t}
	}
	switch {
	case isInt(a.t):
		s := c.aggregate("sum", a.sql)
		if c.r.d == ast.Flink {
			return val{sql: wrap(a.t, s), t: a.t}
		}
		if c.r.d == ast.Spark {
			return val{sql: wrap(typ("BIGINT"), s), t: typ("BIGINT")}
		}
		return val{sql: "CAST(" + s + " AS BIGINT)", t: typ("BIGINT")}
	case isDecimal(a.t):
		p, s := precision(a.t)
		t := decimalOf(38, s)
		if c.r.d == ast.Spark {
			t = boundDecimal(p+10, s)
		}
		// DuckDB adds in 128 bits, which hold more than 38 digits; too much is null.
		return val{sql: "TRY_CAST(tarn_sum_fit(" + c.aggregate("sum", a.sql) + ", " + largest(38, s) + ") AS " + mustDuck(t) + ")", t: t}
	case is(a.t, "FLOAT") && c.r.d == ast.Flink:
		return val{sql: "CAST(" + c.aggregate("sum", a.sql) + " AS REAL)", t: a.t}
	case isFloat(a.t):
		return val{sql: c.aggregate("sum", "CAST("+a.sql+" AS DOUBLE)"), t: typ("DOUBLE")}
	}
	return val{sql: "tarn_sum_any(" + c.aggregate("sum", a.sql) + ")", t: a.t}
}

// avg of integers is an integer in Flink; of decimals it is exact.
func avg(c *call) val {
	a := c.r.numeric(c.e, "AVG", c.args[0])
	switch {
	case isInt(a.t) && c.r.d == ast.Flink:
		q := val{sql: wrap(typ("BIGINT"), c.aggregate("sum", a.sql)), t: typ("BIGINT")}
		return val{sql: "CAST(" + q.sql + " // nullif(" + c.aggregate("count", a.sql) + ", 0) AS " + mustDuck(a.t) + ")", t: a.t}
	case isDecimal(a.t):
		p, s := precision(a.t)
		t := decimalOf(38, max(6, s))
		if c.r.d == ast.Spark {
			t = boundDecimal(p+4, s+4)
		}
		tp, ts := precision(t)
		n := "(" + unscaled(c.aggregate("sum", a.sql), 38, s) + times(max(ts-s, 0)) + ")"
		o := decimalOperands{p: tp, s: ts}
		return val{sql: o.result("tarn_quot("+n+", nullif(CAST("+c.aggregate("count", a.sql)+" AS HUGEINT), 0))", ts), t: t}
	case is(a.t, "FLOAT") && c.r.d == ast.Flink:
		return val{sql: "CAST(" + c.aggregate("avg", a.sql) + " AS REAL)", t: a.t}
	}
	return val{sql: c.aggregate("avg", a.sql), t: typ("DOUBLE")}
}

// spread has the type of its argument in Flink.
func spread(name string) func(c *call) val {
	return func(c *call) val {
		a := c.r.numeric(c.e, c.name, c.args[0])
		sql := c.aggregate(name, "CAST("+a.sql+" AS DOUBLE)")
		switch {
		case c.r.d != ast.Flink || a.t == nil:
			return val{sql: sql, t: typ("DOUBLE")}
		case isInt(a.t):
			return val{sql: intSpread(c, name, a), t: a.t}
		case isDecimal(a.t):
			_, s := precision(a.t)
			t := decimalOf(38, max(6, s))
			return val{sql: "CAST(" + sql + " AS " + mustDuck(t) + ")", t: t}
		}
		return val{sql: "CAST(" + sql + " AS " + mustDuck(a.t) + ")", t: a.t}
	}
}

// intSpread computes a variance in integers, as Flink does:
// (sum(x*x) - sum(x)*sum(x)/n) / n, each division cutting off.
func intSpread(c *call, name string, a val) string {
	x := "CAST(" + a.sql + " AS HUGEINT)"
	n := c.aggregate("count", a.sql)
	s := c.aggregate("sum", x)
	d := pick(strings.HasSuffix(name, "_pop"), "nullif("+n+", 0)", "nullif("+n+" - 1, 0)")
	v := "((" + c.aggregate("sum", x+" * "+x) + " - " + s + " * " + s + " // nullif(" + n + ", 0)) // " + d + ")"
	if strings.HasPrefix(name, "stddev") {
		v = "trunc(sqrt(CAST(" + v + " AS DOUBLE)))"
	}
	return "CAST(" + v + " AS " + mustDuck(a.t) + ")"
}

func singleValue(c *call) val {
	return val{sql: "CASE WHEN " + c.aggregate("count", "*") + " > 1 THEN error('SINGLE_VALUE received more than one row') ELSE " + c.aggregate("any_value", c.args[0].sql) + " END", t: c.args[0].t}
}

// firstLast: a second TRUE asks to leave out nulls (Spark). Over a window they
// are window functions.
func firstLast(name string) func(c *call) val {
	return func(c *call) val {
		ignore := len(c.args) > 1 && strings.EqualFold(c.args[1].sql, "true")
		if c.e.Over != nil {
			if ignore {
				e := *c.e
				e.RespectNulls = "IGNORE"
				c.e = &e
			}
			return val{sql: c.aggregate(name+"_value", c.args[0].sql), t: c.args[0].t}
		}
		e := *c.e
		if ignore || c.r.d == ast.Flink || e.RespectNulls == "IGNORE" {
			test := &ast.Is{Pos: c.e.Pos, X: c.e.Args[0], Kind: "NULL", Not: true}
			e.RespectNulls = ""
			if e.Filter == nil {
				e.Filter = test
			} else {
				e.Filter = &ast.Binary{Pos: c.e.Pos, Op: "AND", L: e.Filter, R: test}
			}
		}
		c.e = &e
		return val{sql: c.aggregate(name, c.args[0].sql), t: c.args[0].t}
	}
}

func listagg(c *call) val {
	sep := "','"
	if len(c.args) > 1 {
		sep = c.args[1].sql
	}
	if c.r.d == ast.Spark && len(c.args) == 1 {
		sep = "''"
	}
	return val{sql: c.aggregate("string_agg", c.r.asText(c.args[0]).sql, sep), t: typ("STRING")}
}

func groupConcat(c *call) val {
	sep := "','"
	if c.e.Separator != nil {
		sep = c.r.expr(c.s, c.e.Separator).sql
	}
	args := make([]val, len(c.args))
	for i, a := range c.args {
		args[i] = c.r.asText(a)
	}
	value := args[0].sql
	if len(args) > 1 {
		if c.e.Separator == nil && len(args) == 2 && c.args[1].lit != nil {
			sep = args[1].sql // StarRocks: GROUP_CONCAT(x, ', ')
		} else {
			value = joined(args, " || ")
		}
	}
	return val{sql: c.aggregate("string_agg", value, sep), t: typ("STRING")}
}

// collect makes a multiset: a map from value to count.
func collect(c *call) val {
	v := val{t: &ast.TypeName{Name: "MULTISET", Elem: []*ast.TypeName{orNull(c.args[0].t)}}}
	if c.e.Distinct {
		e := *c.e
		e.Distinct = false
		c.e = &e
		v.sql = "tarn_multiset_ones(" + c.aggregate("histogram", c.args[0].sql) + ")"
		return v
	}
	v.sql = "tarn_multiset(" + c.aggregate("histogram", c.args[0].sql) + ")"
	return v
}

// collectList leaves out nulls and gives an empty array for no rows.
func collectList(c *call) val {
	e := *c.e
	test := &ast.Is{Pos: e.Pos, X: e.Args[0], Kind: "NULL", Not: true}
	if e.Filter == nil {
		e.Filter = test
	} else {
		e.Filter = &ast.Binary{Pos: e.Pos, Op: "AND", L: e.Filter, R: test}
	}
	c.e = &e
	return val{sql: "coalesce(" + c.aggregate("list", c.args[0].sql) + ", [])", t: arrayOf(c.args[0].t)}
}

// arrayAgg keeps nulls in Flink and StarRocks, leaves them out in Spark.
func arrayAgg(c *call) val {
	if c.r.d == ast.Spark {
		return collectList(c)
	}
	return val{sql: c.aggregate("list", c.args[0].sql), t: arrayOf(c.args[0].t)}
}

func percentile(name string) func(c *call) val {
	return func(c *call) val {
		x := c.args[0]
		t := x.t
		if name == "quantile_cont" {
			x = val{sql: "CAST(" + x.sql + " AS DOUBLE)"}
			t = typ("DOUBLE")
		}
		if is(c.args[1].t, "ARRAY") {
			return val{sql: c.aggregate(name, x.sql, c.args[1].sql), t: arrayOf(t)}
		}
		return val{sql: c.aggregate(name, x.sql, c.args[1].sql), t: t}
	}
}

// withinGroup is PERCENTILE_CONT(p) WITHIN GROUP (ORDER BY x), and StarRocks' PERCENTILE_CONT(x, p).
func withinGroup(name string) func(c *call) val {
	return func(c *call) val {
		if len(c.args) == 2 {
			return percentile(name)(c)
		}
		if len(c.e.WithinGroup) != 1 {
			c.r.fail(c.e, "write WITHIN GROUP (ORDER BY x)", "%s needs one ORDER BY value", c.name)
		}
		o := c.e.WithinGroup[0]
		x := "CAST(" + c.r.expr(c.s, o.Expr).sql + " AS DOUBLE)"
		p := c.args[0].sql
		if o.Desc {
			p = "(1 - " + p + ")"
		}
		e := *c.e
		e.WithinGroup = nil
		c.e = &e
		return val{sql: c.aggregate(name, x, p), t: typ("DOUBLE")}
	}
}

func grouping(c *call) val {
	t := typ("BIGINT")
	if c.r.d == ast.Spark && c.name == "GROUPING" {
		t = typ("TINYINT")
	}
	if len(c.args) == 0 {
		c.r.unsupported(c.e, "GROUPING_ID()", "name the columns: GROUPING_ID(a, b)")
	}
	return val{sql: "CAST(" + fill("grouping($*)", c.args) + " AS " + mustDuck(t) + ")", t: t}
}

func jsonObjectAgg(c *call) val {
	e := *c.e
	value := c.r.toJSONText(c.args[1])
	item := "CAST(to_json(CAST(" + c.args[0].sql + " AS VARCHAR)) AS VARCHAR) || ':' || coalesce(" + value + ", 'null')"
	if c.json().OnNull == "ABSENT" {
		e.Filter = &ast.Is{Pos: e.Pos, X: e.Args[1], Kind: "NULL", Not: true}
	}
	c.e = &e
	return val{sql: "('{' || coalesce(" + c.aggregate("string_agg", item, "','") + ", '') || '}')", t: typ("STRING")}
}

func jsonArrayAgg(c *call) val {
	item := c.r.toJSONText(c.args[0])
	if c.json().OnNull == "NULL" {
		item = "coalesce(" + item + ", 'null')"
	}
	return val{sql: "('[' || coalesce(" + c.aggregate("string_agg", item, "','") + ", '') || ']')", t: typ("STRING")}
}
