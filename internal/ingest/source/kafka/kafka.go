// Package kafka reads topics of Apache Kafka as the source
// 'connector' = 'kafka', with the options of Flink's Kafka SQL connector.
//
// # Exactly once
//
// The position holds the next offset of every partition, and goes into the
// snapshot of the commit that holds the rows before it. Nothing is committed
// to a consumer group, also when properties.group.id is set: the snapshot is
// the only truth, and a group that is ahead or behind of it would mislead. The
// group only tells where scan.startup.mode = group-offsets begins.
//
// A place that Kafka no longer has is an error that names it and what is there
// instead; the source never jumps. The same holds for a topic that was deleted
// and made anew: the position knows the topic by its id.
//
// Only records of committed transactions are read (isolation.level =
// read_committed; Kafka's own default is the other one). Where a producer's
// transaction is open, reading waits for its end.
//
// # Partitions
//
// All partitions of all topics are read by one reader. Those that appear later
// are found every scan.topic-partition-discovery.interval and read from their
// earliest offset, as are those that a position does not know. Order is kept
// within a partition only.
//
// # Options
//
//	topic, topic-pattern                    one of both; several topics by ';'. The pattern (RE2) must match all of a name
//	properties.bootstrap.servers            required
//	properties.*                            see properties.go
//	format, value.format                    json, debezium-json, with their options (json.…, value.json.…)
//	scan.startup.mode                       group-offsets (default), earliest-offset, latest-offset, timestamp, specific-offsets
//	scan.startup.timestamp-millis           for timestamp
//	scan.startup.specific-offsets           for specific-offsets: partition:0,offset:42;partition:1,offset:300
//	scan.bounded.mode                       unbounded (default), latest-offset, group-offsets, timestamp, specific-offsets
//	scan.bounded.timestamp-millis           for timestamp
//	scan.bounded.specific-offsets           for specific-offsets
//	scan.topic-partition-discovery.interval 5 min by default; 0 looks for no new partitions
//
// Accepted without effect: scan.parallelism, and the options of the sink
// (sink.*, properties.transaction.*). Refused by name: key.format and
// key.fields, every other format, metadata columns.
//
// A bounded source ends at the offsets that were there when it was opened
// first. When a job that had come to its end is started again, they are looked
// up anew: it reads what came since.
package kafka

import (
	"context"
	"fmt"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Source is a set of topics with their format.
type Source struct {
	cfg    Config
	fields []types.Field
}

var _ source.Source = (*Source)(nil)

// New declares a source of rows with these columns. A primary key is an error
// for a format that only inserts, and so is a column that the format cannot
// hold. It does not look at Kafka; Open does.
func New(cfg Config, fields []types.Field, primaryKey []string) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, errs.Invalid("source of %s declares no columns", &cfg)
	}
	if len(primaryKey) > 0 && cfg.Format == JSON {
		return nil, errs.Invalid("source of %s declares PRIMARY KEY (%s), but records of 'format' = 'json' only insert: leave the key out, or use 'debezium-json'", &cfg, primaryKey[0])
	}
	d, err := cfg.decoder(fields)
	if err != nil {
		return nil, err
	}
	d.Release()
	return &Source{cfg: cfg, fields: fields}, nil
}

// Fields implements source.Source.
func (s *Source) Fields() []types.Field { return s.fields }

// Bounded implements source.Source.
func (s *Source) Bounded() bool { return s.cfg.Bounded != Unbounded }

// String names the source without its password.
func (s *Source) String() string { return s.cfg.String() }

// Open implements source.Source. It fails when no broker answers, when the
// user is not let in, when a topic is absent, and when Kafka no longer has the
// position.
func (s *Source) Open(ctx context.Context, from change.Position) (source.Reader, error) {
	var p position
	if from != "" {
		var err error
		if p, err = parsePosition(from); err != nil {
			return nil, fmt.Errorf("open %s: %w", s, err)
		}
	}
	r, err := s.open(ctx, p)
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("open %s: %w", s, err)
}

func (s *Source) open(ctx context.Context, p position) (*reader, error) {
	d, err := s.cfg.decoder(s.fields)
	if err != nil {
		return nil, err
	}
	c, err := connect(&s.cfg)
	if err != nil {
		d.Release()
		return nil, err
	}
	r := newReader(&s.cfg, c, d)
	limited, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	stop := context.AfterFunc(limited, c.close) // a connection being made does not heed its context
	err = r.start(limited, p)
	if !stop() {
		err = limited.Err()
	}
	if err == nil {
		return r, nil
	}
	err = c.explain(err)
	_ = r.Close()
	return nil, err
}
