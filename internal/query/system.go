package query

import (
	"encoding/json"
	"fmt"
	"sort"
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
	default:
		return "", errs.Unsupported("system table %s: this version of Tarn has $snapshots, $options and $schemas", id)
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
