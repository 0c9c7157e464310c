package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// Intervals are DuckDB INTERVALs. Their type carries the unit, so that
// year-month and day-time intervals stay apart.

func intervalType(unit string) *ast.TypeName { return &ast.TypeName{Name: "INTERVAL", Unit: unit} }

func isMonths(unit string) bool {
	return unit == "YEAR" || unit == "MONTH" || unit == "QUARTER" || unit == "YEAR TO MONTH"
}

func (r *renderer) interval(s *scope, e *ast.Interval) val {
	if e.From == "" { // Spark: INTERVAL '1 day 2 hours'
		l, ok := e.Value.(*ast.Literal)
		if !ok {
			r.fail(e, "", "an interval needs a unit")
		}
		return val{sql: "CAST(" + text(l.Text) + " AS INTERVAL)", t: intervalType("")}
	}
	unit := e.From
	if e.To != "" {
		unit += " TO " + e.To
	}
	sql := r.intervalValue(s, e)
	if e.Neg {
		sql = "(-" + sql + ")"
	}
	for i := range e.More {
		m := r.interval(s, &e.More[i])
		sql = "(" + sql + " + " + m.sql + ")"
	}
	return val{sql: sql, t: intervalType(unit)}
}

func (r *renderer) intervalValue(s *scope, e *ast.Interval) string {
	l, isLit := e.Value.(*ast.Literal)
	if !isLit || l.Kind == ast.NullLit {
		v := r.expr(s, e.Value)
		return r.units(e, e.From, v)
	}
	txt := strings.TrimSpace(l.Text)
	if e.To != "" {
		sql, ok := rangeInterval(txt, e.From, e.To)
		if !ok {
			r.fail(e, "", "%q is not an interval %s TO %s", txt, e.From, e.To)
		}
		return sql
	}
	if _, err := strconv.ParseFloat(txt, 64); err != nil {
		r.fail(e, "", "%q is not a number of %s", txt, strings.ToLower(e.From))
	}
	return r.units(e, e.From, val{sql: txt, t: decimalLiteral(txt)})
}

// units is "n units" as an INTERVAL.
func (r *renderer) units(at ast.Node, unit string, n val) string {
	whole := "CAST(" + n.sql + " AS BIGINT)"
	switch unit {
	case "YEAR", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "MICROSECOND", "MILLISECOND":
		return "to_" + strings.ToLower(unit) + "s(" + whole + ")"
	case "QUARTER":
		return "to_months(3 * " + whole + ")"
	case "SECOND":
		if isInt(n.t) {
			return "to_seconds(" + whole + ")"
		}
		return "to_microseconds(CAST(round(" + n.sql + " * 1000000) AS BIGINT))"
	case "DECADE", "CENTURY", "MILLENNIUM":
		years := map[string]string{"DECADE": "10", "CENTURY": "100", "MILLENNIUM": "1000"}[unit]
		return "to_years(" + years + " * " + whole + ")"
	}
	r.fail(at, "", "%s is not a unit of intervals", unit)
	return ""
}

// rangeInterval reads '1-2' YEAR TO MONTH and '3 04:05:06.7' DAY TO SECOND.
func rangeInterval(s, from, to string) (string, bool) {
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimLeft(s, "+-")
	if from == "YEAR" && to == "MONTH" {
		y, m, ok := strings.Cut(s, "-")
		years, err1 := strconv.Atoi(y)
		months, err2 := strconv.Atoi(m)
		n := years*12 + months
		if neg {
			n = -n
		}
		return fmt.Sprintf("to_months(%d)", n), ok && err1 == nil && err2 == nil
	}
	micros := map[string]float64{"DAY": 86400e6, "HOUR": 3600e6, "MINUTE": 60e6, "SECOND": 1e6}
	order := []string{"DAY", "HOUR", "MINUTE", "SECOND"}
	total, days, i := 0.0, 0.0, 0
	for i < len(order) && order[i] != from {
		i++
	}
	fields := strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == ':' })
	for _, f := range fields {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil || i >= len(order) {
			return "", false
		}
		if order[i] == "DAY" {
			days = n
		} else {
			total += n * micros[order[i]]
		}
		if order[i] == to {
			i = len(order)
		} else {
			i++
		}
	}
	if neg {
		total, days = -total, -days
	}
	return fmt.Sprintf("(to_days(%d) + to_microseconds(%d))", int64(days), int64(total)), i >= len(order) && len(fields) > 0
}

// timeArithmetic is + - * / with dates, times and intervals.
func (r *renderer) timeArithmetic(e ast.Node, op string, l, rr val) val {
	li, ri := is(l.t, "INTERVAL"), is(rr.t, "INTERVAL")
	switch {
	case li && ri && (op == "+" || op == "-"):
		return val{sql: "(" + l.sql + " " + op + " " + rr.sql + ")", t: l.t}
	case li && isNumeric(rr.t) && op == "*":
		return val{sql: "(" + l.sql + " * " + rr.sql + ")", t: l.t}
	case ri && isNumeric(l.t) && op == "*":
		return val{sql: "(" + rr.sql + " * " + l.sql + ")", t: rr.t}
	case li && op == "/" && isNumeric(rr.t):
		return val{sql: "(" + l.sql + " / " + rr.sql + ")", t: l.t}
	case li && op == "+":
		return r.addInterval(e, rr, op, l)
	case ri && (op == "+" || op == "-"):
		return r.addInterval(e, l, op, rr)
	case is(l.t, "DATE") && isInt(rr.t) && (op == "+" || op == "-") && r.d == ast.Spark:
		return val{sql: "(" + l.sql + " " + op + " CAST(" + rr.sql + " AS INTEGER))", t: l.t}
	case isTime(l.t) && isTime(rr.t) && op == "-":
		if is(l.t, "DATE") && is(rr.t, "DATE") {
			return val{sql: "to_days(CAST(" + l.sql + " - " + rr.sql + " AS INTEGER))", t: intervalType("DAY")}
		}
		return val{sql: "(CAST(" + l.sql + " AS TIMESTAMP) - CAST(" + rr.sql + " AS TIMESTAMP))", t: intervalType("DAY TO SECOND")}
	}
	lt, rt := "unknown", "unknown"
	if l.t != nil {
		lt = l.t.SQL()
	}
	if rr.t != nil {
		rt = rr.t.SQL()
	}
	r.fail(e, "", "%s cannot be applied to %s and %s", op, lt, rt)
	return val{}
}

// addInterval keeps a DATE a DATE where the interval has whole days.
func (r *renderer) addInterval(e ast.Node, v val, op string, iv val) val {
	if isText(v.t) && r.d != ast.Flink {
		v = r.cast(v, typ("TIMESTAMP", 6), true)
	}
	sql := "(" + v.sql + " " + op + " " + iv.sql + ")"
	unit := iv.t.Unit
	switch {
	case v.t == nil:
		return val{sql: sql}
	case is(v.t, "DATE"):
		if isMonths(unit) || unit == "DAY" || unit == "WEEK" {
			return val{sql: "CAST" + strings.TrimSuffix(sql, ")") + " AS DATE)", t: v.t}
		}
		if r.d == ast.Flink {
			return val{sql: "CAST" + strings.TrimSuffix(sql, ")") + " AS DATE)", t: v.t}
		}
		return val{sql: sql, t: typ("TIMESTAMP", 6)}
	case is(v.t, "TIME", "TIMESTAMP"):
		return val{sql: sql, t: v.t}
	case is(v.t, "TIMESTAMP_LTZ"):
		return val{sql: sql, t: v.t}
	}
	r.fail(e, "", "an interval can be added to a date or time, not to %s", v.t.SQL())
	return val{}
}

func (r *renderer) difference(s *scope, e *ast.Difference) val {
	l, rr := r.expr(s, e.L), r.expr(s, e.R)
	unit := e.From
	if e.To != "" {
		unit += " TO " + e.To
	}
	if isMonths(unit) {
		return val{sql: "to_months(CAST(datesub('month', " + rr.sql + ", " + l.sql + ") AS INTEGER))", t: intervalType(unit)}
	}
	return val{sql: "(CAST(" + l.sql + " AS TIMESTAMP) - CAST(" + rr.sql + " AS TIMESTAMP))", t: intervalType(unit)}
}

// stamp gives a value as a TIMESTAMP in the session's zone.
func (r *renderer) stamp(at ast.Node, v val) string {
	switch {
	case v.t == nil || is(v.t, "NULL"):
		return "CAST(" + v.sql + " AS TIMESTAMP)"
	case is(v.t, "TIMESTAMP"):
		if arg(v.t, 0, 6) > 6 {
			return "CAST(" + v.sql + " AS TIMESTAMP)"
		}
		return v.sql
	case isTime(v.t):
		return "CAST(" + v.sql + " AS TIMESTAMP)"
	case isText(v.t):
		return r.cast(v, typ("TIMESTAMP", 6), true).sql
	}
	r.fail(at, "", "a date or time is needed, this is %s", v.t.SQL())
	return ""
}

// flinkTime: Flink takes apart timestamps before 1970 in seconds cut off towards
// 1970, so that a fraction moves them into the next second.
func (r *renderer) flinkTime(v val) string {
	if r.d != ast.Flink || !is(v.t, "TIMESTAMP") || arg(v.t, 0, 6) == 0 {
		return v.sql
	}
	return "tarn_flink_time(" + v.sql + ")"
}

// extract is EXTRACT(unit FROM x) and the functions YEAR, MONTH, ...
func (r *renderer) extract(at ast.Node, unit string, x val) val {
	out := val{t: typ("BIGINT"), agg: x.agg}
	if r.d != ast.Flink {
		out.t = typ("INT")
	}
	if is(x.t, "INTERVAL") {
		out.sql = "CAST(date_part('" + strings.ToLower(unit) + "', " + x.sql + ") AS BIGINT)"
		return out
	}
	ts := x.sql
	if !is(x.t, "TIME") {
		ts = r.flinkTime(val{sql: r.stamp(at, x), t: x.t})
	}
	out.sql = r.datePart(at, unit, ts, &out)
	return out
}

func (r *renderer) datePart(at ast.Node, unit, ts string, out *val) string {
	big := func(s string) string { return "CAST(" + s + " AS BIGINT)" }
	switch unit {
	case "YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "DECADE", "CENTURY", "MILLENNIUM", "ISOYEAR", "WEEK", "DOY":
		return "date_part('" + strings.ToLower(unit) + "', " + ts + ")"
	case "SECOND":
		if r.d == ast.Spark {
			out.t = decimalOf(8, 6)
			return "CAST(date_part('microsecond', " + ts + ") / CAST(1000000 AS DECIMAL(8,0)) AS DECIMAL(8,6))"
		}
		return "date_part('second', " + ts + ")"
	case "MILLISECOND":
		return big("date_part('millisecond', " + ts + ") % 1000")
	case "MICROSECOND":
		return big("date_part('microsecond', " + ts + ") % 1000000")
	case "NANOSECOND":
		return big("(date_part('microsecond', " + ts + ") % 1000000) * 1000")
	case "DOW", "DAYOFWEEK":
		return "(date_part('dow', " + ts + ") + 1)"
	case "ISODOW":
		return "date_part('isodow', " + ts + ")"
	case "EPOCH":
		return big("floor(epoch(" + ts + "))")
	case "Y", "YR", "YRS":
		return r.datePart(at, "YEAR", ts, out)
	case "MON", "MONS":
		return r.datePart(at, "MONTH", ts, out)
	case "D":
		return r.datePart(at, "DAY", ts, out)
	case "H", "HR":
		return r.datePart(at, "HOUR", ts, out)
	case "M", "MIN":
		return r.datePart(at, "MINUTE", ts, out)
	case "S", "SEC":
		return r.datePart(at, "SECOND", ts, out)
	}
	r.fail(at, "", "%s cannot be extracted", unit)
	return ""
}

func (r *renderer) atTimeZone(s *scope, e *ast.AtTimeZone) val {
	x, z := r.expr(s, e.X), r.expr(s, e.Zone)
	out := typ("TIMESTAMP", 6)
	if is(x.t, "TIMESTAMP") {
		out = typ("TIMESTAMP_LTZ", 6)
	}
	return val{sql: "timezone(" + z.sql + ", " + x.sql + ")", t: out}
}

// period is (a, b) OVERLAPS (c, d) and its kin; b and d may be intervals.
func (r *renderer) period(s *scope, e *ast.Binary) val {
	a, b := r.ends(s, e.L)
	c, d := r.ends(s, e.R)
	switch e.Op {
	case "OVERLAPS":
		return boolean(a + " <= " + d + " AND " + c + " <= " + b)
	case "CONTAINS":
		return boolean(a + " <= " + c + " AND " + d + " <= " + b)
	case "EQUALS":
		return boolean(a + " = " + c + " AND " + b + " = " + d)
	case "PRECEDES":
		return boolean(b + " <= " + c)
	}
	return boolean(a + " >= " + d)
}

func (r *renderer) ends(s *scope, e ast.Expr) (string, string) {
	row, ok := e.(*ast.Row)
	if !ok || len(row.Elems) != 2 {
		r.fail(e, "write (start, end)", "a period is needed")
		return "", ""
	}
	a, b := r.expr(s, row.Elems[0]), r.expr(s, row.Elems[1])
	if is(b.t, "INTERVAL") {
		b = r.addInterval(e, a, "+", b)
	}
	return "least(" + a.sql + ", " + b.sql + ")", "greatest(" + a.sql + ", " + b.sql + ")"
}
