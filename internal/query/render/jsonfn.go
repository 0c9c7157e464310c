package render

import (
	"encoding/json"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/parse"
)

// jsonFunctions read and make JSON texts.
var jsonFunctions = map[string]fn{
	"JSON_VALUE": {min: 2, max: 2, do: jsonValue}, "JSON_QUERY": {min: 2, max: 2, do: jsonQuery}, "JSON_EXISTS": {min: 2, max: 2, do: jsonExists},
	"JSON_OBJECT": {min: 0, max: -1, do: jsonObject}, "JSON_ARRAY": {min: 0, max: -1, do: jsonArray},
	"JSON_STRING": with(1, 1, ".", toJSON), "TO_JSON": with(1, 2, ".", toJSON),
	"JSON_QUOTE": tmpl(1, 1, "s", "CAST(to_json($1) AS VARCHAR)", "STRING"), "JSON_UNQUOTE": tmpl(1, 1, "s", "tarn_json_unquote($1)", "STRING"),
	"JSON":              tmpl(1, 1, ".", "$1", "STRING"),
	"GET_JSON_OBJECT":   with(2, 2, "s", getJSONObject),
	"GET_JSON_STRING":   with(2, 2, "s", getJSONObject),
	"FROM_JSON":         with(2, 3, "s.", fromJSON),
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
	if !strings.HasPrefix(p, "$") && c.r.d == ast.Flink {
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
	if strings.Contains(path, "*") {
		return val{sql: "(CASE WHEN " + doc + " IS NULL THEN NULL ELSE " + c.fallback(j.OnError, j.ErrorExpr, t) + " END)", t: t}
	}
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
	if strings.Contains(path, "*") {
		return jsonQueryMany(c, path)
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

// jsonQueryMany is JSON_QUERY with a path that finds many values: they need a wrapper.
func jsonQueryMany(c *call, path string) val {
	j := c.json()
	onError := c.fallback(j.OnError, nil, typ("STRING"))
	found := onError
	if strings.HasPrefix(j.Wrapper, "WITH") && j.Wrapper != "WITHOUT" {
		found = "CAST(to_json(json_extract(" + c.args[0].sql + ", " + path + ")) AS VARCHAR)"
	}
	return val{sql: "(CASE WHEN " + c.args[0].sql + " IS NULL THEN NULL WHEN NOT json_valid(" + c.args[0].sql + ") THEN " + onError + " ELSE " + found + " END)", t: typ("STRING")}
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
			return c.args[i].sql
		}
	}
	return c.r.toJSONText(c.args[i])
}

// toJSONText is the JSON text of a value of known type. DuckDB's own to_json
// turns decimals into doubles.
func (r *renderer) toJSONText(v val) string {
	switch {
	case isDecimal(v.t), isInt(v.t), is(v.t, "BOOLEAN"):
		return "CAST(" + v.sql + " AS VARCHAR)"
	case isFloat(v.t):
		return "tarn_json_float(" + v.sql + ")"
	case is(v.t, "TIMESTAMP"):
		return "tarn_json_text_of(replace(CAST(" + v.sql + " AS VARCHAR), ' ', 'T'))"
	case is(v.t, "TIMESTAMP_LTZ"):
		return "tarn_json_text_of(strftime(timezone('UTC', " + v.sql + "), '%Y-%m-%dT%H:%M:%S.%gZ'))"
	case isBinary(v.t):
		return "tarn_json_text_of(to_base64(" + v.sql + "))"
	case is(v.t, "ARRAY", "MAP", "ROW"):
		return r.nestedJSON(v)
	}
	return "CAST(to_json(" + v.sql + ") AS VARCHAR)"
}

func (r *renderer) nestedJSON(v val) string {
	x, done := r.lambdaName()
	defer done()
	member := func(sql string, t *ast.TypeName) string {
		return "coalesce(" + r.toJSONText(val{sql: sql, t: t}) + ", 'null')"
	}
	var body, open, end string
	switch v.t.Name {
	case "ARRAY":
		open, end = "'['", "']'"
		body = "array_to_string(list_transform(" + v.sql + ", lambda " + x + ": " + member(x, elem(v.t)) + "), ',')"
	case "MAP":
		open, end = "'{'", "'}'"
		item := "tarn_json_text_of(CAST(" + x + ".key AS VARCHAR)) || ':' || " + member(x+".value", v.t.Elem[1])
		body = "array_to_string(list_transform(map_entries(" + v.sql + "), lambda " + x + ": " + item + "), ',')"
	default:
		open, end = "'{'", "'}'"
		var parts []string
		for _, f := range v.t.Fields {
			sql := "(" + v.sql + ")." + quote(f.Name)
			item := text(jsonKey(f.Name)+":") + " || " + member(sql, f.Type)
			if r.d == ast.Spark { // leaves out nulls
				item = text(jsonKey(f.Name)+":") + " || " + r.toJSONText(val{sql: sql, t: f.Type})
			}
			parts = append(parts, item)
		}
		body = "concat_ws(',', " + strings.Join(parts, ", ") + ")"
	}
	return "CASE WHEN " + v.sql + " IS NOT NULL THEN " + open + " || coalesce(" + body + ", '') || " + end + " END"
}

// jsonKey quotes a field name.
func jsonKey(name string) string {
	b, _ := json.Marshal(name) // a string always marshals
	return string(b)
}

// getJSONObject reads one path, or with [*] all that it finds.
func getJSONObject(c *call) val {
	if l := c.args[1].lit; l != nil && strings.Contains(l.Text, "*") {
		return val{sql: "tarn_json_many(" + c.args[0].sql + ", " + text(jsonPathText(l.Text)) + ")", t: typ("STRING")}
	} else if l != nil {
		if strings.Contains(l.Text, "..") {
			return val{sql: "CAST(NULL AS VARCHAR)", t: typ("STRING")} // Spark knows no recursive paths
		}
		return val{sql: "tarn_get_json_object(" + c.args[0].sql + ", " + text(jsonPathText(l.Text)) + ")", t: typ("STRING")}
	}
	return val{sql: fill("tarn_get_json_object($1, $2)", c.args), t: typ("STRING")}
}

// fromJSON parses JSON by a schema in Spark's notation.
func fromJSON(c *call) val {
	l := c.args[1].lit
	if l == nil || l.Kind != ast.StringLit {
		c.r.unsupported(c.e, "FROM_JSON with a schema that is not a literal", "")
	}
	t, err := parse.Type(c.r.d, l.Text)
	if err != nil || len(t.Elem)+len(t.Fields) == 0 {
		if t, err = parse.Type(c.r.d, "STRUCT<"+l.Text+">"); err != nil {
			c.r.fail(c.e.Args[1], "", "%q is no schema", l.Text)
		}
	}
	shape := c.jsonShape(t)
	doc := "CASE WHEN json_valid(" + c.args[0].sql + ") THEN " + c.args[0].sql + " END"
	sql := "CAST(json_transform(" + doc + ", " + text(shape) + ") AS " + mustDuck(t) + ")"
	if is(t, "ROW") { // what is no JSON gives a row of nulls
		var nulls []string
		for _, f := range t.Fields {
			nulls = append(nulls, quote(f.Name)+" := CAST(NULL AS "+mustDuck(f.Type)+")")
		}
		sql = "CASE WHEN " + c.args[0].sql + " IS NOT NULL THEN coalesce(" + sql + ", struct_pack(" + strings.Join(nulls, ", ") + ")) END"
	}
	return val{sql: sql, t: t}
}

// jsonShape is DuckDB's JSON notation of a type.
func (c *call) jsonShape(t *ast.TypeName) string {
	switch {
	case is(t, "ARRAY"):
		return "[" + c.jsonShape(t.Elem[0]) + "]"
	case is(t, "ROW"):
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = jsonKey(f.Name) + ":" + c.jsonShape(f.Type)
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return `"` + c.r.duck(c.e, t) + `"`
}

func jsonObject(c *call) val {
	var parts []string
	for i := 0; i+1 < len(c.args); i += 2 {
		key := "CAST(to_json(CAST(" + c.args[i].sql + " AS VARCHAR)) AS VARCHAR)"
		item := key + " || ':' || coalesce(" + c.jsonMember(i+1) + ", 'null')"
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
		item := c.jsonMember(i)
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
	return val{sql: c.r.toJSONText(c.args[0]), t: typ("STRING")}
}
