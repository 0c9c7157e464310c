package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/paimon/errs"
)

const (
	// positionEvery is how often a batch without rows tells that the position
	// has moved past records that give none.
	positionEvery = 30 * time.Second
	// peekEvery is after how long without records a bounded source looks whether
	// any are left before its end.
	peekEvery = 200 * time.Millisecond
)

// cursor is a partition being read.
type cursor struct {
	topic     string
	partition int32
	next      int64 // offset of the record wanted next
	end       int64 // exclusive; never reached when the source is unbounded
	epoch     int32 // of the leader that wrote the last record read; -1 for none
}

// taken are records of a partition that are fetched and not decoded.
type taken struct {
	c       *cursor
	records []*kgo.Record
}

// reader implements source.Reader.
type reader struct {
	cfg    *Config
	c      *conn
	done   context.Context // of Close
	finish context.CancelFunc

	mu       sync.Mutex // held by Next; Close takes it to free what Next uses
	decoder  decode.Decoder
	cursors  map[string]map[int32]*cursor
	rest     position // of topics that are not read any more, and ids
	bounded  bool
	open     int // cursors that have not reached their end
	pending  []taken
	bytes    int   // of values in the batch
	newest   int64 // timestamp among the records of the batch, ms; 0 for none
	moved    bool  // some cursor is ahead of the last batch's position
	lastEmit time.Time
	check    time.Time // when to look for new partitions
	missed   int       // looks in a row that did not find a topic
	failing  error     // of a fetch; it counts once the records before it are decoded
	failed   error     // what Next returns once the rows before it are given
}

var errClosed = errors.New("kafka: the reader is closed")

func newReader(cfg *Config, c *conn, d decode.Decoder) *reader {
	r := &reader{cfg: cfg, c: c, decoder: d, cursors: map[string]map[int32]*cursor{}, bounded: cfg.Bounded != Unbounded}
	r.done, r.finish = context.WithCancel(context.Background())
	return r
}

// Close implements source.Reader.
func (r *reader) Close() error {
	r.finish()
	r.c.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.decoder != nil {
		r.decoder.Release()
		r.decoder, r.pending = nil, nil
	}
	return nil
}

// Next implements source.Reader. Records before a wrong one are given first.
func (r *reader) Next(ctx context.Context) (change.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.decoder == nil {
		return change.Batch{}, errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.done, cancel)()
	b, err := r.next(ctx)
	if err != nil && r.done.Err() != nil {
		return change.Batch{}, errClosed
	}
	return b, err
}

func (r *reader) next(ctx context.Context) (change.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return change.Batch{}, err
		}
		r.gather()
		ended := r.bounded && r.open == 0
		for r.decoder.Len() > 0 && !r.full() && r.failed == nil && r.poll(nil) { // what is there already
			r.gather()
		}
		switch {
		case r.decoder.Len() > 0:
			return r.flush()
		case r.moved && (r.failed != nil || ended || time.Since(r.lastEmit) >= positionEvery):
			return r.flush()
		case r.failed != nil:
			return change.Batch{}, fmt.Errorf("read %s: %w", r.cfg, r.failed)
		case ended:
			return change.Batch{}, io.EOF
		}
		if err := r.wait(ctx); err != nil {
			return change.Batch{}, err
		}
	}
}

// full tells whether the batch must end.
func (r *reader) full() bool {
	return r.decoder.Len() >= r.cfg.MaxBatchRows || r.bytes >= r.cfg.MaxBatchBytes
}

// gather decodes fetched records until the batch is full or one is wrong.
func (r *reader) gather() {
	for len(r.pending) > 0 && !r.full() && r.failed == nil {
		t := &r.pending[0]
		for len(t.records) > 0 && !r.full() && r.failed == nil {
			if t.c.next >= t.c.end {
				t.records = nil
				break
			}
			if r.failed = r.take(t.c, t.records[0]); r.failed == nil {
				t.records = t.records[1:]
			}
		}
		if len(t.records) == 0 {
			r.pending[0] = taken{}
			r.pending = r.pending[1:]
		}
	}
	if len(r.pending) == 0 && r.failed == nil {
		r.failed = r.failing
	}
}

// take decodes one record.
func (r *reader) take(c *cursor, record *kgo.Record) error {
	switch {
	case record.Offset < c.next:
		return errs.Kinded(errs.ErrCorrupt, "topic %s partition %d: Kafka gave offset %d again after %d: records were lost or replaced there", c.topic, c.partition, record.Offset, c.next-1)
	case record.Offset >= c.end:
		r.advance(c, c.end)
		return nil
	case record.Attrs.IsControl():
		r.advance(c, record.Offset+1)
		return nil
	}
	before := r.decoder.Len()
	if err := r.decoder.Decode(record.Value); err != nil {
		return r.poison(record, err)
	}
	if ms := record.Timestamp.UnixMilli(); r.decoder.Len() > before {
		r.newest = max(r.newest, ms)
	}
	r.bytes += len(record.Value)
	c.epoch = record.LeaderEpoch
	r.advance(c, record.Offset+1)
	return nil
}

// poison reports a record that cannot be read.
func (r *reader) poison(record *kgo.Record, err error) error {
	shown := strings.ToValidUTF8(decode.Show(record.Value), "?")
	hint := ""
	if !r.cfg.ignores() {
		hint = fmt.Sprintf("; '%s.ignore-parse-errors' = 'true' leaves such records out", r.cfg.Format)
	}
	return fmt.Errorf("topic %s partition %d offset %d: %w; the record is %s%s", record.Topic, record.Partition, record.Offset, err, shown, hint)
}

// advance moves a cursor.
func (r *reader) advance(c *cursor, next int64) {
	c.next = next
	r.moved = true
	if c.next >= c.end {
		c.next = c.end
		r.open--
		r.c.cl.PauseFetchPartitions(map[string][]int32{c.topic: {c.partition}})
	}
}

// flush makes a batch of what was gathered; without rows it only tells the
// position.
func (r *reader) flush() (change.Batch, error) {
	chunk, err := r.decoder.Flush()
	if err != nil {
		return change.Batch{}, err
	}
	if r.cfg.OnIgnored != nil && chunk.Skipped+chunk.Nulled > 0 {
		r.cfg.OnIgnored(chunk.Skipped, chunk.Nulled)
	}
	if chunk.Newest.IsZero() && r.newest > 0 {
		chunk.Newest = time.UnixMilli(r.newest)
	}
	r.moved, r.bytes, r.newest, r.lastEmit = false, 0, 0, time.Now()
	return change.Batch{Rows: chunk.Rows, Kinds: chunk.Kinds, Position: r.position().encode(), Watermark: chunk.Newest}, nil
}

// position is where a batch made now resumes.
func (r *reader) position() position {
	p := position{At: maps.Clone(r.rest.At), End: maps.Clone(r.rest.End), Epoch: maps.Clone(r.rest.Epoch), ID: r.rest.ID}
	for topic, list := range r.cursors {
		at, end, epoch := make(map[int32]int64, len(list)), map[int32]int64{}, map[int32]int64{}
		for n, c := range list {
			at[n] = c.next
			if c.end != math.MaxInt64 {
				end[n] = c.end
			}
			if c.epoch >= 0 {
				epoch[n] = int64(c.epoch)
			}
		}
		p.At[topic] = at
		if len(end) > 0 {
			p.End[topic] = end
		}
		if len(epoch) > 0 {
			p.Epoch[topic] = epoch
		}
	}
	return p
}

// wait polls until there are records, or something else is to be done.
func (r *reader) wait(ctx context.Context) error {
	until := r.check
	if r.moved {
		until = earlier(until, r.lastEmit.Add(positionEvery))
	}
	if r.bounded {
		until = earlier(until, time.Now().Add(peekEvery))
	}
	limited, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if r.poll(limited) || r.failing != nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.bounded {
		r.peek(ctx)
	}
	if !time.Now().Before(r.check) {
		r.look(ctx)
	}
	return ctx.Err()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// poll takes over what has been fetched, without waiting when ctx is nil. It
// reports whether there were records.
func (r *reader) poll(ctx context.Context) bool {
	if ctx == nil && r.c.cl.BufferedFetchRecords() == 0 {
		return false
	}
	fetches := r.c.cl.PollRecords(ctx, r.cfg.MaxBatchRows)
	got := false
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		c := r.cursors[f.Topic][f.Partition]
		if c == nil || len(f.Records) == 0 {
			return
		}
		r.pending = append(r.pending, taken{c, f.Records})
		got = true
	})
	fetches.EachError(func(topic string, partition int32, err error) {
		if r.failing == nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !passes(err) {
			r.failing = r.lost(topic, partition, err)
		}
	})
	return got
}

// peek looks past what gives no records, so that a bounded source finds its
// end there.
func (r *reader) peek(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ConnectTimeout)
	defer cancel()
	for _, list := range r.cursors {
		for _, c := range list {
			if c.next >= c.end {
				continue
			}
			if next, err := r.c.peek(ctx, c.topic, c.partition, c.next); err == nil && next > c.next {
				r.advance(c, min(next, c.end))
			}
		}
	}
}
