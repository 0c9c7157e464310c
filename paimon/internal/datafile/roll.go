package datafile

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// rollRows is how often, in rows, the size of a file near its target is
// looked at, as in Paimon's RollingFileWriter.
const rollRows = 1000

// files writes one file after the other.
type files struct {
	ctx    context.Context
	store  fileio.Store
	format format.Format
	write  format.WriteOptions
	fields []types.Field
	target int64
	// name gives the path of a new file, and its name.
	name func() (path, name string, external *string)

	// indexes are made of the last columns of a file, which are indexFields.
	indexes     IndexOptions
	indexFields []types.Field

	path     string
	file     string
	external *string // URI, if the file lies outside
	out      fileio.Writer
	index    *fileindex.Builder // nil for none
	w        format.Writer
	rows     int64    // of the open file
	done     []string // paths of closed files

	extra    []string // of the file that was closed last
	embedded []byte
}

// append writes rows to the open file, or to a new one.
func (f *files) append(b arrow.RecordBatch) error {
	if f.w == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if err := f.w.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	f.rows += b.NumRows()
	return f.indexRows(b)
}

func (f *files) open() error {
	path, name, external := f.name()
	out, err := f.store.Create(f.ctx, path)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	w, err := f.format.NewWriter(out, f.fields, f.write)
	if err != nil {
		out.Abort()
		return fmt.Errorf("create %s: %w", path, err)
	}
	f.path, f.file, f.external, f.out, f.w, f.rows = path, name, external, out, w, 0
	return f.openIndex()
}

// full says that the open file has reached the target size.
func (f *files) full() bool { return f.w != nil && f.w.Size() >= f.target }

// room is a number of rows, at least rollRows, that may be appended before
// full is asked again.
func (f *files) room() int {
	if f.w == nil || f.rows == 0 {
		return rollRows
	}
	size := f.w.Size()
	left := (f.target - size) * f.rows / max(size, 1)
	return int(max(left/2, rollRows))
}

// close ends the open file and gives its size and statistics.
func (f *files) close() (size int64, stats []format.ColumnStats, err error) {
	w, out := f.w, f.out
	f.w, f.out = nil, nil
	if err := w.Close(); err != nil {
		out.Abort()
		return 0, nil, fmt.Errorf("write %s: %w", f.path, err)
	}
	if err := out.Close(); err != nil {
		return 0, nil, fmt.Errorf("write %s: %w", f.path, err)
	}
	f.done = append(f.done, f.path)
	if err := f.closeIndex(); err != nil {
		return 0, nil, err
	}
	if s, ok := w.(format.StatsWriter); ok {
		stats = s.Stats()
	} else {
		stats = make([]format.ColumnStats, len(f.fields))
	}
	return w.Size(), stats, nil
}

// abort deletes everything that was written. It does so even when ctx is done.
func (f *files) abort() {
	if f.w != nil {
		f.w.Abort()
		f.out.Abort()
		f.w, f.out = nil, nil
	}
	if len(f.done) > 0 {
		// What cannot be deleted stays as an orphan, which maintenance removes.
		_ = f.store.Delete(context.WithoutCancel(f.ctx), f.done...)
		f.done = nil
	}
}

// wallClock gives the time on the local clock as if it were UTC, which is how
// creation times are stored.
func wallClock(t time.Time) time.Time {
	t = t.Local()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1e6*1e6, time.UTC)
}

// columnSet converts what the format knows of each file column.
func columnSet(fields []types.Field, modes []statsMode, stats []format.ColumnStats) []columnStats {
	out := make([]columnStats, len(fields))
	for i, f := range fields {
		out[i] = modes[i].convert(f.Type, stats[i])
	}
	return out
}

func releaseStats(cols []columnStats) {
	for _, c := range cols {
		c.release()
	}
}

// baseMeta fills what every data file has.
func baseMeta(f *files, size int64, schemaID int64, source int8, now time.Time) spec.DataFileMeta {
	return spec.DataFileMeta{
		FileName: f.file, FileSize: size, RowCount: f.rows, SchemaID: schemaID,
		ExtraFiles: f.extra, EmbeddedIndex: f.embedded, CreationTime: wallClock(now), FileSource: &source, ExternalPath: f.external,
	}
}
