package render

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// jsonFunctions read and make JSON texts.
var jsonFunctions = map[string]fn{
	"JSON_VALUE": {min: 2, max: 2, do: jsonValue}, "JSON_QUERY": {min: 2, max: 2, do: jsonQuery}, "JSON_EXISTS": {min: 2, max: 2, do: jsonExists},
	"JSON_OBJECT": {min: 0, max: -1, do: jsonObject}, "JSON_ARRAY": {min: 0, max: -1, do: jsonArray},
	"JSON_STRING": with(1, 1, ".", toJSON), "TO_JSON": with(1, 2, ".", toJSON),
	"JSON_QUOTE": tmpl(1, 1, "s", "CAST(to_json($1) AS VARCHAR)", "STRING"), "JSON_UNQUOTE": tmpl(1, 1, "s", "tarn_json_unquote($1)", "STRING"),
	"JSON":              tmpl(1, 1, ".", "$1", "STRING"),
	"GET_JSON_OBJECT":   tmpl(2, 2, "s", "tarn_get_json_object($1, $2)", "STRING"),
	"GET_JSON_STRING":   tmpl(2, 2, "s", "tarn_get_json_object($1, $2)", "STRING"),
	"GET_JSON_INT":      tmpl(2, 2, "s", "TRY_CAST(tarn_get_json_object($1, $2) AS BIGINT)", "BIGINT"),
	"GET_JSON_DOUBLE":   tmpl(2, 2, "s", "TRY_CAST(tarn_get_json_object($1, $2) AS DOUBLE)", "DOUBLE"),
	"JSON_EXTRACT":      tmpl(2, 2, "s", "tarn_json_get($1, $2)", "STRING"),
	"PARSE_JSON":        tmpl(1, 1, "s", "CAST(CAST($1 AS JSON) AS VARCHAR)", "STRING"),
	"JSON_ARRAY_LENGTH": tmpl(1, 1, "s", "CASE WHEN tarn_is_json($1) AND json_type($1) = 'ARRAY' THEN CAST(json_array_length($1) AS INTEGER) END", "INT"),
	"JSON_LENGTH":       tmpl(1, 1, "s", "CASE WHEN tarn_is_json($1) THEN CAST(CASE json_type($1) WHEN 'ARRAY' THEN json_array_length($1) WHEN 'OBJECT' THEN len(json_keys($1)) ELSE 1 END AS INTEGER) END", "INT"),
	"JSON_OBJECT_KEYS":  tmpl(1, 1, "s", "CASE WHEN tarn_is_json($1) AND json_type($1) = 'OBJECT' THEN json_keys($1) END", "<STRING"),
	"JSON_KEYS":         tmpl(1, 1, "s", "CASE WHEN tarn_is_json($1) AND json_type($1) = 'OBJECT' THEN json_keys($1) END", "<STRING"),
	"JSON_VALID":        tmpl(1, 1, "s", "CAST(json_valid($1) AS INTEGER)", "INT"),
	"IS_JSON":           tmpl(1, 1, "s", "tarn_is_json($1)", "BOOLEAN"),
}

// jsonPath checks a path literal and takes off its mode; strict tells the mode.
func (c *call) jsonPath(i int) (sql string, strict bool) {
	l := c.args[i].lit
	if l == nil || l.Kind != ast.StringLit {
		c.r.unsupported(c.e.Args[i], "JSON path that is not a literal", "")
	}
	p := strings.TrimSpace(l.Text)
	if rest, ok := strings.CutPrefix(p, "strict "); ok {
		p, strict = strings.TrimSpace(rest), true
	} else if rest, ok := strings.CutPrefix(p, "lax "); ok {
		p = strings.TrimSpace(rest)
	}
	if !strings.HasPrefix(p, "$") {
		c.r.fail(c.e.Args[i], "a path starts with $", "JSON path %q is not valid", l.Text)
	}
	return text(jsonPathText(p)), strict
}

// jsonPathText rewrites ['key'] steps into DuckDB's "key".
func jsonPathText(p string) string {
	p = strings.ReplaceAll(p, "['", `."`)
	return strings.ReplaceAll(p, "']", `"`)
}

func (c *call) json() *ast.JSONClause {
	if c.e.JSON == nil {
		return &ast.JSONClause{}
	}
	return c.e.JSON
}

// fallback renders what ON EMPTY or ON ERROR asks for.
func (c *call) fallback(kind string, e ast.Expr, t *ast.TypeName) string {
	switch kind {
	case "ERROR":
		return "error('" + c.name + ": no value at the path')"
	case "DEFAULT":
		v := c.r.expr(c.s, e)
		return c.r.cast(v, t, false).sql
	case "EMPTY ARRAY":
		return "'[]'"
	case "EMPTY OBJECT":
		return "'{}'"
	}
	return "NULL"
}

func jsonValue(c *call) val {
	j := c.json()
	t := typ("STRING")
	if j.Returning != nil {
		t = j.Returning
	}
	path, strict := c.jsonPath(1)
	doc := c.args[0].sql
	value := "tarn_json_scalar(" + doc + ", " + path + ")"
	if !isText(t) {
		value = c.r.cast(val{sql: value, t: typ("STRING")}, t, true).sql
	}
	onEmpty, onError := c.fallback(j.OnEmpty, j.EmptyExpr, t), c.fallback(j.OnError, j.ErrorExpr, t)
	if strict {
		onEmpty = onError
	}
	if onEmpty == "NULL" && onError == "NULL" {
		return val{sql: value, t: t}
	}
	// A document that is no JSON and a value that is no scalar are errors; a
	// path that leads nowhere is empty.
	return val{sql: "(CASE WHEN " + doc + " IS NULL THEN NULL WHEN NOT json_valid(" + doc + ") THEN " + onError +
		" WHEN json_type(" + doc + ", " + path + ") IS NULL THEN " + onEmpty +
		" WHEN json_type(" + doc + ", " + path + ") IN ('OBJECT', 'ARRAY') THEN " + onError + " ELSE " + value + " END)", t: t}
}

func jsonQuery(c *call) val {
	j := c.json()
	path, strict := c.jsonPath(1)
	doc := c.args[0].sql
	onEmpty, onError := c.fallback(j.OnEmpty, nil, typ("STRING")), c.fallback(j.OnError, nil, typ("STRING"))
	if strict {
		onEmpty = onError
	}
	inner := "CAST(json_extract(" + doc + ", " + path + ") AS VARCHAR)"
	kind := "json_type(" + doc + ", " + path + ")"
	result := "CASE WHEN " + kind + " IN ('OBJECT', 'ARRAY') THEN " + inner + " ELSE " + onError + " END"
	switch j.Wrapper {
	case "WITH", "WITH UNCONDITIONAL":
		result = "'[' || " + inner + " || ']'"
	case "WITH CONDITIONAL":
		result = "CASE WHEN " + kind + " = 'ARRAY' THEN " + inner + " ELSE '[' || " + inner + " || ']' END"
	}
	sql := "(CASE WHEN " + doc + " IS NULL THEN NULL WHEN NOT json_valid(" + doc + ") THEN " + onError +
		" WHEN " + kind + " IS NULL THEN " + onEmpty + " ELSE " + result + " END)"
	if j.Returning != nil && is(j.Returning, "ARRAY") {
		return val{sql: "CAST(CAST(" + sql + " AS JSON) AS " + mustDuck(j.Returning) + ")", t: j.Returning}
	}
	return val{sql: sql, t: typ("STRING")}
}

func jsonExists(c *call) val {
	j := c.json()
	path, strict := c.jsonPath(1)
	doc := c.args[0].sql
	onError := "FALSE"
	switch j.OnError {
	case "TRUE":
		onError = "TRUE"
	case "UNKNOWN":
		onError = "NULL"
	case "ERROR":
		onError = "error('JSON_EXISTS: no JSON or no value at the path')"
	}
	missing := "FALSE"
	if strict {
		missing = onError
	}
	return val{sql: "(CASE WHEN " + doc + " IS NULL THEN NULL WHEN NOT json_valid(" + doc + ") THEN " + onError +
		" WHEN json_exists(" + doc + ", " + path + ") THEN TRUE ELSE " + missing + " END)", t: typ("BOOLEAN")}
}

// jsonMember renders a value inside a constructor: a nested constructor stays JSON.
func (c *call) jsonMember(i int) string {
	if inner, ok := c.e.Args[i].(*ast.Call); ok {
		switch strings.ToUpper(inner.Name.Last()) {
		case "JSON_OBJECT", "JSON_ARRAY", "JSON", "JSON_QUERY", "JSON_OBJECTAGG", "JSON_ARRAYAGG":
			return "CAST(" + c.args[i].sql + " AS JSON)"
		}
	}
	return toJSONText(c.args[i])
}

func toJSONText(v val) string {
	if isStamp(v.t) {
		return "to_json(replace(CAST(" + v.sql + " AS VARCHAR), ' ', 'T'))"
	}
	if isBinary(v.t) {
		return "to_json(to_base64(" + v.sql + "))"
	}
	return "to_json(" + v.sql + ")"
}

func jsonObject(c *call) val {
	var parts []string
	for i := 0; i+1 < len(c.args); i += 2 {
		key := "CAST(to_json(CAST(" + c.args[i].sql + " AS VARCHAR)) AS VARCHAR)"
		item := key + " || ':' || coalesce(CAST(" + c.jsonMember(i+1) + " AS VARCHAR), 'null')"
		if c.json().OnNull == "ABSENT" {
			item = "CASE WHEN " + c.args[i+1].sql + " IS NOT NULL THEN " + item + " END"
		}
		parts = append(parts, item)
	}
	if len(parts) == 0 {
		return val{sql: "'{}'", t: typ("STRING")}
	}
	return val{sql: "('{' || concat_ws(',', " + strings.Join(parts, ", ") + ") || '}')", t: typ("STRING")}
}

func jsonArray(c *call) val {
	var parts []string
	for i := range c.args {
		item := "CAST(" + c.jsonMember(i) + " AS VARCHAR)"
		if c.json().OnNull == "NULL" || c.r.d == ast.MySQL {
			item = "coalesce(" + item + ", 'null')"
		}
		parts = append(parts, item)
	}
	if len(parts) == 0 {
		return val{sql: "'[]'", t: typ("STRING")}
	}
	return val{sql: "('[' || concat_ws(',', " + strings.Join(parts, ", ") + ") || ']')", t: typ("STRING")}
}

func toJSON(c *call) val {
	return val{sql: "CAST(" + toJSONText(c.args[0]) + " AS VARCHAR)", t: typ("STRING")}
}
