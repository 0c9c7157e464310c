package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
)

// system gives the FROM item of a system table T$name.
func (p *planner) system(id catalog.Identifier, hint map[string]string) (string, error) {
	main := id
	main.System = ""
	t, err := p.s.e.o.Warehouse.Table(p.ctx, main, hint)
	if err != nil {
		return "", err
	}
	var out textTable
	switch id.System {
	case "snapshots":
		out, err = p.snapshotsTable(t)
	case "options":
		out = textTable{columns: []string{"key", "value"}}
		for k, v := range t.Schema().Options {
			out.rows = append(out.rows, []string{k, v})
		}
		sort.Slice(out.rows, func(a, b int) bool { return out.rows[a][0] < out.rows[b][0] })
	case "schemas":
		out, err = schemas(t)
	case "tags":
		out, err = p.tagsTable(t)
	case "branches":
		out, err = p.branchesTable(t)
	case "partitions":
		out, err = p.partitionsTable(t)
	default:
		return "", errs.Unsupported("system table %s: this version of Tarn has $branches, $options, $partitions, $schemas, $snapshots and $tags", id)
	}
	if err != nil {
		return "", err
	}
	rec := out.batch()
	return p.register(&batchScan{schema: rec.Schema(), batches: []arrow.RecordBatch{rec}}), nil
}

func number(n *int64) string {
	if n == nil {
		return null
	}
	return fmt.Sprint(*n)
}

func (p *planner) snapshotsTable(t *paimon.Table) (textTable, error) {
	out := textTable{columns: []string{"snapshot_id#", "schema_id#", "commit_user", "commit_identifier#", "commit_kind", "commit_time", "base_manifest_list", "delta_manifest_list",
		"changelog_manifest_list", "total_record_count#", "delta_record_count#", "changelog_record_count#", "watermark#"}}
	all, err := t.Snapshots(p.ctx)
	for _, s := range all {
		changelog := null
		if s.ChangelogManifestList != nil {
			changelog = *s.ChangelogManifestList
		}
		out.rows = append(out.rows, []string{fmt.Sprint(s.ID), fmt.Sprint(s.SchemaID), s.CommitUser, fmt.Sprint(s.CommitIdentifier), string(s.CommitKind),
			time.UnixMilli(s.TimeMillis).UTC().Format("2006-01-02 15:04:05.000"), s.BaseManifestList, s.DeltaManifestList, changelog,
			fmt.Sprint(s.TotalRecordCount), fmt.Sprint(s.DeltaRecordCount), number(s.ChangelogRecordCount), number(s.Watermark)})
	}
	return out, err
}

// wall prints a time as it stands in the clock that wrote it.
func wall(at time.Time) string { return at.Format("2006-01-02 15:04:05.000") }

func (p *planner) tagsTable(t *paimon.Table) (textTable, error) {
	out := textTable{columns: []string{"tag_name", "snapshot_id#", "schema_id#", "commit_time", "record_count#", "create_time", "time_retained"}}
	names, err := t.Tags(p.ctx)
	if err != nil {
		return out, err
	}
	for _, name := range names {
		tag, err := t.Tag(p.ctx, name)
		if errors.Is(err, errs.ErrNotFound) { // deleted meanwhile
			continue
		}
		if err != nil {
			return out, err
		}
		created, retained := null, null
		if tag.CreateTime != nil {
			created = wall(*tag.CreateTime)
		}
		if tag.TimeRetained != nil {
			retained = isoDuration(*tag.TimeRetained)
		}
		out.rows = append(out.rows, []string{name, fmt.Sprint(tag.ID), fmt.Sprint(tag.SchemaID), wall(time.UnixMilli(tag.TimeMillis).UTC()), fmt.Sprint(tag.TotalRecordCount), created, retained})
	}
	return out, nil
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

func (p *planner) branchesTable(t *paimon.Table) (textTable, error) {
	out := textTable{columns: []string{"branch_name", "create_time"}}
	names, err := t.Branches(p.ctx)
	for _, name := range names {
		at, err := t.BranchTime(p.ctx, name)
		if errors.Is(err, errs.ErrNotFound) { // deleted meanwhile
			continue
		}
		if err != nil {
			return out, err
		}
		out.rows = append(out.rows, []string{name, wall(at.UTC())})
	}
	return out, err
}

func (p *planner) partitionsTable(t *paimon.Table) (textTable, error) {
	out := textTable{columns: []string{"partition", "record_count#", "file_size_in_bytes#", "file_count#", "last_update_time", "created_at", "created_by", "updated_by", "options"}}
	snap, err := t.Travel(p.ctx)
	if err != nil {
		return out, err
	}
	all, err := t.Partitions(p.ctx, snap)
	for _, i := range all {
		out.rows = append(out.rows, []string{i.Name, fmt.Sprint(i.Rows), fmt.Sprint(i.Bytes), fmt.Sprint(i.Files), wall(i.LastFile), null, null, null, null})
	}
	return out, err
}

func schemas(t *paimon.Table) (textTable, error) {
	out := textTable{columns: []string{"schema_id#", "fields", "partition_keys", "primary_keys", "options", "comment", "update_time"}}
	s := t.Schema()
	row := []string{fmt.Sprint(s.ID)}
	for _, v := range []any{s.Fields, s.PartitionKeys, s.PrimaryKeys, s.Options} {
		data, err := json.Marshal(v)
		if err != nil {
			return out, err
		}
		row = append(row, string(data))
	}
	out.rows = append(out.rows, append(row, s.Comment, time.UnixMilli(s.TimeMillis).UTC().Format("2006-01-02 15:04:05.000")))
	return out, nil
}
