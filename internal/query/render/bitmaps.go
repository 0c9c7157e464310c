package render

import "github.com/tarndb/tarn/internal/query/ast"

// Bitmaps are BYTES values. The DuckDB functions tarn_bitmap_* are registered by
// the engine; they read all forms of a bitmap and write that of StarRocks.
//
// bitmaps are StarRocks' functions, also known to Spark through a UDF jar in the
// users' scripts. As there, values that are none of 0 to 2^64-1 are left out by
// BITMAP_AGG and give NULL in TO_BITMAP, and BITMAP_COUNT(NULL) is 0.
var bitmaps = map[string]fn{
	"BITMAP_AGG":         bitmapAgg("tarn_bitmap_agg", "BYTES", 'v'),
	"BITMAP_UNION":       bitmapAgg("tarn_bitmap_union", "BYTES", 'b'),
	"BITMAP_UNION_COUNT": bitmapAgg("tarn_bitmap_union_count", "BIGINT", 'b'),
	"BITMAP_UNION_INT":   bitmapAgg("tarn_bitmap_agg_count", "BIGINT", 'v'),
	"BITMAP_INTERSECT":   bitmapAgg("tarn_bitmap_intersect", "BYTES", 'b'),
	"BITMAP_COUNT":       bitmapFn("tarn_bitmap_count", "BIGINT", "b"),
	"BITMAP_MAX":         bitmapFn("tarn_bitmap_max", "BIGINT", "b"),
	"BITMAP_MIN":         bitmapFn("tarn_bitmap_min", "BIGINT", "b"),
	"BITMAP_FROM_BINARY": bitmapFn("tarn_bitmap_from_binary", "BYTES", "b"),
	"BITMAP_TO_BINARY":   bitmapFn("tarn_bitmap_to_binary", "BYTES", "b"),
	"BITMAP_AND":         bitmapFn("tarn_bitmap_and", "BYTES", "bb"),
	"BITMAP_OR":          bitmapFn("tarn_bitmap_or", "BYTES", "bb"),
	"BITMAP_XOR":         bitmapFn("tarn_bitmap_xor", "BYTES", "bb"),
	"BITMAP_ANDNOT":      bitmapFn("tarn_bitmap_andnot", "BYTES", "bb"),
	"BITMAP_HAS_ANY":     bitmapFn("tarn_bitmap_has_any", "BOOLEAN", "bb"),
	"BITMAP_CONTAINS":    bitmapFn("tarn_bitmap_contains", "BOOLEAN", "bv"),
	"BITMAP_REMOVE":      bitmapFn("tarn_bitmap_remove", "BYTES", "bv"),
	"BITMAP_TO_ARRAY":    bitmapFn("tarn_bitmap_to_array", "<BIGINT", "b"),
	"BITMAP_TO_STRING":   bitmapFn("tarn_bitmap_to_string", "STRING", "b"),
	"BITMAP_FROM_STRING": tmpl(1, 1, "s", "tarn_bitmap_from_string($1)", "BYTES"),
	"BITMAP_HASH":        tmpl(1, 1, "s", "tarn_bitmap_hash($1)", "BYTES"),
	"BITMAP_EMPTY":       tmpl(0, 0, "", "tarn_bitmap_empty()", "BYTES"),
	"TO_BITMAP":          bitmapFn("tarn_bitmap_of", "BYTES", "v"),
	"ARRAY_TO_BITMAP":    bitmapFn("tarn_bitmap_of_array", "BYTES", "a"),
}

// flinkBitmaps are the functions of Flink 2.3 (FLIP-556). Its bitmaps hold INT
// values, negative ones as if they were unsigned.
var flinkBitmaps = map[string]fn{
	"BITMAP_BUILD":                 bitmapFn("tarn_bitmap_of_array", "BYTES", "A"),
	"BITMAP_CARDINALITY":           bitmapFn("tarn_bitmap_cardinality", "BIGINT", "b"),
	"BITMAP_FROM_BYTES":            bitmapFn("tarn_bitmap_from_bytes", "BYTES", "b"),
	"BITMAP_TO_BYTES":              bitmapFn("tarn_bitmap_to_bytes", "BYTES", "b"),
	"BITMAP_TO_ARRAY":              bitmapFn("tarn_bitmap_to_int_array", "<INT", "b"),
	"BITMAP_TO_STRING":             bitmapFn("tarn_bitmap_to_braces", "STRING", "b"),
	"BITMAP_BUILD_AGG":             bitmapAgg("tarn_bitmap_agg", "BYTES", 'i'),
	"BITMAP_OR_AGG":                bitmapAgg("tarn_bitmap_union", "BYTES", 'b'),
	"BITMAP_AND_AGG":               bitmapAgg("tarn_bitmap_intersect", "BYTES", 'b'),
	"BITMAP_XOR_AGG":               bitmapAgg("tarn_bitmap_xor_agg", "BYTES", 'b'),
	"BITMAP_BUILD_CARDINALITY_AGG": cardinalityOf(bitmapAgg("tarn_bitmap_agg", "BYTES", 'i')),
	"BITMAP_OR_CARDINALITY_AGG":    cardinalityOf(bitmapAgg("tarn_bitmap_union", "BYTES", 'b')),
	"BITMAP_AND_CARDINALITY_AGG":   cardinalityOf(bitmapAgg("tarn_bitmap_intersect", "BYTES", 'b')),
	"BITMAP_XOR_CARDINALITY_AGG":   cardinalityOf(bitmapAgg("tarn_bitmap_xor_agg", "BYTES", 'b')),
}

// sparkBitmaps are Spark's own functions over bit vectors of 32,768 positions,
// which are another thing.
var sparkBitmaps = map[string]fn{
	"BITMAP_CONSTRUCT_AGG": bitVector("BITMAP_CONSTRUCT_AGG", true), "BITMAP_OR_AGG": bitVector("BITMAP_OR_AGG", true),
	"BITMAP_AND_AGG":      bitVector("BITMAP_AND_AGG", true),
	"BITMAP_BIT_POSITION": bitVector("BITMAP_BIT_POSITION", false), "BITMAP_BUCKET_NUMBER": bitVector("BITMAP_BUCKET_NUMBER", false),
}

func bitVector(name string, aggregate bool) fn {
	return fn{min: 1, max: 1, args: ".", agg: aggregate, do: func(c *call) val {
		c.r.unsupported(c.e, "function "+name, "use bitmap_agg, bitmap_union and bitmap_count, which take any value")
		return val{}
	}}
}

// bitmapFn is a function with a letter for each argument: see bitmapArg.
func bitmapFn(name, t, args string) fn {
	return with(len(args), len(args), ".", func(c *call) val {
		sql := name + "("
		for i := range args {
			if i > 0 {
				sql += ", "
			}
			sql += c.bitmapArg(i, args[i])
		}
		return val{sql: sql + ")", t: c.resultType(t)}
	})
}

// bitmapAgg is an aggregate of one argument.
func bitmapAgg(name, t string, arg byte) fn {
	return agg(1, 1, ".", func(c *call) val {
		return val{sql: c.aggregate(name, c.bitmapArg(0, arg)), t: typ(t)}
	})
}

// cardinalityOf counts the values of the bitmap that f gives; NULL stays NULL.
func cardinalityOf(f fn) fn {
	return agg(f.min, f.max, f.args, func(c *call) val {
		return val{sql: "tarn_bitmap_cardinality(" + f.do(c).sql + ")", t: typ("BIGINT")}
	})
}

// bitmapArg checks and renders an argument: b a bitmap, v a value of one, i one
// of Flink's, a an array of values, A one of Flink's.
func (c *call) bitmapArg(i int, letter byte) string {
	v := c.args[i]
	known := v.t != nil && !is(v.t, "NULL")
	switch letter {
	case 'b':
		if known && !isBinary(v.t) {
			c.r.fail(c.e.Args[i], "", "%s needs a bitmap, which is BYTES, this is %s", c.name, v.t.SQL())
		}
		return v.sql
	case 'a', 'A':
		e := elem(v.t)
		if known && (!is(v.t, "ARRAY") || e != nil && !is(e, "NULL") && !isInt(e)) {
			c.r.fail(c.e.Args[i], "", "%s needs an ARRAY of integers, this is %s", c.name, v.t.SQL())
		}
		if letter == 'A' {
			c.needsInt(i, e)
			return "list_transform(" + v.sql + ", lambda tarn_v: " + unsigned("tarn_v") + ")"
		}
		return "CAST(" + v.sql + " AS BIGINT[])"
	case 'i':
		c.needsInt(i, v.t)
		return unsigned(v.sql)
	}
	return c.bitmapValue(i, v, known)
}

// unsigned takes an INT as 32 bits without a sign.
func unsigned(sql string) string { return "(CAST(" + sql + " AS BIGINT) & 4294967295)" }

func (c *call) needsInt(i int, t *ast.TypeName) {
	if t != nil && !is(t, "NULL", "TINYINT", "SMALLINT", "INT") {
		c.r.fail(c.e.Args[i], "CAST it AS INT, or use BITMAP_AGG, which takes any integer", "%s needs INT, this is %s", c.name, t.SQL())
	}
}

func (c *call) bitmapValue(i int, v val, known bool) string {
	switch {
	case !known && v.t == nil:
		return v.sql
	case !known:
		return "CAST(" + v.sql + " AS BIGINT)"
	case is(v.t, "BOOLEAN"):
		return "CAST(" + v.sql + " AS BIGINT)"
	case isDecimal(v.t) && (len(v.t.Args) < 2 || v.t.Args[1] == 0):
		return "CAST(" + v.sql + " AS HUGEINT)"
	case isInt(v.t) || isText(v.t) && c.name != "BITMAP_CONTAINS" && c.name != "BITMAP_REMOVE":
		return v.sql
	}
	c.r.fail(c.e.Args[i], "", "%s needs an integer, this is %s", c.name, v.t.SQL())
	return ""
}
