package lsm

import (
	"context"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/spec"
)

// Files opens and writes the data files of one bucket. Methods may be called
// from several goroutines.
type Files interface {
	// Open reads one data file in the order of its keys.
	Open(ctx context.Context, f *spec.DataFileMeta, o OpenOptions) (Stream, error)
	// NewWriter starts data files (rolling at the target size) of a level with
	// spec.SourceAppend or spec.SourceCompact. Rows come sorted by key.
	NewWriter(ctx context.Context, level int, source int8) Writer
	// NewChangelogWriter starts changelog files. Rows come sorted by key, then
	// sequence; keys repeat.
	NewChangelogWriter(ctx context.Context, level int) Writer
	// Delete removes files (and their extra files) that no snapshot refers to.
	// An absent file is not an error.
	Delete(ctx context.Context, files ...spec.DataFileMeta) error
}

// OpenOptions are hints for reading one file.
type OpenOptions struct {
	// BatchRows is the wanted number of rows of a batch; 0 leaves it to the
	// implementation. It is lowered when many files are read at once.
	BatchRows int
	// From and To bound the encoded keys that are needed, both inclusive; nil
	// means open. Rows outside may be left out or not.
	From, To []byte
	// KeysOnly says that the columns of rows are not looked at: batches may
	// have none.
	KeysOnly bool
}

// Stream gives sorted batches. It serves one goroutine.
type Stream interface {
	// Next gives the next batch, or io.EOF. The caller owns the batch: it
	// releases it, and the batch stays valid until then, also after Close. Its
	// Keys, Seqs, Kinds and UserSeq lie in garbage-collected memory: they are
	// used for as long as any slice of its rows.
	Next() (*columnar.KV, error)
	// Close ends the stream. It may be called before io.EOF, and only once.
	Close() error
}

// Positioned is an extra power of streams: it tells where rows lie in the file.
type Positioned interface {
	// RowAt gives the row number, in the file, of row i of the last batch.
	RowAt(i int) int64
}

// Writer takes sorted batches and makes data files of them. Exactly one of
// Close and Abort ends it.
type Writer interface {
	// Write takes the rows of b; b stays with the caller. Keys and UserSeq of
	// b may be empty. Calls may come from a goroutine that has not made the
	// writer, one at a time.
	Write(b *columnar.KV) error
	// Close finishes the files. Nothing written gives no file. After an error
	// the files are gone.
	Close() ([]spec.DataFileMeta, error)
	// Abort drops all files.
	Abort()
}
