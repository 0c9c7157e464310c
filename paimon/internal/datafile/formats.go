package datafile

import (
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/avro"
	"github.com/tarndb/tarn/paimon/format/blob"
	"github.com/tarndb/tarn/paimon/format/orc"
	"github.com/tarndb/tarn/paimon/format/parquet"
)

// Formats gives the formats of data files that Tarn knows.
func Formats() format.Registry {
	return format.Registry{"avro": avro.New(), "blob": blob.Format{}, "orc": orc.New(), "parquet": parquet.New()}
}
