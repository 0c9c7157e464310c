package system

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/history"
	"github.com/tarndb/tarn/paimon/spec"
)

// loadSnapshots mirrors SnapshotsTable.
func loadSnapshots(ctx context.Context, of Of) (rows, error) {
	snaps := of.Table.History.Snapshots
	ids, err := snaps.IDs(ctx)
	if err != nil || len(ids) == 0 {
		return rows{}, err
	}
	all, err := snaps.Range(ctx, ids[0], ids[len(ids)-1])
	return rows{n: len(all), row: func(i int, w *writer) error {
		s := all[i]
		w.long(s.ID)
		w.long(s.SchemaID)
		w.text(s.CommitUser)
		w.long(s.CommitIdentifier)
		w.text(string(s.CommitKind))
		w.millis(s.TimeMillis)
		w.text(s.BaseManifestList)
		w.text(s.DeltaManifestList)
		w.textOrNull(s.ChangelogManifestList)
		w.long(s.TotalRecordCount)
		w.long(s.DeltaRecordCount)
		w.longOrNull(s.ChangelogRecordCount)
		w.longOrNull(s.Watermark)
		w.longOrNull(s.NextRowID)
		return nil
	}}, err
}

// loadSchemas mirrors SchemasTable.
func loadSchemas(ctx context.Context, of Of) (rows, error) {
	ids, err := of.Table.History.Schemas.IDs(ctx)
	slices.Sort(ids)
	return rows{n: len(ids), row: func(i int, w *writer) error {
		s, err := of.Table.History.Schemas.Get(ctx, ids[i])
		if err != nil {
			return err
		}
		w.long(s.ID)
		for _, v := range []any{s.Fields, s.PartitionKeys, s.PrimaryKeys, s.Options} {
			text, err := flatJSON(v)
			if err != nil {
				return fmt.Errorf("schema %d: %w", s.ID, err)
			}
			w.text(text)
		}
		if s.Comment == "" {
			w.null()
		} else {
			w.text(s.Comment)
		}
		w.millis(s.TimeMillis)
		return nil
	}}, err
}

func flatJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	text := strings.TrimSpace(b.String())
	if text == "null" { // a list that is nil
		text = "[]"
	}
	return text, nil
}

// loadOptions mirrors OptionsTable, whose rows have no order: here by key.
func loadOptions(_ context.Context, of Of) (rows, error) {
	o := of.Table.Schema.Options
	keys := slices.Sorted(maps.Keys(o))
	return rows{n: len(keys), row: func(i int, w *writer) error {
		w.text(keys[i])
		w.text(o[keys[i]])
		return nil
	}}, nil
}

// loadTags mirrors TagsTable.
func loadTags(ctx context.Context, of Of) (rows, error) {
	all, err := of.Table.History.Tags.All(ctx)
	names := slices.Sorted(maps.Keys(all))
	return rows{n: len(names), row: func(i int, w *writer) error {
		t := all[names[i]]
		w.text(names[i])
		w.long(t.ID)
		w.long(t.SchemaID)
		w.millis(t.TimeMillis)
		w.long(t.TotalRecordCount)
		w.wall(t.CreateTime)
		if t.TimeRetained == nil {
			w.null()
		} else {
			w.text(isoDuration(*t.TimeRetained))
		}
		return nil
	}}, err
}

// isoDuration prints a duration as Java's Duration does: PT1H30M.
func isoDuration(d time.Duration) string {
	if d == 0 {
		return "PT0S"
	}
	text := "PT"
	if h := d / time.Hour; h != 0 {
		text += fmt.Sprintf("%dH", h)
	}
	if m := d % time.Hour / time.Minute; m != 0 {
		text += fmt.Sprintf("%dM", m)
	}
	if s := d % time.Minute; s != 0 {
		text += strconv.FormatFloat(s.Seconds(), 'f', -1, 64) + "S"
	}
	return text
}

// loadBranches mirrors BranchesTable: a branch's time is that of its folder.
func loadBranches(ctx context.Context, of Of) (rows, error) {
	h := of.Table.History
	names, err := history.Branches(ctx, of.Table.Store, h.Table())
	if err != nil {
		return rows{}, err
	}
	var there []string
	var at []time.Time
	for _, n := range names {
		info, err := of.Table.Store.Stat(ctx, h.On(n).Dir())
		if errors.Is(err, errs.ErrNotFound) { // deleted meanwhile
			continue
		}
		if err != nil {
			return rows{}, err
		}
		there, at = append(there, n), append(at, info.ModTime)
	}
	return rows{n: len(there), row: func(i int, w *writer) error {
		w.text(there[i])
		w.millis(at[i].UnixMilli())
		return nil
	}}, nil
}

// loadConsumers mirrors ConsumersTable.
func loadConsumers(ctx context.Context, of Of) (rows, error) {
	all, err := of.Table.History.Consumers.List(ctx)
	names := slices.Sorted(maps.Keys(all))
	return rows{n: len(names), row: func(i int, w *writer) error {
		w.text(names[i])
		w.long(all[names[i]].NextSnapshot)
		return nil
	}}, err
}

// loadAggregations mirrors AggregationFieldsTable: the options
// fields.<column>.… of every column, by key.
func loadAggregations(_ context.Context, of Of) (rows, error) {
	s := of.Table.Schema
	values, keys := map[string][]string{}, map[string][]string{}
	for _, k := range slices.Sorted(maps.Keys(s.Options)) {
		if parts := strings.Split(k, "."); len(parts) > 2 && parts[0] == "fields" {
			values[parts[1]] = append(values[parts[1]], s.Options[k])
			keys[parts[1]] = append(keys[parts[1]], k)
		}
	}
	list := func(v []string) string { return "[" + strings.Join(v, ", ") + "]" }
	return rows{n: len(s.Fields), row: func(i int, w *writer) error {
		f := s.Fields[i]
		w.text(f.Name)
		w.text(f.Type.SQL())
		w.text(list(values[f.Name]))
		w.text(list(keys[f.Name]))
		if f.Description == "" {
			w.null()
		} else {
			w.text(f.Description)
		}
		return nil
	}}, nil
}

const maxStatistics = 64 << 20

// loadStatistics mirrors StatisticTable: the newest statistics that ANALYZE
// left at or before the snapshot.
func loadStatistics(ctx context.Context, of Of) (rows, error) {
	if of.Snapshot == nil || of.Snapshot.Statistics == nil {
		return rows{}, nil
	}
	path := fileio.Join(of.Table.History.Table(), "statistics", *of.Snapshot.Statistics)
	data, err := fileio.ReadAll(ctx, of.Table.Store, path, maxStatistics)
	if err != nil {
		return rows{}, fmt.Errorf("read statistics: %w", err)
	}
	var s struct {
		SnapshotID        int64           `json:"snapshotId"`
		SchemaID          int64           `json:"schemaId"`
		MergedRecordCount *int64          `json:"mergedRecordCount"`
		MergedRecordSize  *int64          `json:"mergedRecordSize"`
		ColStats          json.RawMessage `json:"colStats"`
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return rows{}, errs.Corrupt(path, "%w", err)
	}
	pretty, err := spec.Pretty(s.ColStats)
	if err != nil {
		return rows{}, errs.Corrupt(path, "%w", err)
	}
	return rows{n: 1, row: func(_ int, w *writer) error {
		w.long(s.SnapshotID)
		w.long(s.SchemaID)
		w.longOrNull(s.MergedRecordCount)
		w.longOrNull(s.MergedRecordSize)
		w.text(pretty)
		return nil
	}}, nil
}
