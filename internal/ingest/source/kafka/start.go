package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/paimon/errs"
)

const (
	// checkEvery is how often topics are looked at when no new partitions are
	// looked for.
	checkEvery = 5 * time.Minute
	// checkSoon is when to look again after a look that failed.
	checkSoon = 15 * time.Second
)

// start finds where every partition is read from, and lets the client fetch.
// Without a position, or with one that has come to its end, it asks Kafka.
func (r *reader) start(ctx context.Context, p position) error {
	topics, err := r.c.topics(ctx)
	if err != nil {
		return err
	}
	if err := sameTopics(topics, p); err != nil {
		return err
	}
	b, err := r.c.bounds(ctx, topics.Names()...)
	if err != nil {
		return err
	}
	fresh := p.At == nil
	at := partitions(p.At)
	if fresh {
		if at, err = r.c.starts(ctx, b); err != nil {
			return err
		}
	}
	end := partitions(p.End)
	if r.bounded && (fresh || finished(p)) {
		if end, err = r.c.ends(ctx, b); err != nil {
			return err
		}
	}
	r.rest = restOf(p, topics)
	add, err := r.cursorsOf(topics, at, end, p, b)
	if err != nil {
		return err
	}
	r.check = time.Now().Add(r.interval())
	if fresh {
		r.moved = true // a batch without rows: from now on the place is known
	}
	r.fetch(add)
	return nil
}

// interval is the time between two looks at the topics.
func (r *reader) interval() time.Duration {
	if r.cfg.Discovery > 0 && !r.bounded {
		return r.cfg.Discovery
	}
	return checkEvery
}

// finished reports whether a bounded source had come to its end.
func finished(p position) bool {
	for topic, list := range p.At {
		for n, at := range list {
			if end, ok := p.End[topic][n]; ok && at < end {
				return false
			}
		}
	}
	return true
}

// sameTopics makes sure that the topics are those that the position is of.
func sameTopics(topics kadm.TopicDetails, p position) error {
	for name, t := range topics {
		was, is := p.ID[name], idText(t.ID)
		if was != "" && is != "" && was != is {
			return errs.Kinded(errs.ErrNotFound, "topic %s was deleted and made anew (its id was %s and is %s): the position is of the old one. To read the new one as well, start the job under a new name (SET 'pipeline.name')", name, was, is)
		}
		for n := range p.At[name] {
			if _, ok := t.Partitions[n]; !ok {
				return errs.Kinded(errs.ErrNotFound, "topic %s has no partition %d any more, of which records were read: it was deleted and made anew. To read the new one as well, start the job under a new name (SET 'pipeline.name')", name, n)
			}
		}
	}
	return nil
}

// restOf keeps what a position says of topics that are not read now: when the
// options name them again, they go on there.
func restOf(p position, topics kadm.TopicDetails) position {
	rest := position{At: map[string]map[int32]int64{}, End: map[string]map[int32]int64{}, Epoch: map[string]map[int32]int64{}, ID: map[string]string{}}
	for _, m := range []struct{ from, to map[string]map[int32]int64 }{{p.At, rest.At}, {p.End, rest.End}, {p.Epoch, rest.Epoch}} {
		maps.Copy(m.to, m.from)
		maps.DeleteFunc(m.to, func(name string, _ map[int32]int64) bool { _, read := topics[name]; return read })
	}
	maps.Copy(rest.ID, p.ID)
	for name, t := range topics {
		if id := idText(t.ID); id != "" {
			rest.ID[name] = id
		}
	}
	return rest
}

// cursorsOf makes a cursor for every partition. Those that at does not name
// are new, and begin at their earliest offset.
func (r *reader) cursorsOf(topics kadm.TopicDetails, at, end partitions, p position, b bounds) ([]*cursor, error) {
	if err := checkRange(at, b); err != nil {
		return nil, err
	}
	var out []*cursor
	for name, t := range topics {
		for n := range t.Partitions {
			next, known := at.get(name, n)
			lo, listed := b.lo.get(name, n)
			stop, ends := end.get(name, n)
			switch {
			case !known && (!listed || r.bounded && !ends): // appeared just now, or after the ends were set
				continue
			case !known:
				next, r.moved = lo, true
			}
			c := &cursor{topic: name, partition: n, next: next, end: math.MaxInt64, epoch: -1}
			if e, ok := p.Epoch[name][n]; ok && known {
				c.epoch = int32(e)
			}
			if r.bounded {
				c.end = max(stop, next)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// fetch lets the client fetch partitions that are not at their end.
func (r *reader) fetch(add []*cursor) {
	places := map[string]map[int32]kgo.Offset{}
	for _, c := range add {
		if r.cursors[c.topic] == nil {
			r.cursors[c.topic] = map[int32]*cursor{}
		}
		r.cursors[c.topic][c.partition] = c
		if c.next >= c.end {
			continue
		}
		r.open++
		if places[c.topic] == nil {
			places[c.topic] = map[int32]kgo.Offset{}
		}
		// With the epoch, the leader tells when the records before this place
		// were replaced by others.
		places[c.topic][c.partition] = kgo.NewOffset().At(c.next).WithEpoch(c.epoch)
	}
	r.c.cl.AddConsumePartitions(places)
}

// look finds new partitions and topics, and topics that are gone or others.
// What may pass is left for the next look.
func (r *reader) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ConnectTimeout)
	defer cancel()
	r.check = time.Now().Add(min(checkSoon, r.interval()))
	topics, err := r.c.topics(ctx)
	if errors.Is(err, errs.ErrNotFound) { // a broker that has just started may not know it yet
		if r.missed++; r.missed > 2 {
			r.failed = err
		}
		return
	}
	if err != nil {
		if err = r.c.explain(err); errors.Is(err, errs.ErrInvalid) {
			r.failed = err
		}
		return
	}
	r.missed = 0
	at := r.position()
	if r.failed = sameTopics(topics, at); r.failed != nil || r.bounded || r.cfg.Discovery == 0 {
		r.check = time.Now().Add(r.interval())
		return
	}
	if err := r.discover(ctx, topics, at); err != nil {
		return
	}
	r.check = time.Now().Add(r.interval())
}

// discover begins to read partitions that were not known.
func (r *reader) discover(ctx context.Context, topics kadm.TopicDetails, at position) error {
	var grown []string
	for name, t := range topics {
		if len(t.Partitions) > len(r.cursors[name]) {
			grown = append(grown, name)
		}
	}
	if len(grown) == 0 {
		return nil
	}
	lo, err := listing(r.c.adm.ListStartOffsets(ctx, grown...))
	if err != nil {
		return err
	}
	var add []*cursor
	for _, o := range lo {
		for _, p := range o {
			if r.cursors[p.Topic][p.Partition] != nil {
				continue
			}
			c := &cursor{topic: p.Topic, partition: p.Partition, next: p.Offset, end: math.MaxInt64, epoch: -1}
			if next, ok := partitions(at.At).get(p.Topic, p.Partition); ok { // a topic that was there before
				c.next = next
			}
			add = append(add, c)
		}
	}
	for _, name := range grown {
		delete(r.rest.At, name)
		delete(r.rest.Epoch, name)
		if id := idText(topics[name].ID); id != "" {
			r.rest.ID[name] = id
		}
	}
	r.fetch(add)
	r.moved, r.lastEmit = r.moved || len(add) > 0, time.Time{}
	return nil
}

// passes tells errors of fetches that the client goes on after.
func passes(err error) bool {
	return !errors.Is(err, kerr.UnknownTopicID) && (kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err))
}

// lost says what an error that ends a partition means. It is not final for a
// job where Open can tell more exactly, from the position that was committed.
func (r *reader) lost(topic string, partition int32, err error) error {
	next := int64(-1)
	if c := r.cursors[topic][partition]; c != nil {
		next = c.next
	}
	var loss *kgo.ErrDataLoss
	switch {
	case errors.Is(err, kgo.ErrClientClosed):
		return errClosed
	case errors.As(err, &loss):
		return errs.Kinded(errs.ErrNotFound, "topic %s partition %d: records from offset %d on, which were read up to %d, were lost by the brokers and are or will be others now (an unclean election of a leader). To accept that, start the job under a new name (SET 'pipeline.name') with 'scan.startup.mode' = 'specific-offsets' and offset %d for this partition",
			topic, partition, loss.ResetTo, loss.ConsumedTo, loss.ResetTo)
	case errors.Is(err, kerr.OffsetOutOfRange):
		return fmt.Errorf("topic %s partition %d: Kafka does not have offset %d any more: %w", topic, partition, next, err)
	case errors.Is(err, kerr.UnknownTopicID):
		return fmt.Errorf("topic %s was deleted, or deleted and made anew: %w", topic, err)
	}
	if err = r.c.explain(err); topic == "" {
		return err
	}
	return fmt.Errorf("topic %s partition %d offset %d: %w", topic, partition, next, err)
}
