package render

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

func part(unit string) fn {
	return with(1, 1, ".", func(c *call) val { return c.r.extract(c.e, unit, c.args[0]) })
}

// commonTime are the date functions that mean the same in all dialects.
var commonTime = map[string]fn{
	"YEAR": part("YEAR"), "QUARTER": part("QUARTER"), "MONTH": part("MONTH"), "WEEK": part("WEEK"), "DAY": part("DAY"), "DAYOFMONTH": part("DAY"),
	"DAYOFYEAR": part("DOY"), "DAYOFWEEK": part("DOW"), "HOUR": part("HOUR"), "MINUTE": part("MINUTE"), "WEEKOFYEAR": part("WEEK"),
	"SECOND": with(1, 1, ".", func(c *call) val {
		t := typ(pick(c.r.d == ast.Flink, "BIGINT", "INT"))
		return val{sql: "date_part('second', " + c.r.stamp(c.e, c.args[0]) + ")", t: t}
	}),
	"CURRENT_DATE": tmpl(0, 0, "", "current_date", "DATE"), "CURDATE": tmpl(0, 0, "", "current_date", "DATE"),
	"TIMESTAMPDIFF": with(3, 3, ".", timestampDiff), "TIMESTAMPADD": with(3, 3, ".", timestampAdd),
	"DATE_FORMAT": with(2, 2, ".", dateFormat),
	"CONVERT_TZ":  tmpl(3, 3, "tss", "strftime(timezone($3, timezone($2, $1)), '%Y-%m-%d %H:%M:%S')", "STRING"),
}

var flinkTime = map[string]fn{
	"CURRENT_TIMESTAMP": tmpl(0, 1, "", "now()", "TIMESTAMP_LTZ(3)"), "NOW": tmpl(0, 0, "", "now()", "TIMESTAMP_LTZ(3)"),
	"CURRENT_ROW_TIMESTAMP": tmpl(0, 0, "", "now()", "TIMESTAMP_LTZ(3)"), "PROCTIME": tmpl(0, 0, "", "now()", "TIMESTAMP_LTZ(3)"),
	"LOCALTIMESTAMP": tmpl(0, 1, "", "current_localtimestamp()", "TIMESTAMP(3)"), "LOCALTIME": tmpl(0, 1, "", "current_localtime()", "TIME(0)"),
	"CURRENT_TIME":     tmpl(0, 1, "", "current_localtime()", "TIME(0)"),
	"TO_DATE":          with(1, 2, ".", toDate),
	"TO_TIMESTAMP":     with(1, 2, ".", toTimestamp),
	"TO_TIMESTAMP_LTZ": with(1, 3, ".", toTimestampLTZ),
	"UNIX_TIMESTAMP":   with(0, 2, ".", unixTimestamp),
	"FROM_UNIXTIME":    with(1, 2, ".", fromUnixtime),
}

var sparkTime = map[string]fn{
	"CURRENT_TIMESTAMP": tmpl(0, 0, "", "now()", "TIMESTAMP_LTZ(6)"), "NOW": tmpl(0, 0, "", "now()", "TIMESTAMP_LTZ(6)"),
	"LOCALTIMESTAMP": tmpl(0, 0, "", "current_localtimestamp()", "TIMESTAMP(6)"),
	"DATE_ADD":       with(2, 3, ".", dateAddDays(1)), "DATE_SUB": with(2, 2, ".", dateAddDays(-1)), "DATEADD": with(2, 3, ".", dateAddDays(1)),
	"DATEDIFF": with(2, 3, ".", dateDiff), "DATE_DIFF": with(2, 3, ".", dateDiff),
	"ADD_MONTHS":     tmpl(2, 2, "di", "CAST($1 + to_months(CAST($2 AS INTEGER)) AS DATE)", "DATE"),
	"LAST_DAY":       tmpl(1, 1, "d", "last_day($1)", "DATE"),
	"NEXT_DAY":       tmpl(2, 2, "ds", "tarn_next_day($1, $2)", "DATE"),
	"MONTHS_BETWEEN": tmpl(2, 3, "tt.", "tarn_months_between($1, $2)", "DOUBLE"),
	"TO_DATE":        with(1, 2, ".", toDate),
	"TO_TIMESTAMP":   with(1, 2, ".", toTimestamp), "TRY_TO_TIMESTAMP": with(1, 2, ".", toTimestamp), "TO_TIMESTAMP_NTZ": with(1, 2, ".", toTimestamp),
	"UNIX_TIMESTAMP": with(0, 2, ".", unixTimestamp), "TO_UNIX_TIMESTAMP": with(1, 2, ".", unixTimestamp),
	"FROM_UNIXTIME": with(1, 2, ".", fromUnixtime),
	"DATE_TRUNC":    with(2, 2, ".", dateTrunc), "TRUNC": with(2, 2, ".", truncDate),
	"WEEKDAY":   tmpl(1, 1, "t", "CAST(date_part('isodow', $1) - 1 AS INTEGER)", "INT"),
	"DATE_PART": {min: 2, max: 2, lambda: true, do: datePartCall}, "DATEPART": {min: 2, max: 2, lambda: true, do: datePartCall},
	"UNIX_SECONDS": tmpl(1, 1, ".", "CAST(floor(epoch($1)) AS BIGINT)", "BIGINT"), "UNIX_MILLIS": tmpl(1, 1, ".", "epoch_ms($1)", "BIGINT"),
	"UNIX_MICROS": tmpl(1, 1, ".", "epoch_us($1)", "BIGINT"), "UNIX_DATE": tmpl(1, 1, "d", "CAST($1 - DATE '1970-01-01' AS INTEGER)", "INT"),
	"TIMESTAMP_SECONDS":   tmpl(1, 1, ".", "CAST(to_timestamp($1) AS TIMESTAMPTZ)", "TIMESTAMP_LTZ(6)"),
	"TIMESTAMP_MILLIS":    tmpl(1, 1, ".", "tarn_micros_ltz(CAST($1 AS BIGINT) * 1000)", "TIMESTAMP_LTZ(6)"),
	"TIMESTAMP_MICROS":    tmpl(1, 1, ".", "tarn_micros_ltz(CAST($1 AS BIGINT))", "TIMESTAMP_LTZ(6)"),
	"DATE_FROM_UNIX_DATE": tmpl(1, 1, "i", "(DATE '1970-01-01' + CAST($1 AS INTEGER))", "DATE"),
	"MAKE_DATE":           tmpl(3, 3, "i", "TRY(make_date($1, $2, $3))", "DATE"),
	"MAKE_TIMESTAMP":      tmpl(6, 6, ".", "TRY(CAST(make_timestamp($1, $2, $3, $4, $5, CAST($6 AS DOUBLE)) AS TIMESTAMPTZ))", "TIMESTAMP_LTZ(6)"),
	"TO_UTC_TIMESTAMP":    tmpl(2, 2, "ts", "CAST(timezone('UTC', timezone($2, $1)) AS TIMESTAMPTZ)", "TIMESTAMP_LTZ(6)"),
	"FROM_UTC_TIMESTAMP":  tmpl(2, 2, "ts", "CAST(timezone($2, timezone('UTC', $1)) AS TIMESTAMPTZ)", "TIMESTAMP_LTZ(6)"),
	"CURRENT_TIMEZONE":    tmpl(0, 0, "", "current_setting('TimeZone')", "STRING"),
	"DATE":                with(1, 1, ".", func(c *call) val { return c.r.cast(c.args[0], typ("DATE"), true) }),
	"TIMESTAMP":           with(1, 1, ".", func(c *call) val { return c.r.cast(c.args[0], typ("TIMESTAMP_LTZ", 6), true) }),
	"DAYNAME":             tmpl(1, 1, "t", "left(dayname($1), 3)", "STRING"), "MONTHNAME": tmpl(1, 1, "t", "left(monthname($1), 3)", "STRING"),
	"DATE_FORMAT": with(2, 2, ".", dateFormat),
}

var mysqlTime = map[string]fn{
	"CURRENT_TIMESTAMP": tmpl(0, 1, "", "current_localtimestamp()", "TIMESTAMP(6)"), "NOW": tmpl(0, 1, "", "current_localtimestamp()", "TIMESTAMP(6)"),
	"LOCALTIMESTAMP": tmpl(0, 1, "", "current_localtimestamp()", "TIMESTAMP(6)"), "LOCALTIME": tmpl(0, 1, "", "current_localtimestamp()", "TIMESTAMP(6)"),
	"SYSDATE": tmpl(0, 1, "", "current_localtimestamp()", "TIMESTAMP(6)"), "CURTIME": tmpl(0, 1, "", "current_localtime()", "TIME(0)"), "CURRENT_TIME": tmpl(0, 1, "", "current_localtime()", "TIME(0)"),
	"UTC_TIMESTAMP": tmpl(0, 1, "", "timezone('UTC', now())", "TIMESTAMP(6)"), "UTC_DATE": tmpl(0, 0, "", "CAST(timezone('UTC', now()) AS DATE)", "DATE"),
	"DATE_ADD": with(2, 3, ".", mysqlDateAdd("+")), "ADDDATE": with(2, 2, ".", mysqlDateAdd("+")), "DAYS_ADD": with(2, 2, ".", mysqlDateAdd("+")),
	"DATE_SUB": with(2, 3, ".", mysqlDateAdd("-")), "SUBDATE": with(2, 2, ".", mysqlDateAdd("-")), "DAYS_SUB": with(2, 2, ".", mysqlDateAdd("-")),
	"DATEDIFF":  tmpl(2, 2, "d", "CAST(datediff('day', $2, $1) AS INTEGER)", "INT"),
	"DATE_DIFF": with(3, 3, ".", starrocksDateDiff),
	"DATE":      with(1, 1, ".", func(c *call) val { return c.r.cast(c.args[0], typ("DATE"), true) }), "TO_DATE": with(1, 1, ".", func(c *call) val { return c.r.cast(c.args[0], typ("DATE"), true) }),
	"TIMESTAMP":   with(1, 1, ".", func(c *call) val { return c.r.cast(c.args[0], typ("TIMESTAMP", 6), true) }),
	"STR_TO_DATE": with(2, 2, ".", strToDate), "STR2DATE": with(2, 2, ".", strToDate),
	"LAST_DAY": tmpl(1, 1, "d", "last_day($1)", "DATE"), "MAKEDATE": tmpl(2, 2, "i", "CAST(make_date($1, 1, 1) + CAST($2 - 1 AS INTEGER) AS DATE)", "DATE"),
	"DAYNAME": tmpl(1, 1, "t", "dayname($1)", "STRING"), "MONTHNAME": tmpl(1, 1, "t", "monthname($1)", "STRING"), "WEEKDAY": tmpl(1, 1, "t", "CAST(date_part('isodow', $1) - 1 AS INTEGER)", "INT"),
	"UNIX_TIMESTAMP": with(0, 2, ".", unixTimestamp), "FROM_UNIXTIME": with(1, 2, ".", fromUnixtime),
	"DATE_TRUNC": with(2, 2, ".", dateTrunc), "DATE_FORMAT": with(2, 2, ".", dateFormat),
	"TO_DAYS":    tmpl(1, 1, "d", "CAST($1 - DATE '1970-01-01' + 719528 AS INTEGER)", "INT"),
	"FROM_DAYS":  tmpl(1, 1, "i", "(DATE '1970-01-01' + CAST($1 - 719528 AS INTEGER))", "DATE"),
	"MONTHS_ADD": tmpl(2, 2, "ti", "($1 + to_months(CAST($2 AS INTEGER)))", "TIMESTAMP(6)"), "MONTHS_SUB": tmpl(2, 2, "ti", "($1 - to_months(CAST($2 AS INTEGER)))", "TIMESTAMP(6)"),
	"HOURS_ADD": tmpl(2, 2, "ti", "($1 + to_hours(CAST($2 AS BIGINT)))", "TIMESTAMP(6)"), "MINUTES_ADD": tmpl(2, 2, "ti", "($1 + to_minutes(CAST($2 AS BIGINT)))", "TIMESTAMP(6)"),
	"HOURS_SUB": tmpl(2, 2, "ti", "($1 - to_hours(CAST($2 AS BIGINT)))", "TIMESTAMP(6)"), "MINUTES_SUB": tmpl(2, 2, "ti", "($1 - to_minutes(CAST($2 AS BIGINT)))", "TIMESTAMP(6)"),
	"DAYS_DIFF": tmpl(2, 2, "t", "datesub('day', $2, $1)", "BIGINT"), "HOURS_DIFF": tmpl(2, 2, "t", "datesub('hour', $2, $1)", "BIGINT"),
	"MINUTES_DIFF": tmpl(2, 2, "t", "datesub('minute', $2, $1)", "BIGINT"), "SECONDS_DIFF": tmpl(2, 2, "t", "datesub('second', $2, $1)", "BIGINT"),
}

func unitOf(c *call, i int) string {
	if w, ok := c.e.Args[i].(*ast.Word); ok {
		return w.Name
	}
	if l := c.args[i].lit; l != nil && l.Kind == ast.StringLit {
		return strings.ToUpper(l.Text)
	}
	c.r.fail(c.e.Args[i], "", "%s needs a unit such as DAY or HOUR here", c.name)
	return ""
}

// timestampDiff counts whole units from the second to the third argument.
func timestampDiff(c *call) val {
	unit := unitOf(c, 0)
	a, b := c.r.stamp(c.e, c.args[1]), c.r.stamp(c.e, c.args[2])
	t := typ(pick(c.r.d == ast.Flink, "INT", "BIGINT"))
	sql := "datesub('" + strings.ToLower(unit) + "', " + a + ", " + b + ")"
	if isMonths(unit) && c.r.d != ast.Flink {
		sql = "(tarn_months_diff(" + a + ", " + b + ") // " + map[string]string{"MONTH": "1", "QUARTER": "3", "YEAR": "12"}[unit] + ")"
	}
	if c.r.d == ast.Flink {
		sql = "CAST(" + sql + " AS INTEGER)"
	}
	return val{sql: sql, t: t}
}

func timestampAdd(c *call) val {
	unit := unitOf(c, 0)
	iv := val{sql: c.r.units(c.e, unit, c.args[1]), t: intervalType(unit)}
	v := c.args[2]
	if isText(v.t) {
		v = c.r.cast(v, typ("TIMESTAMP", 6), true)
	}
	if is(v.t, "DATE") && c.r.d == ast.Spark {
		return val{sql: "CAST(" + v.sql + " + " + iv.sql + " AS TIMESTAMPTZ)", t: typ("TIMESTAMP_LTZ", 6)}
	}
	if is(v.t, "DATE") && !isMonths(unit) && unit != "DAY" && unit != "WEEK" {
		return val{sql: "(CAST(" + v.sql + " AS TIMESTAMP) + " + iv.sql + ")", t: typ("TIMESTAMP", 0)}
	}
	return c.r.addInterval(c.e, v, "+", iv)
}

func dateFormat(c *call) val {
	ts := c.r.stamp(c.e, c.args[0])
	return val{sql: c.r.formatted(c.e, ts, c.args[1]), t: typ("STRING")}
}

// toDate: text that is no date gives null.
func toDate(c *call) val {
	if len(c.args) == 1 {
		return c.r.cast(c.args[0], typ("DATE"), true)
	}
	return val{sql: "CAST(try_strptime(" + c.r.asText(c.args[0]).sql + ", " + c.r.pattern(c.e, c.args[1]) + ") AS DATE)", t: typ("DATE")}
}

func toTimestamp(c *call) val {
	t := typ("TIMESTAMP", 3)
	if c.r.d == ast.Spark {
		t = typ("TIMESTAMP_LTZ", 6)
		if c.name == "TO_TIMESTAMP_NTZ" {
			t = typ("TIMESTAMP", 6)
		}
	}
	if len(c.args) == 1 {
		return c.r.cast(c.args[0], t, true)
	}
	return val{sql: "CAST(try_strptime(" + c.r.asText(c.args[0]).sql + ", " + c.r.pattern(c.e, c.args[1]) + ") AS " + mustDuck(t) + ")", t: t}
}

// toTimestampLTZ takes a number of seconds (precision 0) or milliseconds (3), or text.
func toTimestampLTZ(c *call) val {
	a := c.args[0]
	if isText(a.t) {
		return val{sql: toTimestamp(c).sql + "::TIMESTAMPTZ", t: typ("TIMESTAMP_LTZ", 3)}
	}
	p := 3
	if len(c.args) > 1 {
		var ok bool
		if p, ok = digits(c.args[1]); !ok || p != 0 && p != 3 {
			c.r.fail(c.e, "", "the precision of TO_TIMESTAMP_LTZ is 0 or 3")
		}
	}
	scale := map[int]string{0: "1000000", 3: "1000"}[p]
	return val{sql: "tarn_micros_ltz(CAST(" + a.sql + " * " + scale + " AS BIGINT))", t: typ("TIMESTAMP_LTZ", 3)}
}

func unixTimestamp(c *call) val {
	t := typ("BIGINT")
	switch {
	case len(c.args) == 0:
		return val{sql: "CAST(floor(epoch(now())) AS BIGINT)", t: t}
	case len(c.args) == 2 && isText(c.args[0].t):
		return val{sql: "CAST(floor(epoch(CAST(try_strptime(" + c.args[0].sql + ", " + c.r.pattern(c.e, c.args[1]) + ") AS TIMESTAMPTZ))) AS BIGINT)", t: t}
	case is(c.args[0].t, "TIMESTAMP_LTZ"):
		return val{sql: "CAST(floor(epoch(" + c.args[0].sql + ")) AS BIGINT)", t: t}
	}
	return val{sql: "CAST(floor(epoch(CAST(" + c.r.stamp(c.e, c.args[0]) + " AS TIMESTAMPTZ))) AS BIGINT)", t: t}
}

func fromUnixtime(c *call) val {
	ts := "CAST(to_timestamp(CAST(" + c.args[0].sql + " AS BIGINT)) AS TIMESTAMP)"
	if len(c.args) == 2 {
		return val{sql: c.r.formatted(c.e, ts, c.args[1]), t: typ("STRING")}
	}
	return val{sql: "strftime(" + ts + ", '%Y-%m-%d %H:%M:%S')", t: typ("STRING")}
}

// dateAddDays is Spark's DATE_ADD(date, days), or DATEADD(unit, n, ts).
func dateAddDays(sign int) func(c *call) val {
	return func(c *call) val {
		if len(c.args) == 3 {
			return timestampAdd(c)
		}
		if is(c.args[1].t, "INTERVAL") {
			return c.r.addInterval(c.e, c.args[0], pick(sign > 0, "+", "-"), c.args[1])
		}
		d := c.date(c.e, c.args[0])
		n := c.number(c.e, c.args[1], "INT")
		return val{sql: "(" + d.sql + pick(sign > 0, " + ", " - ") + "CAST(" + n.sql + " AS INTEGER))", t: typ("DATE")}
	}
}

func dateDiff(c *call) val {
	if len(c.args) == 3 {
		return timestampDiff(c)
	}
	a, b := c.date(c.e, c.args[0]), c.date(c.e, c.args[1])
	return val{sql: "CAST(datediff('day', " + b.sql + ", " + a.sql + ") AS INTEGER)", t: typ("INT")}
}

func starrocksDateDiff(c *call) val {
	unit := strings.ToLower(unitOf(c, 0))
	return val{sql: "datesub('" + unit + "', " + c.r.stamp(c.e, c.args[2]) + ", " + c.r.stamp(c.e, c.args[1]) + ")", t: typ("BIGINT")}
}

// mysqlDateAdd takes an interval, or a number of days.
func mysqlDateAdd(op string) func(c *call) val {
	return func(c *call) val {
		if len(c.args) == 3 {
			return timestampAdd(c)
		}
		v, iv := c.args[0], c.args[1]
		if !is(iv.t, "INTERVAL") {
			iv = val{sql: c.r.units(c.e, "DAY", iv), t: intervalType("DAY")}
		}
		if v.t == nil {
			v = val{sql: "CAST(" + v.sql + " AS TIMESTAMP)", t: typ("TIMESTAMP", 6)}
		}
		return c.r.addInterval(c.e, v, op, iv)
	}
}

func strToDate(c *call) val {
	f := c.r.pattern(c.e, c.args[1])
	t := typ("TIMESTAMP", 6)
	if c.name == "STR2DATE" || !strings.ContainsAny(f, "HIMSpfg") {
		t = typ("DATE")
	}
	return val{sql: "CAST(try_strptime(" + c.args[0].sql + ", " + f + ") AS " + mustDuck(t) + ")", t: t}
}

func dateTrunc(c *call) val {
	unit := strings.ToLower(unitOf(c, 0))
	switch unit {
	case "year", "yyyy", "yy":
		unit = "year"
	case "month", "mon", "mm":
		unit = "month"
	case "day", "dd":
		unit = "day"
	case "quarter", "week", "hour", "minute", "second", "millisecond", "microsecond":
	default:
		return val{sql: "CAST(NULL AS TIMESTAMPTZ)", t: typ("TIMESTAMP_LTZ", 6)}
	}
	v := c.args[1]
	sql := "date_trunc('" + unit + "', " + c.r.stamp(c.e, v) + ")"
	switch {
	case c.r.d == ast.MySQL && is(v.t, "DATE"):
		return val{sql: "CAST(" + sql + " AS DATE)", t: typ("DATE")}
	case c.r.d == ast.MySQL || is(v.t, "TIMESTAMP"):
		return val{sql: sql, t: typ("TIMESTAMP", 6)}
	}
	return val{sql: "CAST(" + sql + " AS TIMESTAMPTZ)", t: typ("TIMESTAMP_LTZ", 6)}
}

func truncDate(c *call) val {
	unit := unitOf(c, 1)
	d := c.date(c.e, c.args[0])
	names := map[string]string{"YEAR": "year", "YYYY": "year", "YY": "year", "QUARTER": "quarter", "MONTH": "month", "MM": "month", "MON": "month", "WEEK": "week"}
	if names[unit] == "" {
		return val{sql: "CAST(NULL AS DATE)", t: typ("DATE")}
	}
	return val{sql: "CAST(date_trunc('" + names[unit] + "', " + d.sql + ") AS DATE)", t: typ("DATE")}
}

func datePartCall(c *call) val {
	l, ok := c.e.Args[0].(*ast.Literal)
	if !ok {
		c.r.fail(c.e, "", "DATE_PART needs a unit in quotes")
	}
	unit := strings.ToUpper(l.Text)
	return c.r.extract(c.e, strings.TrimSuffix(unit, "S"), c.r.expr(c.s, c.e.Args[1]))
}

// floorTime is FLOOR(ts TO unit) and CEIL(ts TO unit).
func floorTime(c *call, name string) val {
	unit := strings.ToLower(unitOf(c, 1))
	v := c.args[0]
	if !isTime(v.t) && v.t != nil {
		c.r.fail(c.e, "", "%s ... TO %s needs a date or time, this is %s", c.name, unit, v.t.SQL())
	}
	if is(v.t, "TIME") {
		return val{sql: "CAST(date_trunc('" + unit + "', CAST(" + v.sql + " AS INTERVAL)) AS TIME)", t: v.t}
	}
	ts := c.r.stamp(c.e, v)
	if unit == "month" || unit == "quarter" || unit == "year" {
		ts = c.r.flinkTime(val{sql: ts, t: v.t})
	}
	sql := "date_trunc('" + unit + "', " + ts + ")"
	if unit == "week" {
		sql = "(date_trunc('week', " + ts + " + to_days(1)) - to_days(1))" // weeks begin on Sunday
	}
	if name == "ceil" {
		step := c.r.units(c.e, strings.ToUpper(unit), val{sql: "1", t: typ("INT")})
		sql = "CASE WHEN " + sql + " = " + ts + " THEN " + ts + " ELSE " + sql + " + " + step + " END"
	}
	switch {
	case is(v.t, "DATE"):
		return val{sql: "CAST(" + sql + " AS DATE)", t: v.t}
	case is(v.t, "TIMESTAMP_LTZ"):
		return val{sql: "CAST(" + sql + " AS TIMESTAMPTZ)", t: v.t}
	}
	return val{sql: sql, t: v.t}
}
