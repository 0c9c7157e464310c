package paimon

import (
	"context"
	"regexp"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// Consumers gives the named readers of the table's branch, each with the next
// snapshot that it reads. Expiry keeps these and all younger ones.
// Source: org.apache.paimon.consumer.ConsumerManager.
func (t *Table) Consumers(ctx context.Context) (map[string]int64, error) {
	all, err := t.t.History.Consumers.List(ctx)
	if err != nil {
		return nil, t.versionError("list consumers of", err)
	}
	out := make(map[string]int64, len(all))
	for id, at := range all {
		out[id] = at.NextSnapshot
	}
	return out, nil
}

// ResetConsumer has a consumer read from a snapshot on, which has to be there;
// next 0 forgets the consumer. errs.ErrNotFound.
// Source: org.apache.paimon.flink.procedure.ResetConsumerProcedure.
func (t *Table) ResetConsumer(ctx context.Context, id string, next int64) error {
	if next == 0 {
		return t.versionError("forget consumer of", t.t.History.Consumers.Delete(ctx, id))
	}
	there, err := t.t.History.Snapshots.Exists(ctx, next)
	if err == nil && !there {
		err = errs.Kinded(errs.ErrNotFound, "consumer %s: there is no snapshot %d", id, next)
	}
	if err == nil {
		err = t.t.History.Consumers.Set(ctx, id, spec.Consumer{NextSnapshot: next})
	}
	return t.versionError("reset consumer of", err)
}

// ClearConsumers forgets the consumers whose whole name including matches (nil
// for all) and excluding (nil for none) does not.
// Source: org.apache.paimon.consumer.ConsumerManager.clearConsumers.
func (t *Table) ClearConsumers(ctx context.Context, including, excluding *regexp.Regexp) error {
	all, err := t.t.History.Consumers.List(ctx)
	for id := range all {
		if including != nil && !whole(including, id) || excluding != nil && whole(excluding, id) {
			continue
		}
		if err = t.t.History.Consumers.Delete(ctx, id); err != nil {
			break
		}
	}
	return t.versionError("clear consumers of", err)
}

func whole(re *regexp.Regexp, text string) bool {
	at := re.FindStringIndex(text)
	return at != nil && at[0] == 0 && at[1] == len(text)
}

// RecordProgress writes the position of the consumer that 'consumer-id' names:
// what comes before at is done with. It does nothing without that option.
// Source: org.apache.paimon.table.source.DataTableStreamScan.notifyCheckpointComplete.
func (t *Table) RecordProgress(ctx context.Context, at StreamPosition) error {
	id, next := t.t.Options.Scan.Consumer.ID, at.Needs()
	if id == "" || next == 0 {
		return nil
	}
	return t.versionError("record progress of consumer "+id+" of", t.t.History.Consumers.Set(ctx, id, spec.Consumer{NextSnapshot: next}))
}

// expireConsumers forgets consumers that have not moved for
// 'consumer.expiration-time'.
func (t *Table) expireConsumers(ctx context.Context, now time.Time) error {
	d := t.t.Options.Scan.Consumer.Expiration
	if d <= 0 {
		return nil
	}
	return t.versionError("expire consumers of", t.t.History.Consumers.Expire(ctx, now.Add(-d)))
}
