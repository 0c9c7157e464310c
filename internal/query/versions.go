package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
)

// The procedures on branches, tags and snapshots, after
// org.apache.paimon.flink.procedure.

func callCreateBranch(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	name, err := args.need("branch")
	if err != nil {
		return nil, err
	}
	o := paimon.BranchOptions{Tag: strings.TrimSpace(args.values["tag"])}
	if o.IgnoreIfExists, err = args.flag("ignoreIfExists"); err != nil {
		return nil, err
	}
	if err := t.CreateBranch(ctx, name, o); err != nil {
		return nil, err
	}
	return success(), nil
}

// callDeleteBranch takes several names, separated by commas.
func callDeleteBranch(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	return eachName(args, "branch", func(name string) error { return t.DeleteBranch(ctx, name) })
}

func eachName(args arguments, key string, do func(name string) error) (*Result, error) {
	names, err := args.need(key)
	if err != nil {
		return nil, err
	}
	for _, name := range strings.Split(names, ",") {
		if err := do(strings.TrimSpace(name)); err != nil {
			return nil, err
		}
	}
	return success(), nil
}

func callFastForward(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	name, err := args.need("branch")
	if err != nil {
		return nil, err
	}
	if err := t.FastForward(ctx, name); err != nil {
		return nil, err
	}
	return success(), nil
}

func callCreateTag(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	name, err := args.need("tag")
	if err != nil {
		return nil, err
	}
	var o paimon.TagOptions
	if o.Snapshot, err = args.integer("snapshot_id", 1); err != nil {
		return nil, err
	}
	if v := args.values["time_retained"]; v != "" {
		if o.Retained, err = options.ParseDuration(v); err != nil || o.Retained <= 0 {
			return nil, errs.Invalid("CALL %s: argument time_retained = '%s': want a duration such as 7 d", args.call, v)
		}
	}
	if err := t.CreateTag(ctx, name, o); err != nil {
		return nil, err
	}
	return success(), nil
}

// callDeleteTag takes several names, separated by commas.
func callDeleteTag(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	return eachName(args, "tag", func(name string) error { return t.DeleteTag(ctx, name) })
}

func callExpireTags(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	olderThan, err := args.moment(s, "older_than")
	if err != nil {
		return nil, err
	}
	names, err := t.ExpireTags(ctx, time.Now(), olderThan)
	if err != nil {
		return nil, err
	}
	return listed("expired_tags", names, "No expired tags."), nil
}

// listed gives one row for each text, or one that says that there is none.
func listed(column string, texts []string, none string) *Result {
	if len(texts) == 0 {
		texts = []string{none}
	}
	rows := make([][]string, len(texts))
	for i, n := range texts {
		rows[i] = []string{n}
	}
	return table([]string{column}, rows)
}

// rolledBack gives the newest snapshot before a rollback and after it.
func rolledBack(before, after int64) *Result {
	r := batchResult(textTable{columns: []string{"previous_snapshot_id#", "current_snapshot_id#"}, rows: [][]string{{fmt.Sprint(before), fmt.Sprint(after)}}}.batch())
	for i := range r.Columns {
		r.Columns[i].SQL = "BIGINT"
	}
	return r
}

// latest gives the newest snapshot of a table that is to be rolled back.
func latest(ctx context.Context, t *paimon.Table) (int64, error) {
	snap, err := t.LatestSnapshot(ctx)
	if err == nil && snap == nil {
		err = errs.Invalid("table %s: Latest snapshot is null, can not rollback.", t.Name())
	}
	if err != nil {
		return 0, err
	}
	return snap.ID, nil
}

func callRollbackTo(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	before, err := latest(ctx, t)
	if err != nil {
		return nil, err
	}
	if name := strings.TrimSpace(args.values["tag"]); name != "" {
		tag, err := t.Tag(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("roll back table %s: %w", t.Name(), err)
		}
		if err := t.RollbackToTag(ctx, name); err != nil {
			return nil, err
		}
		return rolledBack(before, tag.ID), nil
	}
	id, err := args.integer("snapshot_id", 1)
	if err != nil {
		return nil, err
	}
	if id == 0 {
		return nil, errs.Invalid("CALL %s: name a tag or a snapshot_id: CALL %s(`table` => 'database.table', snapshot_id => 1)", args.call, args.call)
	}
	if err := t.RollbackTo(ctx, id); err != nil {
		return nil, err
	}
	return rolledBack(before, id), nil
}

// callRollbackToTimestamp takes epoch milliseconds.
func callRollbackToTimestamp(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	if _, err := args.need("timestamp"); err != nil {
		return nil, err
	}
	millis, err := args.integer("timestamp", 0)
	if err != nil {
		return nil, err
	}
	before, err := latest(ctx, t)
	if err != nil {
		return nil, err
	}
	id, err := t.RollbackToTime(ctx, millis)
	if err != nil {
		return nil, err
	}
	return rolledBack(before, id), nil
}

// expireOptions reads the arguments that say what an expiry keeps.
func expireOptions(s *Session, args arguments) (o paimon.ExpireOptions, err error) {
	for key, to := range map[string]*int{"retain_max": &o.RetainMax, "retain_min": &o.RetainMin, "max_deletes": &o.MaxDeletes} {
		n, err := args.integer(key, 1)
		if err != nil {
			return o, err
		}
		*to = int(n)
	}
	o.OlderThan, err = args.moment(s, "older_than")
	return o, err
}

func callExpireSnapshots(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	o, err := expireOptions(s, args)
	if err != nil {
		return nil, err
	}
	out, err := t.Expire(ctx, o)
	if err != nil {
		return nil, err
	}
	return table([]string{"result"}, [][]string{{fmt.Sprint(out.Snapshots)}}), nil
}

// callRemoveOrphanFiles gives the number of files and of their bytes, of one
// table or of all of a database. Both modes of Paimon are one here.
func callRemoveOrphanFiles(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	dry, err := args.flag("dry_run")
	if err != nil {
		return nil, err
	}
	olderThan, err := args.moment(s, "older_than")
	mode := strings.ToUpper(args.values["mode"])
	switch {
	case err != nil:
		return nil, err
	case mode != "" && mode != "DISTRIBUTED" && mode != "LOCAL":
		return nil, errs.Invalid("CALL %s: Unknown mode: %s. Only 'DISTRIBUTED' and 'LOCAL' are supported.", args.call, args.values["mode"])
	case olderThan.IsZero():
		olderThan = time.Now().Add(-24 * time.Hour)
	case !olderThan.Before(time.Now()):
		return nil, errs.Invalid("CALL %s: The arg olderThan must be less than now, because dataFiles that are currently being written and not referenced by snapshots will be mistakenly cleaned up.", args.call)
	}
	tables := []*paimon.Table{t}
	if t == nil {
		if tables, err = s.allTables(ctx, args); err != nil {
			return nil, err
		}
	}
	var files, size int64
	for _, t := range tables {
		found, err := t.RemoveOrphans(ctx, olderThan, dry)
		if err != nil {
			return nil, err
		}
		files += int64(len(found.Paths))
		size += found.Bytes
	}
	return table([]string{"result"}, [][]string{{fmt.Sprint(files)}, {fmt.Sprint(size)}}), nil
}

// callRemoveUnexistingFiles gives the paths of the files that were lost.
func callRemoveUnexistingFiles(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	dry, err := args.flag("dry_run")
	if err != nil {
		return nil, err
	}
	paths, err := t.RemoveUnexistingFiles(ctx, dry)
	if err != nil {
		return nil, err
	}
	rows := make([][]string, len(paths))
	for i, path := range paths {
		rows[i] = []string{path}
	}
	return table([]string{"result"}, rows), nil
}

// allTables opens all tables of the database that the argument table names: db.*.
func (s *Session) allTables(ctx context.Context, args arguments) ([]*paimon.Table, error) {
	db := strings.Trim(strings.TrimSuffix(args.values["table"], ".*"), "`")
	names, err := s.e.o.Warehouse.Catalog().Tables(ctx, db)
	if err != nil {
		return nil, err
	}
	var out []*paimon.Table
	for _, name := range names {
		t, err := s.e.o.Warehouse.Table(ctx, catalog.Identifier{Database: db, Table: name}, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// callDropPartition takes partitions as 'dt=2025-06-01,hh=3', one an argument.
func callDropPartition(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
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
	if _, err := t.DropPartitions(ctx, specs...); err != nil {
		return nil, err
	}
	return success(), nil
}
