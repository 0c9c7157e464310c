package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tarndb/tarn/paimon/errs"
)

// partitions holds a number of each partition: topic → partition → number.
type partitions map[string]map[int32]int64

func (p partitions) get(topic string, partition int32) (int64, bool) {
	n, ok := p[topic][partition]
	return n, ok
}

func (p partitions) set(topic string, partition int32, n int64) {
	if p[topic] == nil {
		p[topic] = map[int32]int64{}
	}
	p[topic][partition] = n
}

// bounds are the offsets that Kafka has: from lo to before hi.
type bounds struct{ lo, hi partitions }

// bounds asks what there is of topics.
func (c *conn) bounds(ctx context.Context, topics ...string) (bounds, error) {
	lo, err := listing(c.adm.ListStartOffsets(ctx, topics...))
	if err != nil {
		return bounds{}, err
	}
	hi, err := listing(c.adm.ListEndOffsets(ctx, topics...))
	return bounds{numbers(lo), numbers(hi)}, err
}

func numbers(list kadm.ListedOffsets) partitions {
	out := partitions{}
	list.Each(func(o kadm.ListedOffset) { out.set(o.Topic, o.Partition, o.Offset) })
	return out
}

// resolve finds the offsets that a mode stands for, of all partitions in b.
// Specific is only filled in as far as it is given.
func (c *conn) resolve(ctx context.Context, mode Mode, millis int64, specific map[int32]int64, b bounds) (partitions, error) {
	var topics []string
	for t := range b.lo {
		topics = append(topics, t)
	}
	switch mode {
	case Earliest:
		return b.lo, nil
	case Latest:
		if c.cfg.ReadUncommitted {
			return b.hi, nil
		}
		stable, err := listing(c.adm.ListCommittedOffsets(ctx, topics...))
		return numbers(stable), err
	case Timestamp:
		after, err := listing(c.adm.ListOffsetsAfterMilli(ctx, millis, topics...))
		return numbers(after), err
	case Specific:
		out := partitions{}
		for p, offset := range specific {
			if _, ok := b.lo.get(topics[0], p); !ok {
				return nil, errs.Kinded(errs.ErrNotFound, "topic %s has no partition %d, for which the options give an offset; it has %d", topics[0], p, len(b.lo[topics[0]]))
			}
			out.set(topics[0], p, offset)
		}
		return out, nil
	}
	return c.committed(ctx)
}

// committed asks for the offsets of the group; without a group there are none.
func (c *conn) committed(ctx context.Context) (partitions, error) {
	out := partitions{}
	if c.cfg.Group == "" {
		return out, nil
	}
	list, err := c.adm.FetchOffsets(ctx, c.cfg.Group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the offsets of group %s: %w", c.cfg.Group, err)
	}
	for topic, partitions := range list {
		for p, o := range partitions {
			if o.Err != nil {
				return nil, fmt.Errorf("read the offsets of group %s, topic %s partition %d: %w", c.cfg.Group, topic, p, o.Err)
			}
			if o.At >= 0 {
				out.set(topic, p, o.At)
			}
		}
	}
	return out, nil
}

// starts finds where a source without a position begins in every partition.
func (c *conn) starts(ctx context.Context, b bounds) (partitions, error) {
	found, err := c.resolve(ctx, c.cfg.Startup, c.cfg.StartupMillis, c.cfg.StartupOffsets, b)
	if err != nil {
		return nil, err
	}
	other := partitions{}
	if c.cfg.Startup == Specific {
		if other, err = c.committed(ctx); err != nil {
			return nil, err
		}
	}
	out := partitions{}
	for topic, list := range b.lo {
		for p, lo := range list {
			at, ok := found.get(topic, p)
			if !ok {
				at, ok = other.get(topic, p)
			}
			switch {
			case ok:
			case c.cfg.Startup == Specific || c.cfg.Reset == "earliest":
				at = lo
			case c.cfg.Reset == "latest":
				at, _ = b.hi.get(topic, p)
			default:
				return nil, errs.Kinded(errs.ErrNotFound, "group %s has no offset for topic %s partition %d: set 'properties.auto.offset.reset' = 'earliest' or 'latest', or start elsewhere than at group-offsets with 'scan.startup.mode'", c.cfg.Group, topic, p)
			}
			out.set(topic, p, at)
		}
	}
	return out, nil
}

// ends finds where a bounded source ends in every partition.
func (c *conn) ends(ctx context.Context, b bounds) (partitions, error) {
	found, err := c.resolve(ctx, c.cfg.Bounded, c.cfg.BoundedMillis, c.cfg.BoundedOffsets, b)
	if err != nil {
		return nil, err
	}
	out := partitions{}
	for topic, list := range b.lo {
		for p := range list {
			end, ok := found.get(topic, p)
			if !ok && c.cfg.Bounded == Group {
				return nil, errs.Kinded(errs.ErrNotFound, "group %s has no offset for topic %s partition %d, so 'scan.bounded.mode' = 'group-offsets' has no end there", c.cfg.Group, topic, p)
			}
			out.set(topic, p, end) // 0 for partitions without a specific offset: they are not read
		}
	}
	return out, nil
}

// checkRange makes sure that Kafka has all places where reading goes on.
func checkRange(at partitions, b bounds) error {
	for topic, list := range b.lo {
		for p, lo := range list {
			hi, _ := b.hi.get(topic, p)
			if next, ok := at.get(topic, p); ok && (next < lo || next > hi) {
				return gone(topic, p, next, lo, hi, at, b)
			}
		}
	}
	return nil
}

// gone reports a place that Kafka does not have, and how the job can go on if
// the loss is accepted: with rows twice in no partition.
func gone(topic string, partition int32, next, lo, hi int64, at partitions, b bounds) error {
	why := "records were deleted before they were read (retention, or DeleteRecords), so rows would be missing"
	if next > hi {
		why = "it ends before (records were lost by a broker, or the option names a place that is not there yet)"
	}
	var list []int32
	for p := range b.lo[topic] {
		list = append(list, p)
	}
	slices.Sort(list)
	var text []string
	for _, p := range list {
		if n, ok := at.get(topic, p); ok {
			text = append(text, fmt.Sprintf("partition:%d,offset:%d", p, min(max(n, b.lo[topic][p]), b.hi[topic][p])))
		}
	}
	return errs.Kinded(errs.ErrNotFound, "topic %s partition %d: offset %d is wanted, and Kafka has %d to %d: %s. To accept that, start the job under a new name (SET 'pipeline.name') with 'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = '%s'; and give the topic a longer retention.ms",
		topic, partition, next, lo, hi, why, strings.Join(text, ";"))
}
