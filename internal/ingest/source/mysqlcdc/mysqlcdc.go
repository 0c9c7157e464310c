// Package mysqlcdc reads the rows of one table of a MySQL or MariaDB server,
// first as a snapshot and then as changes from the binlog, as one exact
// changelog without a gap, a duplicate or a lock on the table.
//
// # The snapshot
//
// There is one binlog stream and one cursor. At every batch this holds:
//
//	what was given out = the table as it was at binlog place B,
//	                     restricted to the rows whose primary key is ≤ K
//
// and (K, B) is the position. That is why a restart at any batch is exact.
//
//  1. B is the end of the binlog when the source is opened; K is below all keys.
//     The stream starts to read at B.
//  2. Read the next chunk: the rows with key > K in key order, a plain SELECT
//     … LIMIT n. Let K' be its last key (above all keys when there are no more).
//  3. The stream has caught up to L, the end of the binlog before the SELECT,
//     and what it has read is visible to queries; H is the end of the binlog
//     after the SELECT. The chunk is a picture of some place between.
//  4. Read the stream up to H. A change of a row with key ≤ K is given out as it
//     is. One with key > K' is dropped: a later chunk will see it. One in the
//     chunk replaces the row of the SELECT by its newest image, or removes it,
//     which is right wherever between L and H the picture was taken.
//  5. Give the chunk out as +I. Now K = K' and B = H. Go on with 2.
//  6. After the last chunk every change is given out as it is.
//
// A transaction is in the binlog shortly before queries see it, hence the wait
// in step 3: a MariaDB server tells up to where its binlog is visible; a MySQL
// server with GTIDs which transactions it has executed; without GTIDs the reader
// waits for visibilityDelay, which is a margin and no proof.
//
// MariaDB also claims to give a read view and its binlog place at once (START
// TRANSACTION WITH CONSISTENT SNAPSHOT, Binlog_snapshot_position). That is not
// used: on a busy 10.11 server such views were seen to hold a transaction that
// comes after their place.
//
// A change of a primary key is a -D of the old row and a +I of the new one, each
// taken by its own key. The order of keys is the index's (see key.go).
//
// # The binlog
//
// Positions are boundaries between transactions, as GTID state where the
// server has one and as file and offset. A batch that ends inside a long
// transaction has the boundary before it and the number of the table's changes
// to skip. A lost connection is made again from the position of the last batch;
// what was gathered since is dropped and read again.
//
// # Limits
//
//   - TRUNCATE, DROP, RENAME and changes of partitions end the source with an
//     error: they remove rows without row events.
//   - Columns are found by name in information_schema when the binlog shows that
//     the table changed. If the reader is so far behind that the table has been
//     altered again, that is an error (see layout.forEvent), unless the server has
//     binlog_row_metadata=FULL, which puts names into the binlog.
//   - Zero dates ('0000-00-00', or a zero month or day) are read as NULL.
package mysqlcdc

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// mysqlSource is a table with its declared schema.
type mysqlSource struct {
	cfg        Config
	fields     []types.Field
	primaryKey []string
	schema     *arrow.Schema

	// bracket makes the snapshot of a MariaDB server wait as for one of MySQL;
	// tests set it.
	bracket bool
}

// New declares a source: the columns to read (others of the table are
// ignored), and the primary key that the table is expected to have. It checks
// nothing on the server; Open does.
func New(cfg Config, fields []types.Field, primaryKey []string) (source.Source, error) {
	return newSource(cfg, fields, primaryKey)
}

func newSource(cfg Config, fields []types.Field, primaryKey []string) (*mysqlSource, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &mysqlSource{cfg: cfg, fields: fields, primaryKey: primaryKey}
	if len(fields) == 0 {
		return nil, errs.Invalid("source of %s declares no columns", s.table())
	}
	if len(primaryKey) == 0 {
		return nil, errs.Invalid("source of %s declares no primary key: add PRIMARY KEY (…) NOT ENFORCED", s.table())
	}
	for _, f := range fields {
		if f.Type.IsNested() || f.Type.Root == types.Variant {
			return nil, errs.Invalid("column %q of the source of %s: MySQL has no values of type %s; declare STRING", f.Name, s.table(), f.Type.SQL())
		}
	}
	s.schema = types.ArrowSchema(fields)
	return s, nil
}

func (s *mysqlSource) table() string { return s.cfg.Database + "." + s.cfg.Table }

// Fields is the declared schema.
func (s *mysqlSource) Fields() []types.Field { return s.fields }

// Bounded is false: the binlog does not end.
func (s *mysqlSource) Bounded() bool { return false }

// String names the source without its password.
func (s *mysqlSource) String() string { return s.cfg.String() }

// Open checks the server, the table and the declaration, finds the place to
// start and starts the binlog stream. Each failure says what to do.
func (s *mysqlSource) Open(ctx context.Context, from change.Position) (source.Reader, error) {
	var p position
	var err error
	if from != "" {
		if p, err = parsePosition(from); err != nil {
			return nil, err
		}
	}
	r := &reader{src: s, out: newBuilder(s.schema), spansA: make([]span, len(s.primaryKey)), spansB: make([]span, len(s.primaryKey)), id: &serverID{}}
	r.done, r.finish = context.WithCancel(context.Background())
	for try := 0; ; try++ {
		if err = r.open(ctx, from == "", p); err == nil {
			return r, nil
		}
		if ctx.Err() != nil || !isLost(err) || try >= s.cfg.ConnectRetries {
			_ = r.Close()
			return nil, fmt.Errorf("open %s: %w", s, err)
		}
		if err := sleep(ctx, backoff(try)); err != nil {
			_ = r.Close()
			return nil, err
		}
	}
}

// backoff is how long to wait before the try-th new connection.
func backoff(try int) time.Duration { return min(100*time.Millisecond<<min(try, 10), 10*time.Second) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
