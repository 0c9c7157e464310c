package table

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/options"
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
	form := t.postponedForm()
	o := datafile.KVWriterOptions{
		Store: t.Store, Paths: datafile.NewPaths(paths, dir, datafile.PostponeBucket), Formats: t.formats, Format: form.Format, Fields: t.Schema.Fields, KeyFields: t.KeyAt,
		SchemaID: t.Schema.ID, Source: spec.SourceAppend, TargetFileSize: f.TargetSize, ThinMode: f.ThinMode, Stats: t.stats(), Now: now,
	}
	o.Stats.Mode = form.StatsMode
	o.Write.Compression, o.Write.Level, o.Write.BlockBytes, o.Write.Params = form.Compression, f.ZstdLevel, f.BlockSize, t.Raw
	w, err := datafile.NewKVWriter(ctx, o)
	if err != nil {
		return nil, err
	}
	return postponedFiles{w}, nil
}

// postponedForm is Avro without statistics, which is read from its beginning to
// its end; where Avro cannot hold the columns, the form of the table.
func (t *Table) postponedForm() options.FileForm {
	o := t.Options
	if t.formats.CheckWrite("avro", t.Schema.Fields) == nil {
		o.Files.Format, o.Files.StatsMode = "avro", "none"
	}
	return o.DataForm(0)
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
