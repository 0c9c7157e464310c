package catalog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// immutable are the options that may not change once the table has data.
// Source: CoreOptions.IMMUTABLE_OPTIONS of 1.4 and 2.1.
var immutable = []string{"bucket-key", "bucket-function.type", "merge-engine", "data-file.path-directory", "type", "primary-key", "partition",
	"rowkind.field", "aggregation.remove-record-on-delete", "partial-update.remove-record-on-delete", "partial-update.remove-record-on-sequence-group",
	"sequence.snapshot-ordering", "primary-key.nullable", "dynamic-bucket.initial-buckets", "force-lookup", "row-tracking.enabled", "data-evolution.enabled",
	"index-file-in-data-file-dir", "blob-descriptor-field", "blob-external-storage-path", "blob-external-storage-field", "pk-clustering-override"}

// checkOption refuses to set (to nil: to remove) an option of a table with
// data when its files would mean something else. What stays as it was is no
// change. Source: SchemaManager.checkAlterTableOption, checkResetTableOption.
func (a *alteration) checkOption(key string, to *string) error {
	from, set := a.old.Options[key]
	if set == (to != nil) && (to == nil || *to == from) {
		return nil
	}
	has, err := a.hasData()
	if err != nil || !has {
		return err
	}
	value := ""
	if to != nil {
		value = *to
	}
	isTrue := func(v string) bool { return strings.EqualFold(v, "true") }
	switch {
	case slices.Contains(immutable, key):
		return errs.Invalid("option '%s' cannot change once the table has data: create a new table with it and copy the rows", key)
	case key == "bucket" && to == nil:
		return errs.Invalid("option 'bucket' cannot be reset once the table has data; set another number")
	case key == "bucket":
		return a.checkBuckets(value)
	case key == "deletion-vectors.enabled" && isTrue(from) != isTrue(value) && !a.flag("deletion-vectors.modifiable", false):
		return errs.Invalid("option '%s' cannot change once the table has data: deleted rows would show again; compact the table fully and set 'deletion-vectors.modifiable' = 'true' to allow it", key)
	case (key == "ignore-delete" || key == "ignore-update-before") && isTrue(from) && !isTrue(value):
		return errs.Invalid("option '%s' cannot change from true to false once the table has data: what was ignored would be missing", key)
	case key == "clustering.columns" && a.old.Options["pk-clustering-override"] != "":
		return errs.Invalid("option '%s' cannot change while 'pk-clustering-override' is set", key)
	}
	return nil
}

func (a *alteration) checkBuckets(value string) error {
	was, err := a.old.Buckets()
	if err != nil {
		return err
	}
	now, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil {
		return errs.Invalid("option 'bucket' = '%s': want a positive number", value)
	}
	if was != now && (was == -1 || now == -1) {
		return errs.Invalid("option 'bucket' cannot change between -1 and a fixed number once the table has data")
	}
	return nil
}

// takeKeyOptions turns the options primary-key and partition into the keys of
// the schema. Source: Schema.normalizePrimaryKeys.
func takeKeyOptions(s *spec.TableSchema) error {
	for _, opt := range []struct {
		name string
		keys *[]string
	}{{"primary-key", &s.PrimaryKeys}, {"partition", &s.PartitionKeys}} {
		v, ok := s.Options[opt.name]
		if !ok {
			continue
		}
		if len(*opt.keys) > 0 {
			return errs.Invalid("option '%s' and the clause in the statement say the same thing: keep one", opt.name)
		}
		*opt.keys = slices.DeleteFunc(splitTrim(v), func(k string) bool { return k == "" })
		delete(s.Options, opt.name)
	}
	for i := range s.Fields {
		if slices.Contains(s.PrimaryKeys, s.Fields[i].Name) {
			s.Fields[i].Type = s.Fields[i].Type.NotNull()
		}
	}
	return nil
}

// columnOptions are the options whose values list columns of the table.
var columnOptions = []string{"bucket-key", "sequence.field", "rowkind.field", "record-level.time-field", "clustering.columns", "upsert-key",
	"changelog-producer.row-deduplicate-ignore-fields", "partial-update.remove-record-on-sequence-group", "blob-field", "vector-field"}

// followRenames gives keys and options the new names of columns. Paimon 1.4
// does so for bucket-key, sequence.field and some of fields.<column>.…, and
// refuses renames of columns that other options name; here they all follow.
// Source: SchemaManager.applyRenameColumnsToOptions.
func (a *alteration) followRenames() {
	if len(a.renamed) == 0 {
		return
	}
	follow := func(name string) string {
		for _, r := range a.renamed {
			if name == r.from {
				name = r.to
			}
		}
		return name
	}
	list := func(v string) string {
		names := strings.Split(v, ",")
		for i, n := range names {
			bare := strings.TrimSpace(n)
			names[i] = strings.Replace(n, bare, follow(bare), 1)
		}
		return strings.Join(names, ",")
	}
	for i, k := range a.next.PrimaryKeys {
		a.next.PrimaryKeys[i] = follow(k)
	}
	old := a.next.Options
	a.next.Options = make(map[string]string, len(old))
	for k, v := range old {
		parts := strings.Split(k, ".")
		switch {
		case slices.Contains(columnOptions, k):
			v = list(v)
		case parts[0] == "fields" && len(parts) >= 3:
			parts[1] = list(parts[1])
			if parts[2] == "sequence-group" {
				v = list(v)
			}
		case parts[0] == "file-index" && len(parts) == 3 && parts[2] == "columns":
			v = list(v)
		case parts[0] == "file-index" && len(parts) == 4: // file-index.bloom-filter.<column>.fpp
			parts[2] = follow(parts[2])
		}
		a.next.Options[strings.Join(parts, ".")] = v
	}
}
