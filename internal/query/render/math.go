package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// commonMath are the mathematical functions that mean the same in all dialects.
var commonMath = map[string]fn{
	"ABS": with(1, 1, ".", absolute), "SIGN": with(1, 1, ".", sign),
	"CEIL": with(1, 2, ".", ceilFloor("ceil")), "CEILING": with(1, 2, ".", ceilFloor("ceil")), "FLOOR": with(1, 2, ".", ceilFloor("floor")),
	"ROUND": with(1, 2, ".", round), "TRUNCATE": with(1, 2, ".", truncate),
	"SQRT": tmpl(1, 1, "f", "tarn_sqrt($1)", "DOUBLE"), "CBRT": tmpl(1, 1, "f", "cbrt($1)", "DOUBLE"),
	"EXP": tmpl(1, 1, "f", "exp($1)", "DOUBLE"),
	"LN":  with(1, 1, "f", logarithm("ln")), "LOG10": with(1, 1, "f", logarithm("log10")), "LOG2": with(1, 1, "f", logarithm("log2")),
	"LOG":   with(1, 2, "f", logBase),
	"POWER": tmpl(2, 2, "f", "tarn_pow($1, $2)", "DOUBLE"), "POW": tmpl(2, 2, "f", "tarn_pow($1, $2)", "DOUBLE"),
	"MOD": with(2, 2, ".", func(c *call) val { return c.r.arithmetic(c.e, "%", c.args[0], c.args[1]) }),
	"SIN": tmpl(1, 1, "f", "sin($1)", "DOUBLE"), "COS": tmpl(1, 1, "f", "cos($1)", "DOUBLE"), "TAN": tmpl(1, 1, "f", "tan($1)", "DOUBLE"),
	"COT": tmpl(1, 1, "f", "(1.0::DOUBLE / tan($1))", "DOUBLE"), "ASIN": tmpl(1, 1, "f", "tarn_asin($1)", "DOUBLE"), "ACOS": tmpl(1, 1, "f", "tarn_acos($1)", "DOUBLE"),
	"ATAN": tmpl(1, 1, "f", "atan($1)", "DOUBLE"), "ATAN2": tmpl(2, 2, "f", "atan2($1, $2)", "DOUBLE"),
	"SINH": tmpl(1, 1, "f", "sinh($1)", "DOUBLE"), "COSH": tmpl(1, 1, "f", "cosh($1)", "DOUBLE"), "TANH": tmpl(1, 1, "f", "tanh($1)", "DOUBLE"),
	"DEGREES": tmpl(1, 1, "f", "degrees($1)", "DOUBLE"), "RADIANS": tmpl(1, 1, "f", "radians($1)", "DOUBLE"),
	"PI": tmpl(0, 0, "", "pi()", "DOUBLE"), "E": tmpl(0, 0, "", "exp(1.0::DOUBLE)", "DOUBLE"),
	"RAND": tmpl(0, 1, "", "random()", "DOUBLE"), "BIN": tmpl(1, 1, "i", "tarn_bin($1)", "STRING"),
}

var flinkMath = map[string]fn{
	"RAND_INTEGER": tmpl(1, 2, "i", "CAST(floor(random() * $1) AS INTEGER) ;; CAST(floor(random() * $2) AS INTEGER)", "INT"),
}

var sparkMath = map[string]fn{
	"PMOD": with(2, 2, ".", pmod),
	"BROUND": with(1, 2, ".", func(c *call) val {
		d := pick(len(c.args) > 1, "$2", "0")
		return val{sql: fill("round_even($1, "+d+")", c.args), t: c.args[0].t}
	}),
	"RINT":  tmpl(1, 1, "f", "round_even($1, 0)", "DOUBLE"),
	"EXPM1": tmpl(1, 1, "f", "(exp($1) - 1)", "DOUBLE"), "LOG1P": tmpl(1, 1, "f", "CASE WHEN $1 > -1 THEN ln(1 + $1) END", "DOUBLE"),
	"HYPOT": tmpl(2, 2, "f", "sqrt($1 * $1 + $2 * $2)", "DOUBLE"),
	"SEC":   tmpl(1, 1, "f", "(1.0::DOUBLE / cos($1))", "DOUBLE"), "CSC": tmpl(1, 1, "f", "(1.0::DOUBLE / sin($1))", "DOUBLE"),
	"FACTORIAL": tmpl(1, 1, "i", "CASE WHEN $1 BETWEEN 0 AND 20 THEN CAST(factorial(CAST($1 AS INTEGER)) AS BIGINT) END", "BIGINT"),
	"SHIFTLEFT": with(2, 2, "i", shift("*")), "SHIFTRIGHT": with(2, 2, "i", shift(">>")),
	"POSITIVE":  tmpl(1, 1, ".", "$1", "=1"),
	"NEGATIVE":  with(1, 1, ".", func(c *call) val { return c.r.arithmetic(c.e, "-", val{sql: "0", t: c.args[0].t}, c.args[0]) }),
	"BIT_COUNT": tmpl(1, 1, ".", "CAST(bit_count(CAST($1 AS BIGINT)) AS INTEGER)", "INT"),
	"GETBIT":    tmpl(2, 2, "i", "CAST((CAST($1 AS BIGINT) >> $2) & 1 AS TINYINT)", "TINYINT"), "BIT_GET": tmpl(2, 2, "i", "CAST((CAST($1 AS BIGINT) >> $2) & 1 AS TINYINT)", "TINYINT"),
	"TRY_ADD":      with(2, 2, ".", tryOp("+")),
	"TRY_SUBTRACT": with(2, 2, ".", tryOp("-")),
	"TRY_MULTIPLY": with(2, 2, ".", tryOp("*")),
	"TRY_DIVIDE":   with(2, 2, ".", func(c *call) val { return c.r.arithmetic(c.e, "/", c.args[0], c.args[1]) }),
	"CONV":         {min: 3, max: 3, do: refuse("CONV")},
	"BIN":          tmpl(1, 1, ".", "tarn_bin(CAST($1 AS BIGINT))", "STRING"),
	"INT":          sparkConversion("INT"), "BIGINT": sparkConversion("BIGINT"), "DOUBLE": sparkConversion("DOUBLE"), "FLOAT": sparkConversion("FLOAT"),
	"SMALLINT": sparkConversion("SMALLINT"), "TINYINT": sparkConversion("TINYINT"), "BOOLEAN": sparkConversion("BOOLEAN"),
	"DECIMAL": with(1, 1, ".", func(c *call) val { return c.r.cast(c.args[0], decimalOf(10, 0), true) }),
}

var mysqlMath = map[string]fn{
	"BIT_COUNT": tmpl(1, 1, ".", "CAST(bit_count(CAST($1 AS BIGINT)) AS INTEGER)", "INT"),
	"PMOD":      with(2, 2, ".", pmod),
	"CRC32":     {min: 1, max: 1, do: refuse("CRC32")},
	"CONV":      {min: 3, max: 3, do: refuse("CONV")},
}

func sparkConversion(name string) fn {
	return with(1, 1, ".", func(c *call) val { return c.r.cast(c.args[0], typ(name), true) })
}

func absolute(c *call) val {
	a := c.r.numeric(c.e, "ABS", c.args[0])
	if isInt(a.t) && c.r.d != ast.MySQL {
		return val{sql: wrap(a.t, "abs(CAST("+a.sql+" AS "+wider(a.t)+"))"), t: a.t}
	}
	return val{sql: "abs(" + a.sql + ")", t: a.t}
}

func sign(c *call) val {
	a := c.r.numeric(c.e, "SIGN", c.args[0])
	t := a.t
	if c.r.d == ast.Spark {
		t = typ("DOUBLE")
	}
	if c.r.d == ast.MySQL {
		t = typ("INT")
	}
	if t == nil {
		return val{sql: "sign(" + a.sql + ")"}
	}
	if isDecimal(t) {
		p, s := precision(t)
		if p-s < 1 {
			t = decimalOf(min(38, p+1), s)
		}
	}
	if isFloat(a.t) {
		return val{sql: "CASE WHEN isnan(" + a.sql + ") THEN " + a.sql + " ELSE CAST(sign(" + a.sql + ") AS " + mustDuck(t) + ") END", t: t}
	}
	return val{sql: "CAST(sign(" + a.sql + ") AS " + mustDuck(t) + ")", t: t}
}

// ceilFloor keeps integers, gives decimals scale 0, and rounds times to a unit.
func ceilFloor(name string) func(c *call) val {
	return func(c *call) val {
		a := c.args[0]
		if len(c.args) == 2 && isWord(c.e.Args[1]) {
			return floorTime(c, name)
		}
		if len(c.args) == 2 {
			return ceilDigits(c, name)
		}
		a = c.r.numeric(c.e, c.name, a)
		switch {
		case isInt(a.t):
			if c.r.d == ast.Spark {
				return c.r.cast(a, typ("BIGINT"), false)
			}
			return a
		case isDecimal(a.t):
			p, s := precision(a.t)
			t := decimalOf(min(38, p-s+1), 0)
			if c.r.d == ast.Flink {
				t = decimalOf(max(p-s, 1), 0)
				if s > 0 {
					t = decimalOf(min(p-s+1, 38), 0)
				}
			}
			return val{sql: "CAST(" + name + "(" + a.sql + ") AS " + mustDuck(t) + ")", t: t}
		case isFloat(a.t) && c.r.d == ast.Spark, c.r.d == ast.MySQL && a.t != nil:
			return val{sql: "tarn_f_i64(" + name + "(CAST(" + a.sql + " AS DOUBLE)))", t: typ("BIGINT")}
		}
		return val{sql: name + "(" + a.sql + ")", t: a.t}
	}
}

// ceilDigits is Spark's CEIL(x, n) with a literal n.
func ceilDigits(c *call, name string) val {
	a := c.r.numeric(c.e, c.name, c.args[0])
	n, ok := digits(c.args[1])
	if !ok || !isDecimal(a.t) && !isInt(a.t) {
		c.r.unsupported(c.e, c.name+" with digits on a value that is not exact", "CAST it AS DECIMAL")
	}
	p, s := precision(a.t)
	if n >= s {
		return a
	}
	k := max(n, 0)
	t := decimalOf(min(p-s+k+1, 38), k)
	if n < 0 {
		return val{sql: fmt.Sprintf("CAST(%s(%s / %s) * %s AS %s)", name, a.sql, power10(-n), power10(-n), mustDuck(t)), t: t}
	}
	return val{sql: scaled(fmt.Sprintf("CAST(%s(%s * %s) AS HUGEINT)", name, a.sql, power10(k)), p, k), t: t}
}

func isWord(e ast.Expr) bool { _, ok := e.(*ast.Word); return ok }

// digits reads a literal number of digits.
func digits(v val) (int, bool) {
	if v.lit == nil || v.lit.Kind != ast.IntLit {
		return 0, false
	}
	n, err := strconv.Atoi(v.lit.Text)
	return n, err == nil
}

// round rounds half away from zero; decimals keep as much scale as they need.
func round(c *call) val {
	a := c.r.numeric(c.e, c.name, c.args[0])
	n, known := 0, true
	if len(c.args) == 2 {
		n, known = digits(c.args[1])
	}
	fn := strings.ToLower(c.name)
	if fn == "ceiling" {
		fn = "ceil"
	}
	switch {
	case isDecimal(a.t) && known && fn == "round":
		p, s := precision(a.t)
		t := a.t
		if n < s {
			k := max(n, 0)
			t = decimalOf(min(max(p-s+k+1, 1-min(n, 0)), 38), k)
		}
		return val{sql: "CAST(round(" + a.sql + ", " + strconv.Itoa(n) + ") AS " + mustDuck(t) + ")", t: t}
	case isInt(a.t):
		if known && n >= 0 {
			return a
		}
		return val{sql: wrap(a.t, "tarn_round_int(CAST("+a.sql+" AS HUGEINT), "+c.args[1].sql+")"), t: a.t}
	case isFloat(a.t) && fn == "round":
		if known {
			return val{sql: "tarn_round_float(" + a.sql + ", " + strconv.Itoa(n) + ")", t: a.t}
		}
		return val{sql: "tarn_round_float(" + a.sql + ", " + c.args[1].sql + ")", t: a.t}
	}
	if len(c.args) == 1 {
		return val{sql: fn + "(" + a.sql + ")", t: a.t}
	}
	return val{sql: fn + "(" + a.sql + ", " + c.args[1].sql + ")", t: a.t}
}

func truncate(c *call) val {
	a := c.r.numeric(c.e, c.name, c.args[0])
	n := "0"
	if len(c.args) == 2 {
		n = c.args[1].sql
	}
	if isInt(a.t) {
		return val{sql: "CAST(tarn_trunc_int(" + a.sql + ", " + n + ") AS " + mustDuck(a.t) + ")", t: a.t}
	}
	if k, ok := digits(val{lit: &ast.Literal{Kind: ast.IntLit, Text: n}}); ok && isDecimal(a.t) {
		p, s := precision(a.t)
		if k >= s {
			return a
		}
		k = max(k, 0)
		t := decimalOf(max(p-s+k, 1), k)
		return val{sql: "CAST(CASE WHEN " + a.sql + " >= 0 THEN floor(" + a.sql + " * " + power10(k) + ") ELSE ceil(" + a.sql + " * " + power10(k) + ") END / " + power10(k) + " AS " + mustDuck(t) + ")", t: t}
	}
	return val{sql: "tarn_trunc(" + a.sql + ", " + n + ")", t: a.t}
}

func power10(n int) string { return "1" + strings.Repeat("0", n) }

// logarithm: not positive gives null in Spark and MySQL, what IEEE says in Flink.
func logarithm(name string) func(c *call) val {
	return func(c *call) val {
		a := c.args[0].sql
		if c.r.d == ast.Flink {
			return val{sql: "tarn_" + name + "(" + a + ")", t: typ("DOUBLE")}
		}
		return val{sql: "CASE WHEN " + a + " > 0 THEN " + name + "(" + a + ") END", t: typ("DOUBLE")}
	}
}

func logBase(c *call) val {
	if len(c.args) == 1 {
		return logarithm("ln")(c)
	}
	a, b := c.args[0].sql, c.args[1].sql
	if c.r.d == ast.Flink {
		return val{sql: "(tarn_ln(" + b + ") / tarn_ln(" + a + "))", t: typ("DOUBLE")}
	}
	return val{sql: "CASE WHEN " + a + " > 0 AND " + b + " > 0 THEN ln(" + b + ") / ln(" + a + ") END", t: typ("DOUBLE")}
}

func pmod(c *call) val {
	m := c.r.arithmetic(c.e, "%", c.args[0], c.args[1])
	s := c.r.arithmetic(c.e, "%", c.r.arithmetic(c.e, "+", m, c.args[1]), c.args[1])
	return val{sql: "CASE WHEN " + m.sql + " < 0 THEN " + s.sql + " ELSE " + m.sql + " END", t: m.t}
}

func shift(op string) func(c *call) val {
	return func(c *call) val {
		t := c.args[0].t
		if !is(t, "BIGINT") {
			t = typ("INT")
		}
		if op == "*" {
			return val{sql: wrap(t, fill("(CAST($1 AS HUGEINT) * (CAST(1 AS HUGEINT) << ($2 & 63)))", c.args)), t: t}
		}
		return val{sql: fill("CAST(($1 >> $2) AS "+mustDuck(t)+")", c.args), t: t}
	}
}

func tryOp(op string) func(c *call) val {
	return func(c *call) val {
		l, rr := c.args[0], c.args[1]
		if isInt(l.t) && isInt(rr.t) {
			t := common(l.t, rr.t)
			return val{sql: "TRY_CAST(CAST(" + l.sql + " AS HUGEINT) " + op + " " + rr.sql + " AS " + mustDuck(t) + ")", t: t}
		}
		return c.r.arithmetic(c.e, op, l, rr)
	}
}

// conditionals are IF, COALESCE and their kin.
var conditionals = map[string]fn{
	"COALESCE": tmpl(1, -1, ".", "coalesce($*)", "~"), "IFNULL": tmpl(2, 2, ".", "coalesce($1, $2)", "~"), "NVL": tmpl(2, 2, ".", "coalesce($1, $2)", "~"),
	"NULLIF": with(2, 2, ".", nullIf),
	"IF":     {min: 3, max: 3, lambda: true, do: ifCall}, "IFF": {min: 3, max: 3, lambda: true, do: ifCall},
	"NVL2":     with(3, 3, ".", nvl2),
	"GREATEST": with(1, -1, ".", extreme("greatest")), "LEAST": with(1, -1, ".", extreme("least")),
	"ISNULL": tmpl(1, 1, ".", "($1 IS NULL)", "BOOLEAN"), "ISNOTNULL": tmpl(1, 1, ".", "($1 IS NOT NULL)", "BOOLEAN"),
	"NANVL":            tmpl(2, 2, "f", "CASE WHEN isnan($1) THEN $2 ELSE $1 END", "DOUBLE"),
	"ISNAN":            tmpl(1, 1, "f", "coalesce(isnan($1), FALSE)", "BOOLEAN"),
	"EQUAL_NULL":       tmpl(2, 2, ".", "($1 IS NOT DISTINCT FROM $2)", "BOOLEAN"),
	"TYPEOF":           with(1, 2, ".", typeOf),
	"ASSERT_TRUE":      tmpl(1, 2, ".", "CASE WHEN $1 THEN NULL ELSE error('assertion failed') END ;; CASE WHEN $1 THEN NULL ELSE error($2) END", "NULL"),
	"RAISE_ERROR":      tmpl(1, 1, "s", "error($1)", "NULL"),
	"CURRENT_CATALOG":  with(0, 0, "", func(c *call) val { return val{sql: text(c.r.opts.CatalogName), t: typ("STRING")} }),
	"CURRENT_DATABASE": with(0, 0, "", currentDatabase), "DATABASE": with(0, 0, "", currentDatabase), "CURRENT_SCHEMA": with(0, 0, "", currentDatabase), "SCHEMA": with(0, 0, "", currentDatabase),
	"CURRENT_USER": with(0, 0, "", func(c *call) val { return val{sql: text(c.r.opts.User), t: typ("STRING")} }),
	"USER":         with(0, 0, "", func(c *call) val { return val{sql: text(c.r.opts.User), t: typ("STRING")} }),
	"SESSION_USER": with(0, 0, "", func(c *call) val { return val{sql: text(c.r.opts.User), t: typ("STRING")} }),
	"SYSTEM_USER":  with(0, 0, "", func(c *call) val { return val{sql: text(c.r.opts.User), t: typ("STRING")} }),
}

func currentDatabase(c *call) val {
	if c.r.opts.DatabaseName == "" {
		return val{sql: "CAST(NULL AS VARCHAR)", t: typ("STRING")}
	}
	return val{sql: text(c.r.opts.DatabaseName), t: typ("STRING")}
}

func nullIf(c *call) val {
	a, b := c.r.comparable(c.e, c.args[0], c.args[1])
	if a == c.args[0].sql {
		return val{sql: "nullif(" + a + ", " + b + ")", t: c.args[0].t}
	}
	return val{sql: "CASE WHEN " + a + " = " + b + " THEN NULL ELSE " + c.args[0].sql + " END", t: c.args[0].t}
}

func ifCall(c *call) val {
	cond := c.r.condition(c.s, c.e.Args[0])
	vs := []val{c.r.expr(c.s, c.e.Args[1]), c.r.expr(c.s, c.e.Args[2])}
	t := c.r.unify(c.e, vs)
	return val{sql: "(CASE WHEN " + cond + " THEN " + vs[0].sql + " ELSE " + vs[1].sql + " END)", t: t, agg: vs[0].agg || vs[1].agg}
}

func nvl2(c *call) val {
	vs := []val{c.args[1], c.args[2]}
	t := c.r.unify(c.e, vs)
	return val{sql: "CASE WHEN " + c.args[0].sql + " IS NOT NULL THEN " + vs[0].sql + " ELSE " + vs[1].sql + " END", t: t}
}

// extreme: one null makes the result null in Flink and MySQL; Spark leaves nulls out.
func extreme(name string) func(c *call) val {
	return func(c *call) val {
		t := c.r.unify(c.e, c.args)
		sql := fill(name+"($*)", c.args)
		if c.r.d == ast.Spark || len(c.args) == 1 {
			return val{sql: sql, t: t}
		}
		tests := make([]string, len(c.args))
		for i, a := range c.args {
			tests[i] = a.sql + " IS NOT NULL"
		}
		return val{sql: "CASE WHEN " + strings.Join(tests, " AND ") + " THEN " + sql + " END", t: t}
	}
}

// sparkTypeName is Spark's own name of a type.
func sparkTypeName(t *ast.TypeName) string {
	names := map[string]string{"TIMESTAMP_LTZ": "timestamp", "TIMESTAMP": "timestamp_ntz", "NULL": "void", "BYTES": "binary", "VARCHAR": "string", "CHAR": "string"}
	if n, ok := names[t.Name]; ok {
		return n
	}
	var parts []string
	for _, e := range t.Elem {
		parts = append(parts, sparkTypeName(e))
	}
	for _, f := range t.Fields {
		parts = append(parts, f.Name+":"+sparkTypeName(f.Type))
	}
	name := map[bool]string{true: "struct", false: strings.ToLower(t.Name)}[t.Name == "ROW"]
	if len(parts) > 0 {
		return name + "<" + strings.Join(parts, ",") + ">"
	}
	if is(t, "DECIMAL") {
		p, s := precision(t)
		return fmt.Sprintf("decimal(%d,%d)", p, s)
	}
	if is(t, "INTERVAL") {
		return "interval " + strings.ToLower(t.Unit)
	}
	return name
}

func typeOf(c *call) val {
	t := c.args[0].t
	if t == nil {
		c.r.unsupported(c.e, "TYPEOF of a value whose type is not known", "")
	}
	name := t.SQL()
	if c.r.d == ast.Spark {
		name = sparkTypeName(t)
	}
	return val{sql: text(name), t: typ("STRING")}
}
