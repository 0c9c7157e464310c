package table

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/spec"
)

// WithBuckets gives the table as if its option "bucket" were n: how the real
// buckets of a postponed table are written.
func (t *Table) WithBuckets(n int) *Table {
	out := *t
	out.Options.Bucket = n
	out.Raw = maps.Clone(t.Raw)
	out.Raw["bucket"] = fmt.Sprint(n)
	scanner := *t.Scanner
	scanner.Options.Bucket = n
	out.Scanner = &scanner
	return &out
}

// unmergedSequence is the sequence number of rows of postponed buckets.
const unmergedSequence = -1

// PostponedWriter starts files of a postponed bucket: rows as they come, with
// their kinds. user and writer go into the names, by which a compaction tells
// who wrote in which order. Creation times grow from file to file.
// Source: org.apache.paimon.postpone.PostponeBucketFileStoreWrite.
func (b *BucketFiles) PostponedWriter(ctx context.Context, user string, writer int32, now func() time.Time) (lsm.Writer, error) {
	t := b.t
	f := t.Options.Files
	paths := t.PathOptions()
	paths.DataPrefix = fmt.Sprintf("%s-u-%s-s-%d-w-", f.Prefix, user, writer)
	dir, err := t.Parts.Path(b.partition)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	o := datafile.KVWriterOptions{
		Store: t.Store, Paths: datafile.NewPaths(paths, dir, datafile.PostponeBucket), Formats: t.formats, Format: t.postponedFormat(), Fields: t.Schema.Fields, KeyFields: t.KeyAt,
		SchemaID: t.Schema.ID, Source: spec.SourceAppend, TargetFileSize: f.TargetSize, Stats: datafile.StatsOptions{Mode: "none"}, Now: now,
	}
	o.Write.Compression, o.Write.Level, o.Write.BlockBytes, o.Write.Params = f.Compression, f.ZstdLevel, f.BlockSize, t.Raw
	w, err := datafile.NewKVWriter(ctx, o)
	if err != nil {
		return nil, err
	}
	return postponedFiles{w}, nil
}

// postponedFormat is Avro, which is read from its beginning to its end; where
// this version cannot write it, the format of the table.
func (t *Table) postponedFormat() string {
	if _, err := t.formats.ByName("avro"); err == nil {
		return "avro"
	}
	return t.Options.Files.Format
}

type postponedFiles struct{ *datafile.KVWriter }

func (p postponedFiles) Write(b *columnar.KV) error {
	out := *b
	out.Seqs = make([]int64, b.Rows.NumRows())
	for i := range out.Seqs {
		out.Seqs[i] = unmergedSequence
	}
	return p.KVWriter.Write(&out)
}
