package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/avro"
	"github.com/tarndb/tarn/paimon/format/orc"
	"github.com/tarndb/tarn/paimon/types"
)

// Manifests of Paimon before 2.0 may be ORC files (option manifest.format).
// They are written again as Avro in memory, and decoded as such: the rows are
// the same, whatever they lie in.

const statsType = "ROW<_MIN_VALUES BYTES NOT NULL, _MAX_VALUES BYTES NOT NULL, _NULL_COUNTS ARRAY<BIGINT>> NOT NULL"

// The columns of manifests. Ids count from 0 behind _VERSION, which has none.
var (
	entryFields = sync.OnceValue(func() []types.Field {
		return manifestFields(`ROW<_VERSION INT NOT NULL, _KIND TINYINT NOT NULL, _PARTITION BYTES NOT NULL, _BUCKET INT NOT NULL, _TOTAL_BUCKETS INT NOT NULL,
			_FILE ROW<_FILE_NAME STRING NOT NULL, _FILE_SIZE BIGINT NOT NULL, _ROW_COUNT BIGINT NOT NULL, _MIN_KEY BYTES NOT NULL, _MAX_KEY BYTES NOT NULL,
			_KEY_STATS ` + statsType + `, _VALUE_STATS ` + statsType + `, _MIN_SEQUENCE_NUMBER BIGINT NOT NULL, _MAX_SEQUENCE_NUMBER BIGINT NOT NULL,
			_SCHEMA_ID BIGINT NOT NULL, _LEVEL INT NOT NULL, _EXTRA_FILES ARRAY<STRING NOT NULL> NOT NULL, _CREATION_TIME TIMESTAMP(3), _DELETE_ROW_COUNT BIGINT,
			_EMBEDDED_FILE_INDEX BYTES, _FILE_SOURCE TINYINT, _VALUE_STATS_COLS ARRAY<STRING NOT NULL>, _EXTERNAL_PATH STRING, _FIRST_ROW_ID BIGINT,
			_WRITE_COLS ARRAY<STRING NOT NULL>> NOT NULL>`)
	})
	listFields = sync.OnceValue(func() []types.Field {
		return manifestFields(`ROW<_VERSION INT NOT NULL, _FILE_NAME STRING NOT NULL, _FILE_SIZE BIGINT NOT NULL, _NUM_ADDED_FILES BIGINT NOT NULL,
			_NUM_DELETED_FILES BIGINT NOT NULL, _PARTITION_STATS ` + statsType + `, _SCHEMA_ID BIGINT NOT NULL, _MIN_BUCKET INT, _MAX_BUCKET INT, _MIN_LEVEL INT,
			_MAX_LEVEL INT, _MIN_ROW_ID BIGINT, _MAX_ROW_ID BIGINT>`)
	})
	indexFields = sync.OnceValue(func() []types.Field {
		return manifestFields(`ROW<_VERSION INT NOT NULL, _KIND TINYINT NOT NULL, _PARTITION BYTES NOT NULL, _BUCKET INT NOT NULL, _INDEX_TYPE STRING NOT NULL,
			_FILE_NAME STRING NOT NULL, _FILE_SIZE BIGINT NOT NULL, _ROW_COUNT BIGINT NOT NULL,
			_DELETIONS_VECTORS_RANGES ARRAY<ROW<f0 STRING NOT NULL, f1 INT NOT NULL, f2 INT NOT NULL, _CARDINALITY BIGINT>>, _EXTERNAL_PATH STRING,
			_GLOBAL_INDEX ROW<_ROW_RANGE_START BIGINT NOT NULL, _ROW_RANGE_END BIGINT NOT NULL, _INDEX_FIELD_ID INT NOT NULL, _EXTRA_FIELD_IDS ARRAY<INT NOT NULL>,
			_INDEX_META BYTES>>`)
	})
)

// manifestFields reads the type of a manifest's rows.
func manifestFields(text string) []types.Field {
	t, err := types.Parse(text)
	if err != nil {
		panic(err) // the text is above
	}
	countIDs(&t, -1)
	return t.Fields
}

// countIDs gives the fields of rows their ids.
func countIDs(t *types.Type, first int) {
	if t.Elem != nil {
		countIDs(t.Elem, 0)
	}
	for i := range t.Fields {
		t.Fields[i].ID = first + i
		countIDs(&t.Fields[i].Type, 0)
	}
}

// inAvro makes decode take manifests in ORC too.
func inAvro[T any](fields func() []types.Field, decode func([]byte) (T, error)) func([]byte) (T, error) {
	return func(data []byte) (T, error) {
		if bytes.HasPrefix(data, []byte("ORC")) {
			var err error
			if data, err = rewrite(data, fields()); err != nil {
				var none T
				if damage := (*errs.CorruptError)(nil); errors.As(err, &damage) {
					err = damage.Err // whoever reads manifests names the file
				}
				return none, fmt.Errorf("manifest in ORC: %w", err)
			}
		}
		return decode(data)
	}
}

// inMemory is a file in memory.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// rewrite makes an Avro file of the rows of an ORC file.
func rewrite(data []byte, fields []types.Field) ([]byte, error) {
	in, err := orc.New().Open(inMemory{bytes.NewReader(data)}, format.ReadOptions{Path: "manifest", Fields: fields})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var out bytes.Buffer
	w, err := avro.New().NewWriter(&out, fields, format.WriteOptions{Compression: "null"})
	if err != nil {
		return nil, err
	}
	for {
		b, err := in.Next()
		if err == io.EOF {
			err := w.Close()
			return out.Bytes(), err
		}
		if err == nil {
			err = w.Write(b)
			b.Release()
		}
		if err != nil {
			return nil, err
		}
	}
}
