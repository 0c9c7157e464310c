package query

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// More procedures on tags and consumers, and what keeps tables small, after
// org.apache.paimon.flink.procedure.

func callRenameBranch(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	from, to, err := args.two("from_branch", "to_branch")
	if err != nil {
		return nil, err
	}
	if err := t.RenameBranch(ctx, from, to); err != nil {
		return nil, err
	}
	return success(), nil
}

// two gives two arguments that must be there.
func (a arguments) two(first, second string) (string, string, error) {
	x, err := a.need(first)
	if err != nil {
		return "", "", err
	}
	y, err := a.need(second)
	return x, y, err
}

// period gives a duration, 0 when it is missing.
func (a arguments) period(key string) (time.Duration, error) {
	v := a.values[key]
	if v == "" {
		return 0, nil
	}
	d, err := options.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, errs.Invalid("CALL %s: argument %s = '%s': want a duration such as 7 d", a.call, key, v)
	}
	return d, nil
}

func callTagSince(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	return tagged(args, "timestamp", func(name string, at int64, retained time.Duration) (*spec.Snapshot, error) {
		return t.TagSince(ctx, name, at, retained)
	})
}

func callTagAtWatermark(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	return tagged(args, "watermark", func(name string, at int64, retained time.Duration) (*spec.Snapshot, error) {
		return t.TagAtWatermark(ctx, name, at, retained)
	})
}

// tagged makes a tag and tells which snapshot it holds.
func tagged(args arguments, key string, make func(name string, at int64, retained time.Duration) (*spec.Snapshot, error)) (*Result, error) {
	name, _, err := args.two("tag", key)
	if err != nil {
		return nil, err
	}
	at, err := args.integer(key, -1<<63)
	if err != nil {
		return nil, err
	}
	retained, err := args.period("time_retained")
	if err != nil {
		return nil, err
	}
	snap, err := make(name, at, retained)
	if err != nil {
		return nil, err
	}
	mark := "null"
	if snap.Watermark != nil {
		mark = fmt.Sprint(*snap.Watermark)
	}
	r := table([]string{"tagName", "snapshot#", "commit_time#", "watermark"}, [][]string{{name, fmt.Sprint(snap.ID), fmt.Sprint(snap.TimeMillis), mark}})
	return r, nil
}

func callRenameTag(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	from, to, err := args.two("tagName", "targetTagName")
	if err != nil {
		return nil, err
	}
	if err := t.RenameTag(ctx, from, to); err != nil {
		return nil, err
	}
	return table([]string{"result"}, [][]string{{fmt.Sprintf("Rename [%s] to [%s] successfully.", from, to)}}), nil
}

func callReplaceTag(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	name, err := args.need("tag")
	if err != nil {
		return nil, err
	}
	var o paimon.TagOptions
	if o.Snapshot, err = args.integer("snapshot_id", 1); err == nil {
		o.Retained, err = args.period("time_retained")
	}
	if err == nil {
		err = t.ReplaceTag(ctx, name, o)
	}
	if err != nil {
		return nil, err
	}
	return success(), nil
}

func callTriggerTags(ctx context.Context, _ *Session, t *paimon.Table, _ arguments) (*Result, error) {
	if _, err := t.CreateDueTags(ctx); err != nil {
		return nil, err
	}
	o := t.Options()
	if o.Tags.TimeExpire {
		if _, err := t.ExpireTags(ctx, time.Now(), time.Time{}); err != nil {
			return nil, err
		}
	}
	return success(), nil
}

func callResetConsumer(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	id, err := args.need("consumer_id")
	if err != nil {
		return nil, err
	}
	next, err := args.integer("next_snapshot_id", 1)
	if err != nil {
		return nil, err
	}
	if err := t.ResetConsumer(ctx, id, next); err != nil {
		return nil, err
	}
	return success(), nil
}

func callClearConsumers(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	var both [2]*regexp.Regexp
	for i, key := range []string{"including_consumers", "excluding_consumers"} {
		v := args.values[key]
		if strings.TrimSpace(v) == "" {
			continue
		}
		var err error
		if both[i], err = regexp.Compile(v); err != nil {
			return nil, errs.Invalid("CALL %s: argument %s = '%s': want a regular expression: %w", args.call, key, v, err)
		}
	}
	if err := t.ClearConsumers(ctx, both[0], both[1]); err != nil {
		return nil, err
	}
	return success(), nil
}

// callRollback is Spark's: version is a snapshot or a tag.
func callRollback(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	version, err := args.need("version")
	if err != nil {
		return nil, err
	}
	key := "tag"
	if strings.Trim(version, "0123456789") == "" {
		key = "snapshot_id"
	}
	args.values[key] = version
	return callRollbackTo(ctx, s, t, args)
}

// callRollbackToWatermark takes epoch milliseconds.
func callRollbackToWatermark(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	if _, err := args.need("watermark"); err != nil {
		return nil, err
	}
	w, err := args.integer("watermark", -1<<63)
	if err != nil {
		return nil, err
	}
	before, err := latest(ctx, t)
	if err != nil {
		return nil, err
	}
	id, err := t.RollbackToWatermark(ctx, w)
	if err != nil {
		return nil, err
	}
	return rolledBack(before, id), nil
}

func callPurgeFiles(ctx context.Context, _ *Session, t *paimon.Table, _ arguments) (*Result, error) {
	if err := t.PurgeFiles(ctx); err != nil {
		return nil, err
	}
	return success(), nil
}

func callExpireChangelogs(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	o, err := expireOptions(s, args)
	if err != nil {
		return nil, err
	}
	all, err := args.flag("delete_all")
	if err != nil {
		return nil, err
	}
	n, err := t.ExpireChangelogs(ctx, o, all)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprint(n)
	if all {
		text = "Delete all separated changelogs success."
	}
	return table([]string{"result"}, [][]string{{text}}), nil
}

// fillExpirePartitions turns the arguments of sys.expire_partitions into the
// table's options.
func fillExpirePartitions(args arguments) map[string]string {
	out := map[string]string{}
	for key, option := range map[string]string{
		"expiration_time": "partition.expiration-time", "timestamp_formatter": "partition.timestamp-formatter", "timestamp_pattern": "partition.timestamp-pattern",
		"expire_strategy": "partition.expiration-strategy", "max_expires": "partition.expiration-max-num",
	} {
		if v := args.values[key]; v != "" {
			out[option] = v
		}
	}
	return out
}

func callExpirePartitions(ctx context.Context, _ *Session, t *paimon.Table, _ arguments) (*Result, error) {
	names, err := t.ExpirePartitions(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	for i, n := range names {
		names[i] = strings.ReplaceAll(n, "/", ", ")
	}
	return listed("expired_partitions", names, "No expired partitions."), nil
}

func callCompactManifest(ctx context.Context, _ *Session, t *paimon.Table, _ arguments) (*Result, error) {
	if _, err := t.CompactManifests(ctx); err != nil {
		return nil, err
	}
	return table([]string{"result"}, [][]string{{"success"}}), nil
}

// callMarkPartitionDone takes partitions as 'dt=2025-06-01,hh=3;dt=…'.
func callMarkPartitionDone(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	text, err := args.need("partitions")
	if err != nil {
		return nil, err
	}
	var specs []map[string]string
	for _, p := range strings.Split(text, ";") {
		values, err := parsePairs(p)
		if err != nil {
			return nil, err
		}
		specs = append(specs, values)
	}
	if err := t.MarkPartitionsDone(ctx, specs...); err != nil {
		return nil, err
	}
	return success(), nil
}
