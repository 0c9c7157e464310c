package render

import (
	"fmt"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/paimon/errs"
)

// cast renders CAST(v AS t), or TRY_CAST, as the dialect means it:
//   - numbers are cut off, not rounded, on the way to integers; integers wrap
//     around in Flink and Spark;
//   - text is trimmed and may have a fraction on its way to an integer;
//   - bad text is an error in Flink, null in Spark and MySQL.
func (r *renderer) cast(v val, t *ast.TypeName, try bool) val {
	out := val{t: withoutNull(t), agg: v.agg}
	if v.t == nil || is(v.t, "NULL") {
		out.sql = castText(v.sql, mustDuck(t), try || r.d != ast.Flink && v.t == nil)
		return out
	}
	if sameType(v.t, t) && (r.assign || !(is(t, "CHAR", "VARCHAR") && len(t.Args) > 0)) {
		v.t = out.t
		return v
	}
	if r.assign && r.d != ast.Flink && isNumeric(v.t) && isNumeric(t) {
		out.sql = storeNumber(v, t)
		return out
	}
	try = try || r.d != ast.Flink && !r.assign
	switch {
	case isText(t):
		out.sql = r.castToText(v, t)
	case isInt(t):
		out.sql = r.castToInt(v, t, try)
	case isFloat(t):
		out.sql = r.castToFloat(v, t, try)
	case isDecimal(t):
		out.sql = r.castToDecimal(v, t, try)
	case is(t, "BOOLEAN"):
		out.sql = r.castToBool(v, try)
	case isTime(t):
		out.sql = r.castToTime(v, t, try)
	case isBinary(t):
		out.sql = r.castToBytes(v, t)
	case is(t, "ARRAY", "MAP", "ROW", "MULTISET"):
		out.sql = r.castNested(v, t, try)
	default:
		out.sql = castText(v.sql, mustDuck(t), try)
	}
	return out
}

// storeNumber puts a number into a column of another number type as Spark and
// MySQL do by default: what does not fit is an error, never another number.
func storeNumber(v val, t *ast.TypeName) string {
	sql := v.sql
	switch {
	case isInt(t) && !isInt(v.t):
		sql = "trunc(" + sql + ")"
	case isDecimal(t) && isFloat(v.t): // through the shortest text, as CAST does
		sql = "CAST(" + sql + " AS VARCHAR)"
	}
	return "CAST(" + sql + " AS " + mustDuck(t) + ")"
}

func castText(sql, duck string, try bool) string {
	if try {
		return "TRY_CAST(" + sql + " AS " + duck + ")"
	}
	return "CAST(" + sql + " AS " + duck + ")"
}

func withoutNull(t *ast.TypeName) *ast.TypeName {
	if !t.NotNull {
		return t
	}
	c := *t
	c.NotNull = false
	return &c
}

func (r *renderer) castToInt(v val, t *ast.TypeName, try bool) string {
	duck := mustDuck(t)
	switch {
	case isText(v.t):
		if r.strict {
			return "TRY_CAST(tarn_strict_int_text(" + v.sql + ") AS " + duck + ")"
		}
		return fromTextCast(v, "tarn_int_text("+v.sql+")", duck, try)
	case isInt(v.t):
		if intRank(v.t) <= intRank(t) {
			return "CAST(" + v.sql + " AS " + duck + ")"
		}
		if r.d == ast.MySQL || r.strict {
			return castText(v.sql, duck, true)
		}
		return wrap(t, v.sql)
	case isFloat(v.t):
		return r.floatToInt(v, t)
	case isDecimal(v.t):
		if r.d == ast.MySQL || r.strict {
			return castText("trunc("+v.sql+")", duck, true)
		}
		return wrap(t, "tarn_low64(CAST(trunc("+v.sql+") AS HUGEINT))")
	case is(v.t, "BOOLEAN"):
		return "CAST(" + v.sql + " AS " + duck + ")"
	case isStamp(v.t) || is(v.t, "DATE"):
		if r.d == ast.Flink {
			r.refuseCast(v, t)
		}
		if is(v.t, "DATE") {
			return "CAST(NULL AS " + duck + ")"
		}
		return wrap(t, "CAST(floor(epoch("+v.sql+")) AS BIGINT)")
	}
	r.refuseCast(v, t)
	return ""
}

// floatToInt: as Java does, NaN is 0 and large values stop at the ends of the
// type (of INT for the small ones, which then wrap around).
func (r *renderer) floatToInt(v val, t *ast.TypeName) string {
	if r.d == ast.MySQL || r.strict {
		return castText("trunc("+v.sql+")", mustDuck(t), true)
	}
	if is(t, "BIGINT") {
		return "tarn_f_i64(" + v.sql + ")"
	}
	if is(t, "INT") {
		return "tarn_f_i32(" + v.sql + ")"
	}
	return wrap(t, "tarn_f_i32("+v.sql+")")
}

// fromTextCast casts the prepared text; bad text is null or an error.
func fromTextCast(v val, prepared, duck string, try bool) string {
	cast := "TRY_CAST(" + prepared + " AS " + duck + ")"
	if try {
		return cast
	}
	return "tarn_checked(" + cast + ", " + v.sql + ", '" + duck + "')"
}

func (r *renderer) refuseCast(v val, t *ast.TypeName) {
	if r.at == nil {
		panic(bailout{errs.Invalid("a value of type %s cannot be cast to %s", v.t.SQL(), t.SQL())})
	}
	r.fail(r.at, "", "a value of type %s cannot be cast to %s", v.t.SQL(), t.SQL())
}

func pick(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

func (r *renderer) castToFloat(v val, t *ast.TypeName, try bool) string {
	duck := mustDuck(t)
	switch {
	case isText(v.t):
		return fromTextCast(v, pick(r.d == ast.Flink, "tarn_float_text(", "tarn_spark_float_text(")+v.sql+")", duck, try)
	case is(v.t, "BOOLEAN"), isNumeric(v.t):
		return "CAST(" + v.sql + " AS " + duck + ")"
	case isStamp(v.t) && r.d == ast.Spark:
		return "CAST(epoch(" + v.sql + ") AS " + duck + ")"
	case is(v.t, "DATE") && r.d == ast.Spark:
		return "CAST(NULL AS " + duck + ")"
	}
	r.refuseCast(v, t)
	return ""
}

// castToDecimal: what does not fit is null in all three, an error only for text in Flink.
func (r *renderer) castToDecimal(v val, t *ast.TypeName, try bool) string {
	duck := mustDuck(t)
	switch {
	case isText(v.t):
		prepared := "tarn_decimal_text(" + v.sql + ")"
		if p, s := precision(t); p == s && r.d == ast.Flink {
			prepared = "tarn_fraction_text(" + v.sql + ")"
		}
		return fromTextCast(v, prepared, duck, try)
	case isFloat(v.t):
		// through the shortest text, as Java's BigDecimal.valueOf does
		return castText("CAST("+v.sql+" AS VARCHAR)", duck, true)
	case isNumeric(v.t):
		return castText(v.sql, duck, true)
	case is(v.t, "BOOLEAN"):
		return castText("CAST("+v.sql+" AS INTEGER)", duck, true)
	case isStamp(v.t) && r.d == ast.Spark:
		return castText("epoch("+v.sql+")", duck, true)
	}
	r.refuseCast(v, t)
	return ""
}

func (r *renderer) castToBool(v val, try bool) string {
	switch {
	case isText(v.t):
		if r.d == ast.MySQL {
			return "(TRY_CAST(" + v.sql + " AS DOUBLE) <> 0)"
		}
		if try {
			return "tarn_bool(" + v.sql + ")"
		}
		return "tarn_checked(tarn_bool(" + v.sql + "), " + v.sql + ", 'BOOLEAN')"
	case isNumeric(v.t):
		return "(" + v.sql + " <> 0)"
	case isStamp(v.t) && r.d == ast.Spark:
		return "(epoch(" + v.sql + ") <> 0)"
	}
	r.refuseCast(v, typ("BOOLEAN"))
	return ""
}

func (r *renderer) castToText(v val, t *ast.TypeName) string {
	sql := r.textOf(v)
	if r.assign {
		return sql
	}
	if is(t, "CHAR") && len(t.Args) > 0 && r.d == ast.Flink {
		return fmt.Sprintf("rpad(%s, %d, ' ')", sql, t.Args[0])
	}
	if is(t, "VARCHAR", "CHAR") && len(t.Args) > 0 {
		return fmt.Sprintf("left(%s, %d)", sql, t.Args[0])
	}
	return sql
}

// textOf is the text that the dialect prints for a value.
func (r *renderer) textOf(v val) string {
	switch {
	case isText(v.t):
		return v.sql
	case is(v.t, "BOOLEAN"):
		if r.d == ast.Flink {
			return "upper(CAST(" + v.sql + " AS VARCHAR))"
		}
		if r.d == ast.MySQL {
			return "CAST(CAST(" + v.sql + " AS INTEGER) AS VARCHAR)"
		}
	case isFloat(v.t) && r.d != ast.MySQL:
		return "tarn_java_float(" + v.sql + ")"
	case isStamp(v.t):
		return r.stampText(v)
	case isBinary(v.t):
		if r.d == ast.Flink || r.d == ast.Spark {
			return "decode(" + v.sql + ")"
		}
	case is(v.t, "ARRAY", "MAP", "ROW", "MULTISET"):
		return r.nestedText(v)
	case is(v.t, "TIME") && r.d == ast.Flink:
		return "left(CAST(" + v.sql + " AS VARCHAR), 8)"
	}
	return "CAST(" + v.sql + " AS VARCHAR)"
}

// stampText prints a timestamp with a fixed number of digits in Flink, with as
// many as needed in Spark.
func (r *renderer) stampText(v val) string {
	ts := v.sql
	if is(v.t, "TIMESTAMP_LTZ") {
		ts = "CAST(" + ts + " AS TIMESTAMP)"
	}
	if r.d != ast.Flink {
		return "CAST(" + ts + " AS VARCHAR)"
	}
	switch p := arg(v.t, 0, 6); {
	case p == 0:
		return "strftime(" + ts + ", '%Y-%m-%d %H:%M:%S')"
	case p <= 6:
		return fmt.Sprintf("left(strftime(%s, '%%Y-%%m-%%d %%H:%%M:%%S.%%f'), %d)", ts, 20+p)
	default:
		return fmt.Sprintf("left(CAST(%s AS VARCHAR), %d)", ts, 20+p)
	}
}

// nestedText prints collections: [a, b], {k=v}, (a, b) in Flink; [a, b],
// {k -> v}, {a, b} in Spark.
func (r *renderer) nestedText(v val) string {
	x, done := r.lambdaName()
	defer done()
	part := func(sql string, t *ast.TypeName) string {
		null := pick(r.d == ast.Flink, "'NULL'", "'null'")
		return "coalesce(" + r.textOf(val{sql: sql, t: t}) + ", " + null + ")"
	}
	join := func(list, item string) string {
		return "array_to_string(list_transform(" + list + ", lambda " + x + ": " + item + "), ', ')"
	}
	guard := func(s string) string { return "CASE WHEN " + v.sql + " IS NOT NULL THEN " + s + " END" }
	switch {
	case is(v.t, "ARRAY"):
		return guard("'[' || coalesce(" + join(v.sql, part(x, elem(v.t))) + ", '') || ']'")
	case is(v.t, "MAP"):
		arrow := pick(r.d == ast.Flink, "'='", "' -> '")
		item := part(x+".key", v.t.Elem[0]) + " || " + arrow + " || " + part(x+".value", v.t.Elem[1])
		return guard("'{' || coalesce(" + join("map_entries("+v.sql+")", item) + ", '') || '}'")
	case is(v.t, "ROW"):
		open, end := pick(r.d == ast.Flink, "'('", "'{'"), pick(r.d == ast.Flink, "')'", "'}'")
		out := open
		for i, f := range v.t.Fields {
			if i > 0 {
				out += " || ', '"
			}
			out += " || " + part("("+v.sql+")."+quote(f.Name), f.Type)
		}
		return guard(out + " || " + end)
	}
	return "CAST(" + v.sql + " AS VARCHAR)"
}

func (r *renderer) castToTime(v val, t *ast.TypeName, try bool) string {
	switch {
	case isText(v.t):
		return r.textToTime(v, t, try)
	case is(t, "DATE") && isStamp(v.t):
		return "CAST(" + r.flinkTime(v) + " AS DATE)"
	case is(t, "TIME") && isStamp(v.t):
		return "CAST(" + localTime(v) + " AS TIME)"
	case is(t, "TIME") && is(v.t, "TIME"):
		return v.sql
	case isStamp(t) && is(v.t, "DATE"):
		return "CAST(" + v.sql + " AS " + mustDuck(t) + ")"
	case isStamp(t) && isStamp(v.t):
		return r.truncateStamp("CAST("+v.sql+" AS "+mustDuck(t)+")", v.t, t)
	case isStamp(t) && is(v.t, "TIME") && r.d == ast.Flink:
		return "(CAST(current_date AS TIMESTAMP) + CAST(" + v.sql + " AS INTERVAL))"
	case isStamp(t) && isNumeric(v.t) && r.d != ast.Flink:
		return "CAST(to_timestamp(" + v.sql + ") AS " + mustDuck(t) + ")"
	}
	r.refuseCast(v, t)
	return ""
}

func localTime(v val) string {
	if is(v.t, "TIMESTAMP_LTZ") {
		return "CAST(" + v.sql + " AS TIMESTAMP)"
	}
	return v.sql
}

// truncateStamp cuts digits behind the seconds that the type has not.
func (r *renderer) truncateStamp(sql string, from, to *ast.TypeName) string {
	p := arg(to, 0, 6)
	if p >= arg(from, 0, 6) || p >= 6 {
		return sql
	}
	switch p {
	case 0:
		if r.d == ast.Flink && is(to, "TIMESTAMP") {
			return "date_trunc('second', tarn_flink_time(" + sql + "))"
		}
		return "date_trunc('second', " + sql + ")"
	case 3:
		return "date_trunc('millisecond', " + sql + ")"
	}
	return fmt.Sprintf("tarn_cut(%s, %s)", sql, power(6-p))
}

func (r *renderer) textToTime(v val, t *ast.TypeName, try bool) string {
	flavour := pick(r.d == ast.Flink, "flink", "spark")
	var sql string
	switch {
	case is(t, "DATE"):
		sql = "tarn_" + flavour + "_date(" + v.sql + ")"
	case is(t, "TIME"):
		sql = "TRY_CAST(trim(" + v.sql + ") AS TIME)"
	case is(t, "TIMESTAMP_LTZ"):
		sql = "tarn_" + flavour + "_stamptz(" + v.sql + ")"
	case arg(t, 0, 6) > 6:
		sql = "TRY_CAST(trim(" + v.sql + ") AS TIMESTAMP_NS)"
	default:
		sql = "tarn_" + flavour + "_stamp(" + v.sql + ")"
	}
	if isStamp(t) && arg(t, 0, 6) < 6 {
		sql = r.truncateStamp(sql, typ("TIMESTAMP", 6), t)
	}
	if try {
		return sql
	}
	return "tarn_checked(" + sql + ", " + v.sql + ", '" + t.Name + "')"
}

func (r *renderer) castToBytes(v val, t *ast.TypeName) string {
	switch {
	case isText(v.t):
		return r.cutBytes("encode("+v.sql+")", t)
	case isBinary(v.t):
		return r.cutBytes(v.sql, t)
	case isInt(v.t) && r.d == ast.Spark:
		return fmt.Sprintf("unhex(right(printf('%%016x', CAST(%s AS BIGINT)), %d))", v.sql, 1<<intRank(v.t))
	}
	r.refuseCast(v, t)
	return ""
}

// cutBytes cuts bytes to the type's length; BINARY and VARBINARY without one
// have length 1 in Flink.
func (r *renderer) cutBytes(sql string, t *ast.TypeName) string {
	if r.d != ast.Flink || r.assign || is(t, "BYTES") {
		return sql
	}
	return fmt.Sprintf("tarn_left_bytes(%s, %d)", sql, arg(t, 0, 1))
}

// castNested casts element by element, by position in rows, since DuckDB
// matches struct fields by name.
func (r *renderer) castNested(v val, t *ast.TypeName, try bool) string {
	x, done := r.lambdaName()
	defer done()
	switch {
	case is(v.t, "ARRAY") && is(t, "ARRAY"):
		item := r.cast(val{sql: x, t: elem(v.t)}, elem(t), try)
		return "list_transform(" + v.sql + ", lambda " + x + ": " + item.sql + ")"
	case is(v.t, "MAP") && is(t, "MAP"):
		k := r.cast(val{sql: x + ".key", t: v.t.Elem[0]}, t.Elem[0], try)
		w := r.cast(val{sql: x + ".value", t: v.t.Elem[1]}, t.Elem[1], try)
		return "map_from_entries(list_transform(map_entries(" + v.sql + "), lambda " + x + ": struct_pack(key := " + k.sql + ", value := " + w.sql + ")))"
	case is(v.t, "ROW") && is(t, "ROW"):
		if len(v.t.Fields) != len(t.Fields) {
			r.refuseCast(v, t)
		}
		out := ""
		for i, f := range t.Fields {
			item := r.cast(val{sql: "(" + v.sql + ")." + quote(v.t.Fields[i].Name), t: v.t.Fields[i].Type}, f.Type, try)
			if i > 0 {
				out += ", "
			}
			out += quote(f.Name) + " := " + item.sql
		}
		return "CASE WHEN " + v.sql + " IS NOT NULL THEN struct_pack(" + out + ") END"
	}
	r.refuseCast(v, t)
	return ""
}
