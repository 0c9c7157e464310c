package render

// bitmaps are StarRocks' bitmap functions, also known to Spark through a UDF
// jar in the users' scripts. A bitmap is a BYTES value. The DuckDB functions
// tarn_bitmap_* are registered by the engine.
var bitmaps = map[string]fn{
	"BITMAP_AGG":         plain("tarn_bitmap_agg", "BYTES", 1, "."),
	"BITMAP_UNION":       plain("tarn_bitmap_union", "BYTES", 1, "."),
	"BITMAP_UNION_COUNT": plain("tarn_bitmap_union_count", "BIGINT", 1, "."),
	"BITMAP_UNION_INT": agg(1, 1, ".", func(c *call) val {
		return val{sql: "tarn_bitmap_count(" + c.aggregate("tarn_bitmap_agg", c.args[0].sql) + ")", t: typ("BIGINT")}
	}),
	"BITMAP_INTERSECT":   plain("tarn_bitmap_intersect", "BYTES", 1, "."),
	"BITMAP_COUNT":       tmpl(1, 1, ".", "tarn_bitmap_count($1)", "BIGINT"),
	"BITMAP_FROM_BINARY": tmpl(1, 1, ".", "tarn_bitmap_from_binary($1)", "BYTES"),
	"BITMAP_TO_BINARY":   tmpl(1, 1, ".", "tarn_bitmap_to_binary($1)", "BYTES"),
	"BITMAP_AND":         tmpl(2, 2, ".", "tarn_bitmap_and($1, $2)", "BYTES"),
	"BITMAP_OR":          tmpl(2, 2, ".", "tarn_bitmap_or($1, $2)", "BYTES"),
	"BITMAP_XOR":         tmpl(2, 2, ".", "tarn_bitmap_xor($1, $2)", "BYTES"),
	"BITMAP_ANDNOT":      tmpl(2, 2, ".", "tarn_bitmap_andnot($1, $2)", "BYTES"),
	"BITMAP_CONTAINS":    tmpl(2, 2, ".", "tarn_bitmap_contains($1, $2)", "BOOLEAN"),
	"BITMAP_TO_ARRAY":    tmpl(1, 1, ".", "tarn_bitmap_to_array($1)", "<BIGINT"),
	"BITMAP_TO_STRING":   tmpl(1, 1, ".", "array_to_string(tarn_bitmap_to_array($1), ',')", "STRING"),
	"TO_BITMAP":          tmpl(1, 1, ".", "tarn_bitmap_of($1)", "BYTES"),
}
