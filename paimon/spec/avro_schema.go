package spec

import (
	"strings"
	"sync"

	"github.com/twmb/avro"
)

// The parsed schemas, made on first use. The wide ones have the fields that
// came after 1.4; files that need none of them are written without, which
// every version reads.
var (
	listAvro      = sync.OnceValue(func() *avro.Schema { return avro.MustParse(manifestListSchema()) })
	manifestAvro  = sync.OnceValue(func() *avro.Schema { return avro.MustParse(manifestSchema(false)) })
	manifestWide  = sync.OnceValue(func() *avro.Schema { return avro.MustParse(manifestSchema(true)) })
	indexAvro     = sync.OnceValue(func() *avro.Schema { return avro.MustParse(indexManifestSchema(false)) })
	indexAvroWide = sync.OnceValue(func() *avro.Schema { return avro.MustParse(indexManifestSchema(true)) })
)

// The Avro schemas of the three files, as Paimon writes them: records are
// named after their path, nullable fields are unions with null first.

const recordNamespace = `"namespace":"org.apache.paimon.avro.generated"`

func avroField(name, typ string) string { return `{"name":"` + name + `","type":` + typ + `}` }

func avroNullable(name, typ string) string {
	return `{"name":"` + name + `","type":["null",` + typ + `],"default":null}`
}

func avroRecord(name string, fields ...string) string {
	head := `{"type":"record","name":"` + name + `",`
	if name == "record" {
		head += recordNamespace + ","
	}
	return head + `"fields":[` + strings.Join(fields, ",") + `]}`
}

func avroStats(name string) string {
	return avroRecord(name,
		avroField("_MIN_VALUES", `"bytes"`),
		avroField("_MAX_VALUES", `"bytes"`),
		avroNullable("_NULL_COUNTS", `{"type":"array","items":["null","long"]}`))
}

const (
	avroInt     = `"int"`
	avroLong    = `"long"`
	avroBytes   = `"bytes"`
	avroString  = `"string"`
	avroStrings = `{"type":"array","items":"string"}`
	avroLongs   = `{"type":"array","items":"long"}`
)

func manifestListSchema() string {
	return avroRecord("record",
		avroField("_VERSION", avroInt),
		avroField("_FILE_NAME", avroString),
		avroField("_FILE_SIZE", avroLong),
		avroField("_NUM_ADDED_FILES", avroLong),
		avroField("_NUM_DELETED_FILES", avroLong),
		avroField("_PARTITION_STATS", avroStats("record__PARTITION_STATS")),
		avroField("_SCHEMA_ID", avroLong),
		avroNullable("_MIN_BUCKET", avroInt),
		avroNullable("_MAX_BUCKET", avroInt),
		avroNullable("_MIN_LEVEL", avroInt),
		avroNullable("_MAX_LEVEL", avroInt),
		avroNullable("_MIN_ROW_ID", avroLong),
		avroNullable("_MAX_ROW_ID", avroLong))
}

// manifestSchema gives the schema of data manifests; wide adds
// _WRITE_COLS_SEQUENCES.
func manifestSchema(wide bool) string {
	file := []string{
		avroField("_FILE_NAME", avroString),
		avroField("_FILE_SIZE", avroLong),
		avroField("_ROW_COUNT", avroLong),
		avroField("_MIN_KEY", avroBytes),
		avroField("_MAX_KEY", avroBytes),
		avroField("_KEY_STATS", avroStats("record__FILE__KEY_STATS")),
		avroField("_VALUE_STATS", avroStats("record__FILE__VALUE_STATS")),
		avroField("_MIN_SEQUENCE_NUMBER", avroLong),
		avroField("_MAX_SEQUENCE_NUMBER", avroLong),
		avroField("_SCHEMA_ID", avroLong),
		avroField("_LEVEL", avroInt),
		avroField("_EXTRA_FILES", avroStrings),
		avroNullable("_CREATION_TIME", `{"type":"long","logicalType":"timestamp-millis"}`),
		avroNullable("_DELETE_ROW_COUNT", avroLong),
		avroNullable("_EMBEDDED_FILE_INDEX", avroBytes),
		avroNullable("_FILE_SOURCE", avroInt),
		avroNullable("_VALUE_STATS_COLS", avroStrings),
		avroNullable("_EXTERNAL_PATH", avroString),
		avroNullable("_FIRST_ROW_ID", avroLong),
		avroNullable("_WRITE_COLS", avroStrings),
	}
	if wide {
		file = append(file, avroNullable("_WRITE_COLS_SEQUENCES", avroLongs))
	}
	return avroRecord("record",
		avroField("_VERSION", avroInt),
		avroField("_KIND", avroInt),
		avroField("_PARTITION", avroBytes),
		avroField("_BUCKET", avroInt),
		avroField("_TOTAL_BUCKETS", avroInt),
		avroField("_FILE", avroRecord("record__FILE", file...)))
}

// indexManifestSchema gives the schema of index manifests; wide adds
// _SOURCE_META.
func indexManifestSchema(wide bool) string {
	global := []string{
		avroField("_ROW_RANGE_START", avroLong),
		avroField("_ROW_RANGE_END", avroLong),
		avroField("_INDEX_FIELD_ID", avroInt),
		avroNullable("_EXTRA_FIELD_IDS", `{"type":"array","items":"int"}`),
		avroNullable("_INDEX_META", avroBytes),
	}
	if wide {
		global = append(global, avroNullable("_SOURCE_META", avroBytes))
	}
	deletions := avroRecord("record__DELETIONS_VECTORS_RANGES",
		avroField("f0", avroString),
		avroField("f1", avroInt),
		avroField("f2", avroInt),
		avroNullable("_CARDINALITY", avroLong))
	return avroRecord("record",
		avroField("_VERSION", avroInt),
		avroField("_KIND", avroInt),
		avroField("_PARTITION", avroBytes),
		avroField("_BUCKET", avroInt),
		avroField("_INDEX_TYPE", avroString),
		avroField("_FILE_NAME", avroString),
		avroField("_FILE_SIZE", avroLong),
		avroField("_ROW_COUNT", avroLong),
		avroNullable("_DELETIONS_VECTORS_RANGES", `{"type":"array","items":["null",`+deletions+`]}`),
		avroNullable("_EXTERNAL_PATH", avroString),
		avroNullable("_GLOBAL_INDEX", avroRecord("record__GLOBAL_INDEX", global...)))
}
