package render

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// commonText are the text functions that mean the same in all dialects.
var commonText = map[string]fn{
	"LOWER": tmpl(1, 1, "s", "lower($1)", "STRING"), "LCASE": tmpl(1, 1, "s", "lower($1)", "STRING"),
	"UPPER": tmpl(1, 1, "s", "upper($1)", "STRING"), "UCASE": tmpl(1, 1, "s", "upper($1)", "STRING"),
	"CHAR_LENGTH": tmpl(1, 1, "s", "length($1)", "INT"), "CHARACTER_LENGTH": tmpl(1, 1, "s", "length($1)", "INT"),
	"OCTET_LENGTH": tmpl(1, 1, "s", "tarn_bytes_length($1)", "INT"),
	"CONCAT":       with(0, -1, "s", concat), "CONCAT_WS": with(1, -1, "s", concatWS),
	"SUBSTRING": with(2, 3, "sii", substring), "SUBSTR": with(2, 3, "sii", substring),
	"LEFT": tmpl(2, 2, "si", "left($1, greatest($2, 0))", "STRING"), "RIGHT": tmpl(2, 2, "si", "right($1, greatest($2, 0))", "STRING"),
	"LPAD":  with(2, 3, "sis", pad("lpad")),
	"RPAD":  with(2, 3, "sis", pad("rpad")),
	"LTRIM": tmpl(1, 2, "s", "ltrim($1, ' ') ;; ltrim($1, $2)", "STRING"), "RTRIM": tmpl(1, 2, "s", "rtrim($1, ' ') ;; rtrim($1, $2)", "STRING"),
	"BTRIM": tmpl(1, 2, "s", "trim($1, ' ') ;; trim($1, $2)", "STRING"), "TRIM": tmpl(1, 2, "s", "trim($1, ' ') ;; trim($1, $2)", "STRING"),
	"REPLACE": tmpl(2, 3, "s", "replace($1, $2, '') ;; replace($1, $2, $3)", "STRING"),
	"REVERSE": with(1, 1, ".", func(c *call) val {
		if is(c.args[0].t, "ARRAY") {
			return val{sql: fill("list_reverse($1)", c.args), t: c.args[0].t}
		}
		return val{sql: "reverse(" + c.r.asText(c.args[0]).sql + ")", t: typ("STRING")}
	}),
	"REPEAT":   tmpl(2, 2, "si", "repeat($1, greatest($2, 0))", "STRING"),
	"SPACE":    tmpl(1, 1, "i", "repeat(' ', greatest($1, 0))", "STRING"),
	"POSITION": tmpl(2, 3, "ssi", "CAST(instr($2, $1) AS INTEGER) ;; tarn_locate($1, $2, $3)", "INT"),
	"LOCATE":   with(2, 3, "ssi", locate),
	"INSTR":    tmpl(2, 2, "s", "CAST(instr($1, $2) AS INTEGER)", "INT"),
	"OVERLAY":  with(3, 4, "ssii", overlay),
	"INITCAP":  tmpl(1, 1, "s", "tarn_initcap($1)", "STRING"),
	"ASCII":    tmpl(1, 1, "s", "CAST(CASE WHEN $1 = '' THEN 0 ELSE ascii($1) END AS INTEGER)", "INT"),
	"MD5":      tmpl(1, 1, ".", "md5($1)", "STRING"),
	"SHA1":     tmpl(1, 1, ".", "sha1($1)", "STRING"), "SHA": tmpl(1, 1, ".", "sha1($1)", "STRING"),
	"SHA256":      tmpl(1, 1, ".", "sha256($1)", "STRING"),
	"TO_BASE64":   tmpl(1, 1, ".", "to_base64(tarn_blob($1))", "STRING"),
	"FROM_BASE64": tmpl(1, 1, "s", "tarn_text(from_base64($1))", "STRING"),
	"HEX":         with(1, 1, ".", hexOf),
	"TRANSLATE":   tmpl(3, 3, "s", "translate($1, $2, $3)", "STRING"),
	"STARTSWITH":  tmpl(2, 2, "s", "starts_with($1, $2)", "BOOLEAN"), "STARTS_WITH": tmpl(2, 2, "s", "starts_with($1, $2)", "BOOLEAN"),
	"ENDSWITH": tmpl(2, 2, "s", "ends_with($1, $2)", "BOOLEAN"), "ENDS_WITH": tmpl(2, 2, "s", "ends_with($1, $2)", "BOOLEAN"),
	"REGEXP": tmpl(2, 2, "s", "regexp_matches($1, $2)", "BOOLEAN"),
	"REGEXP_REPLACE": with(3, 3, "s", func(c *call) val {
		groups := pick(c.r.d == ast.Flink, "replace($3, '\\', '\\\\')", "tarn_groups($3)") // Flink's replacement is plain text
		return val{sql: fill("regexp_replace($1, $2, "+groups+", 'g')", c.args), t: typ("STRING")}
	}),
	"REGEXP_COUNT":    tmpl(2, 2, "s", "CAST(length(regexp_extract_all($1, $2)) AS INTEGER)", "INT"),
	"REGEXP_INSTR":    tmpl(2, 2, "s", "tarn_regexp_instr($1, $2)", "INT"),
	"REGEXP_SUBSTR":   tmpl(2, 2, "s", "CASE WHEN regexp_matches($1, $2) THEN regexp_extract($1, $2) END", "STRING"),
	"SUBSTRING_INDEX": tmpl(3, 3, "ssi", "tarn_substring_index($1, $2, $3)", "STRING"),
	"ELT":             with(2, -1, ".", elt),
	"FIND_IN_SET":     tmpl(2, 2, "s", "CAST(coalesce(list_position(string_split($2, ','), $1), 0) AS INTEGER)", "INT"),
	"URL_ENCODE":      tmpl(1, 1, "s", "tarn_url_encode($1)", "STRING"),
	"URL_DECODE":      tmpl(1, 1, "s", "tarn_url_decode($1)", "STRING"),
	"PARSE_URL":       tmpl(2, 3, "s", "tarn_parse_url($1, $2) ;; tarn_parse_query($1, $3)", "STRING"),
	"UUID":            tmpl(0, 0, "", "CAST(uuid() AS VARCHAR)", "STRING"),
	"STR_TO_MAP":      with(1, 3, "s", strToMap),
	"SPLIT_PART":      tmpl(3, 3, "ssi", "split_part($1, $2, $3)", "STRING"),
	"LEVENSHTEIN":     tmpl(2, 2, "s", "tarn_levenshtein($1, $2)", "INT"),
}

var flinkText = map[string]fn{
	"CHR":                tmpl(1, 1, ".", "tarn_chr($1)", "STRING"),
	"SHA224":             {min: 1, max: 1, do: refuse("SHA224")},
	"SHA384":             {min: 1, max: 1, do: refuse("SHA384")},
	"SHA512":             {min: 1, max: 1, do: refuse("SHA512")},
	"SHA2":               with(2, 2, "s.", sha2),
	"SPLIT":              tmpl(2, 2, "s", "tarn_split($1, $2)", "<STRING"),
	"SPLIT_INDEX":        with(3, 3, ".", splitIndex),
	"REGEXP_EXTRACT":     tmpl(2, 3, "ssi", "tarn_regexp_extract($1, $2, 0) ;; tarn_regexp_extract($1, $2, $3)", "STRING"),
	"REGEXP_EXTRACT_ALL": tmpl(2, 3, "ssi", "regexp_extract_all($1, $2, 1) ;; regexp_extract_all($1, $2, $3)", "<STRING"),
	"IS_DIGIT":           tmpl(1, 1, "s", "coalesce(regexp_full_match($1, '[0-9]+'), FALSE)", "BOOLEAN"),
	"IS_ALPHA":           tmpl(1, 1, "s", "coalesce(regexp_full_match($1, '\\p{L}+'), FALSE)", "BOOLEAN"),
	"IS_DECIMAL":         tmpl(1, 1, "s", "coalesce(regexp_full_match($1, '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?'), FALSE)", "BOOLEAN"),
	"ENCODE":             tmpl(2, 2, "s", "tarn_encode($1, $2)", "BYTES"),
	"DECODE":             tmpl(2, 2, ".s", "tarn_decode($1, $2)", "STRING"),
	"UNHEX":              tmpl(1, 1, "s", "tarn_unhex($1)", "BYTES"),
	"PRINTF":             with(1, -1, ".", printf),
	"BTRIM":              tmpl(1, 2, "s", "trim($1, ' ') ;; trim($1, $2)", "STRING"),
	"TO_BASE64":          tmpl(1, 1, ".", "to_base64(tarn_blob($1))", "STRING"),
	"INSTR":              tmpl(2, 4, "s", "CAST(instr($1, $2) AS INTEGER) ;; tarn_locate($2, $1, $3)", "INT"),
}

var sparkText = map[string]fn{
	"TO_BINARY": with(1, 2, "s.", toBinary),
	"LENGTH":    tmpl(1, 1, "s", "tarn_length($1)", "INT"), "LEN": tmpl(1, 1, "s", "tarn_length($1)", "INT"),
	"CHR": tmpl(1, 1, "i", "tarn_chr($1)", "STRING"), "CHAR": tmpl(1, 1, "i", "tarn_chr($1)", "STRING"),
	"SHA2":               with(2, 2, "s.", sha2),
	"SPLIT":              with(2, 3, "ssi", sparkSplit),
	"REGEXP_EXTRACT":     tmpl(2, 3, "ssi", "tarn_spark_extract($1, $2, 1) ;; tarn_spark_extract($1, $2, $3)", "STRING"),
	"REGEXP_EXTRACT_ALL": tmpl(2, 3, "ssi", "regexp_extract_all($1, $2, 1) ;; regexp_extract_all($1, $2, $3)", "<STRING"),
	"REGEXP_LIKE":        tmpl(2, 2, "s", "regexp_matches($1, $2)", "BOOLEAN"), "RLIKE": tmpl(2, 2, "s", "regexp_matches($1, $2)", "BOOLEAN"),
	"CONTAINS":      tmpl(2, 2, "s", "contains($1, $2)", "BOOLEAN"),
	"BASE64":        tmpl(1, 1, ".", "to_base64(tarn_blob($1))", "STRING"),
	"UNBASE64":      tmpl(1, 1, "s", "from_base64($1)", "BYTES"),
	"UNHEX":         tmpl(1, 1, "s", "tarn_unhex($1)", "BYTES"),
	"ENCODE":        tmpl(2, 2, "s", "tarn_encode($1, $2)", "BYTES"),
	"DECODE":        with(2, -1, ".", sparkDecode),
	"CHARINDEX":     tmpl(2, 3, "ssi", "CAST(instr($2, $1) AS INTEGER) ;; tarn_locate($1, $2, $3)", "INT"),
	"BIT_LENGTH":    tmpl(1, 1, "s", "(8 * tarn_bytes_length($1))", "INT"),
	"FORMAT_STRING": with(1, -1, ".", printf), "PRINTF": with(1, -1, ".", printf),
	"BINARY":        tmpl(1, 1, "s", "tarn_blob($1)", "BYTES"),
	"STRING":        with(1, 1, ".", func(c *call) val { return c.r.cast(c.args[0], typ("STRING"), true) }),
	"SOUNDEX":       {min: 1, max: 1, do: refuse("SOUNDEX")},
	"SPLIT_PART":    tmpl(3, 3, "ssi", "split_part($1, $2, $3)", "STRING"),
	"CRC32":         {min: 1, max: 1, do: refuse("CRC32")},
	"FORMAT_NUMBER": with(2, 2, ".i", formatNumber),
	"INITCAP":       tmpl(1, 1, "s", "tarn_spark_initcap($1)", "STRING"),
}

var mysqlText = map[string]fn{
	"LENGTH":         tmpl(1, 1, "s", "tarn_bytes_length($1)", "INT"),
	"MID":            with(2, 3, "sii", substring),
	"CHAR":           tmpl(1, 1, "i", "tarn_chr($1)", "STRING"),
	"UNHEX":          tmpl(1, 1, "s", "tarn_unhex($1)", "BYTES"),
	"SHA2":           with(2, 2, "s.", sha2),
	"SPLIT":          tmpl(2, 2, "s", "string_split($1, $2)", "<STRING"),
	"REGEXP_EXTRACT": tmpl(3, 3, "ssi", "regexp_extract($1, $2, $3)", "STRING"),
	"STRCMP":         tmpl(2, 2, "s", "CASE WHEN $1 = $2 THEN 0 WHEN $1 < $2 THEN -1 WHEN $1 > $2 THEN 1 END", "INT"),
	"FIELD":          tmpl(2, -1, ".", "CAST(coalesce(list_position(list_slice([$*], 2, NULL), $1), 0) AS INTEGER)", "INT"),
	"NULL_OR_EMPTY":  tmpl(1, 1, "s", "coalesce($1 = '', TRUE)", "BOOLEAN"),
	"INSERT":         tmpl(4, 4, "siis", "tarn_mysql_insert($1, $4, $2, $3)", "STRING"),
	"QUOTE":          tmpl(1, 1, "s", "('''' || replace(replace($1, '\\', '\\\\'), '''', '\\''') || '''')", "STRING"),
	"TO_BASE64":      tmpl(1, 1, ".", "to_base64(tarn_blob($1))", "STRING"),
	"CONTAINS":       tmpl(2, 2, "s", "contains($1, $2)", "BOOLEAN"),
	"REGEXP_LIKE":    tmpl(2, 2, "s", "regexp_matches($1, $2)", "BOOLEAN"),
}

func refuse(name string) func(c *call) val {
	return func(c *call) val {
		c.r.unsupported(c.e, "function "+name, "")
		return val{}
	}
}

// concat is null when one argument is, unlike DuckDB's.
func concat(c *call) val {
	if len(c.args) == 0 {
		return val{sql: "''", t: typ("STRING")}
	}
	if is(c.args[0].t, "ARRAY") {
		t := c.r.unify(c.e, c.args)
		return val{sql: joined(c.args, " || "), t: t}
	}
	if isBinary(c.args[0].t) {
		return val{sql: joined(c.args, " || "), t: typ("BYTES")}
	}
	if len(c.args) == 1 {
		return val{sql: c.args[0].sql, t: typ("STRING")}
	}
	return val{sql: joined(c.args, " || "), t: typ("STRING")}
}

func joined(args []val, op string) string {
	out := "("
	for i, a := range args {
		if i > 0 {
			out += op
		}
		out += a.sql
	}
	return out + ")"
}

// concatWS leaves out nulls; arrays count element by element in Spark.
func concatWS(c *call) val {
	if len(c.args) == 1 {
		return val{sql: "CASE WHEN " + c.args[0].sql + " IS NOT NULL THEN '' END", t: typ("STRING")}
	}
	args := append([]val(nil), c.args...)
	for i, a := range args {
		if i > 0 && is(a.t, "ARRAY") {
			args[i].sql = "array_to_string(" + a.sql + ", " + c.args[0].sql + ")"
		}
	}
	return val{sql: fill("concat_ws($*)", args), t: typ("STRING")}
}

// substring counts from 1; 0 means 1 and a negative start counts from the end.
func substring(c *call) val {
	t := typ("STRING")
	if isBinary(c.args[0].t) {
		t = typ("BYTES")
	}
	fn := map[ast.Dialect]string{ast.Flink: "tarn_substring", ast.Spark: "tarn_spark_substring", ast.MySQL: "tarn_mysql_substring"}[c.r.d]
	if l := c.args[1].lit; l != nil && l.Kind == ast.IntLit && l.Text != "0" && l.Text[0] != '-' {
		if isBinary(t) {
			if len(c.args) == 2 {
				return val{sql: fill("unhex(substring(hex($1), 2 * $2 - 1))", c.args), t: t}
			}
			return val{sql: fill("unhex(substring(hex($1), 2 * $2 - 1, 2 * $3))", c.args), t: t}
		}
		if len(c.args) == 2 || c.args[2].lit != nil && c.args[2].lit.Kind == ast.IntLit && c.args[2].lit.Text[0] != '-' {
			return val{sql: fill("substring($*)", c.args), t: t}
		}
	}
	if isBinary(t) {
		c.r.unsupported(c.e, c.name+" of bytes with a position that is not a positive literal", "")
	}
	if len(c.args) == 2 {
		return val{sql: fill(fn+"($1, $2, 2147483647)", c.args), t: t}
	}
	return val{sql: fill(fn+"($1, $2, $3)", c.args), t: t}
}

func pad(name string) func(c *call) val {
	return func(c *call) val {
		if isBinary(c.args[0].t) {
			c.r.unsupported(c.e, c.name+" of bytes", "")
		}
		if len(c.args) == 2 {
			c.args = append(c.args, val{sql: "' '"})
		}
		fn := map[ast.Dialect]string{ast.Flink: "tarn_", ast.Spark: "tarn_spark_", ast.MySQL: "tarn_"}[c.r.d] + name
		return val{sql: fill(fn+"($1, $2, $3)", c.args), t: typ("STRING")}
	}
}

func hexOf(c *call) val {
	a := c.args[0]
	if isInt(a.t) {
		return val{sql: "tarn_hex_int(CAST(" + a.sql + " AS BIGINT))", t: typ("STRING")}
	}
	return val{sql: "hex(" + a.sql + ")", t: typ("STRING")}
}

func sha2(c *call) val {
	l := c.args[1].lit
	if l == nil {
		c.r.unsupported(c.e, "SHA2 with a length that is not a literal", "")
	}
	switch l.Text {
	case "256", "0":
		return val{sql: "sha256(" + c.args[0].sql + ")", t: typ("STRING")}
	case "224", "384", "512":
	default:
		return val{sql: "CAST(NULL AS VARCHAR)", t: typ("STRING")}
	}
	c.r.unsupported(c.e, "SHA2 with "+l.Text+" bits", "use 256")
	return val{}
}

// elt is the n-th of the texts behind n.
func elt(c *call) val {
	texts := make([]val, len(c.args)-1)
	for i, a := range c.args[1:] {
		texts[i] = c.r.asText(a)
	}
	n := c.number(c.e, c.args[0], "INT").sql
	return val{sql: "list_extract(" + fill("[$*]", texts) + ", CASE WHEN " + n + " > 0 THEN " + n + " END)", t: typ("STRING")}
}

// overlay: without a length, the text put in replaces as much as it is long.
func overlay(c *call) val {
	if len(c.args) == 3 {
		c.args = append(c.args, val{sql: "length(" + c.args[1].sql + ")"})
	}
	fn := map[ast.Dialect]string{ast.Flink: "tarn_overlay", ast.Spark: "tarn_spark_overlay", ast.MySQL: "tarn_mysql_insert"}[c.r.d]
	return val{sql: fill(fn+"($1, $2, $3, $4)", c.args), t: typ("STRING")}
}

func locate(c *call) val {
	if len(c.args) == 2 {
		return val{sql: fill("CAST(instr($2, $1) AS INTEGER)", c.args), t: typ("INT")}
	}
	if c.r.d == ast.Flink {
		return val{sql: fill("tarn_locate($1, $2, greatest($3, 1))", c.args), t: typ("INT")}
	}
	return val{sql: fill("tarn_locate($1, $2, $3)", c.args), t: typ("INT")}
}

// toBinary reads hexadecimal digits, UTF-8 text or base 64.
func toBinary(c *call) val {
	format := "HEX"
	if len(c.args) == 2 {
		if c.args[1].lit == nil {
			c.r.unsupported(c.e, "TO_BINARY with a format that is not a literal", "")
		}
		format = strings.ToUpper(c.args[1].lit.Text)
	}
	fn := map[string]string{"HEX": "tarn_unhex($1)", "UTF-8": "encode($1)", "UTF8": "encode($1)", "BASE64": "from_base64($1)"}[format]
	if fn == "" {
		c.r.unsupported(c.e, "TO_BINARY format "+format, "")
	}
	return val{sql: fill(fn, c.args), t: typ("BYTES")}
}

// splitIndex takes the delimiter as a text or as a character code.
func splitIndex(c *call) val {
	sep := c.args[1].sql
	if isInt(c.args[1].t) {
		sep = "chr(" + sep + ")"
	}
	return val{sql: "tarn_split_index(" + c.args[0].sql + ", " + sep + ", " + c.args[2].sql + ")", t: typ("STRING")}
}

func sparkSplit(c *call) val {
	if len(c.args) == 3 {
		if l := c.args[2].lit; l == nil || l.Text != "-1" && l.Text != "0" {
			return val{sql: fill("tarn_split_limit($1, $2, $3)", c.args), t: arrayOf(typ("STRING"))}
		}
	}
	return val{sql: fill("tarn_spark_split($1, $2)", c.args), t: arrayOf(typ("STRING"))}
}

// sparkDecode is DECODE(bytes, charset), or Oracle's DECODE(x, a, r, ..., default).
func sparkDecode(c *call) val {
	if len(c.args) == 2 {
		return val{sql: fill("tarn_decode($1, $2)", c.args), t: typ("STRING")}
	}
	results := []val{}
	for i := 2; i < len(c.args); i += 2 {
		results = append(results, c.args[i])
	}
	if len(c.args)%2 == 0 {
		results = append(results, c.args[len(c.args)-1])
	}
	t := c.r.unify(c.e, results)
	sql := "(CASE"
	for i := 1; i+1 < len(c.args); i += 2 {
		a, b := c.r.comparable(c.e, c.args[0], c.args[i])
		sql += " WHEN " + a + " IS NOT DISTINCT FROM " + b + " THEN " + results[(i-1)/2].sql
	}
	if len(c.args)%2 == 0 {
		sql += " ELSE " + results[len(results)-1].sql
	}
	return val{sql: sql + " END)", t: t}
}

// printf passes Java's format on; the directives that matter are C's too.
func printf(c *call) val { return val{sql: fill("printf($*)", c.args), t: typ("STRING")} }

func formatNumber(c *call) val {
	return val{sql: fill("tarn_format_number($1, $2)", c.args), t: typ("STRING")}
}

// strToMap splits by commas and equals signs unless told otherwise.
func strToMap(c *call) val {
	a, b := "','", pick(c.r.d == ast.Spark, "':'", "'='")
	if len(c.args) > 1 {
		a = c.args[1].sql
	}
	if len(c.args) > 2 {
		b = c.args[2].sql
	}
	return val{sql: "tarn_str_to_map(" + c.args[0].sql + ", " + a + ", " + b + ")", t: mapOf(typ("STRING"), typ("STRING"))}
}
