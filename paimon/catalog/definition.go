package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/avro"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// schema turns a definition into schema 0, with field ids given depth first
// from one counter, primary key columns NOT NULL, and everything checked that
// Paimon's SchemaValidation checks on CREATE TABLE.
func (d Definition) schema(nowMillis int64) (*spec.TableSchema, error) {
	s := &spec.TableSchema{
		Version: spec.SchemaVersion, PartitionKeys: slices.Clone(d.PartitionKeys), PrimaryKeys: slices.Clone(d.PrimaryKeys),
		Options: map[string]string{}, Comment: d.Comment, TimeMillis: nowMillis,
	}
	for k, v := range d.Options {
		if k != "connector" && k != "path" && k != "branch" {
			s.Options[k] = v
		}
	}
	next := 0
	s.Fields = make([]types.Field, len(d.Fields))
	for i, f := range d.Fields {
		f.ID = next
		next++
		f.Type = assignIDs(f.Type, &next)
		s.Fields[i] = f
	}
	s.HighestFieldID = next - 1
	if err := takeKeyOptions(s); err != nil {
		return nil, err
	}
	if err := Check(s); err != nil {
		return nil, err
	}
	return s, options.CheckKnown(s.Options)
}

func splitTrim(s string) []string {
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// assignIDs gives nested fields ids from the table's counter.
// Source: ReassignFieldId.
func assignIDs(t types.Type, next *int) types.Type {
	if t.Elem != nil {
		if t.Key != nil {
			k := assignIDs(*t.Key, next)
			t.Key = &k
		}
		e := assignIDs(*t.Elem, next)
		t.Elem = &e
	}
	if t.Root == types.Row {
		fields := slices.Clone(t.Fields)
		for i := range fields { // inner fields come first
			fields[i].Type = assignIDs(fields[i].Type, next)
			fields[i].ID = *next
			*next++
		}
		t.Fields = fields
	}
	return t
}

// Check holds a schema against Paimon's rules.
func Check(s *spec.TableSchema) error {
	if err := checkColumns(s); err != nil {
		return err
	}
	if err := checkKeys(s); err != nil {
		return err
	}
	o, err := options.Parse(s.Options, len(s.PrimaryKeys) > 0)
	if err != nil {
		return err
	}
	if err := o.Validate(len(s.PrimaryKeys) > 0); err != nil {
		return err
	}
	if err := checkBucketKeys(s); err != nil {
		return err
	}
	if err := fileindex.Validate(s.Options, s.Fields); err != nil {
		return err
	}
	if err := o.CheckColumns(s.Fields); err != nil {
		return err
	}
	if len(o.SequenceFields) > 0 && s.CrossPartition() {
		return errs.Invalid("option 'sequence.field' cannot be used when the primary key (%s) lacks partition columns (%s): an older row could move a newer one", strings.Join(s.PrimaryKeys, ", "), strings.Join(s.PartitionKeys, ", "))
	}
	if slices.Contains(o.Formats(), "avro") {
		if err := avro.CheckFields(s.Fields); err != nil {
			return err
		}
	}
	if err := checkFieldOptions(s); err != nil {
		return err
	}
	if len(s.PrimaryKeys) == 0 {
		return nil
	}
	_, err = merge.New(merge.Schema{Fields: s.Fields, PrimaryKey: s.PrimaryKeys}, s.Options)
	return err
}

func checkColumns(s *spec.TableSchema) error {
	if len(s.Fields) == 0 {
		return errs.Invalid("the table has no columns")
	}
	seen := map[string]bool{}
	system := []string{spec.SequenceField, spec.KindField, spec.LevelField, spec.RowKindField, spec.RowIDField}
	for _, f := range s.Fields {
		switch {
		case f.Name == "" || strings.TrimSpace(f.Name) == "":
			return errs.Invalid("a column has no name")
		case seen[f.Name]:
			return errs.Invalid("column %q is named twice", f.Name)
		case strings.HasPrefix(f.Name, spec.KeyPrefix) || slices.Contains(system, f.Name):
			return errs.Invalid("column %q: the name is reserved (names must not start with %s)", f.Name, spec.KeyPrefix)
		}
		seen[f.Name] = true
		if err := checkDefault(f); err != nil {
			return err
		}
	}
	return nil
}

// checkDefault refuses a default value that is none of the column's type.
// Source: DefaultValueUtils.validateDefaultValue.
func checkDefault(f types.Field) error {
	if f.Default == nil {
		return nil
	}
	v, err := cast.Default(f.Type, *f.Default)
	if err != nil {
		return fmt.Errorf("default value of column %s: %w", f.Name, err)
	}
	v.Release()
	return nil
}

// checkFieldOptions refuses options 'fields.<columns>.…' of columns that are
// not there. Source: SchemaValidation.validateFieldsPrefix.
func checkFieldOptions(s *spec.TableSchema) error {
	names := make(map[string]bool, len(s.Fields))
	for _, f := range s.Fields {
		names[f.Name] = true
	}
	for _, k := range slices.Sorted(maps.Keys(s.Options)) {
		rest, ok := strings.CutPrefix(k, "fields.")
		if !ok || rest == "default-aggregate-function" {
			continue
		}
		list, _, _ := strings.Cut(rest, ".")
		for _, name := range strings.Split(list, ",") {
			if names[name] {
				continue
			}
			hint := ""
			if near := options.Nearest(name, names); near != "" && 2*options.EditDistance(name, near, len(name)) <= len(name) {
				hint = "; did you mean " + near + "?"
			}
			return errs.Invalid("option '%s': the table has no column %s%s", k, name, hint)
		}
	}
	return nil
}

func checkKeys(s *spec.TableSchema) error {
	for kind, keys := range map[string][]string{"primary key": s.PrimaryKeys, "partition": s.PartitionKeys} {
		seen := map[string]bool{}
		for _, k := range keys {
			f, ok := s.Field(k)
			if !ok {
				return errs.Invalid("%s column %q is not a column of the table", kind, k)
			}
			if seen[k] {
				return errs.Invalid("%s column %q is named twice", kind, k)
			}
			if f.Type.IsNested() || f.Type.Root == types.Variant || f.Type.Root == types.Blob {
				return errs.Invalid("%s column %q is of type %s: want a type without parts", kind, k, f.Type)
			}
			seen[k] = true
		}
	}
	if len(s.PrimaryKeys) > 0 && len(s.TrimmedPrimaryKeys()) == 0 {
		return errs.Invalid("primary key (%s) holds only partition columns: every partition would have one row", strings.Join(s.PrimaryKeys, ", "))
	}
	return nil
}

func checkBucketKeys(s *spec.TableSchema) error {
	fields, err := s.BucketKeyFields()
	if err != nil {
		return errs.Invalid("option 'bucket-key': %v", err)
	}
	for _, f := range fields {
		switch {
		case f.Type.IsNested():
			return errs.Invalid("option 'bucket-key': column %q is of type %s, which has no hash", f.Name, f.Type)
		case slices.Contains(s.PartitionKeys, f.Name) && s.Options["bucket-key"] != "":
			return errs.Invalid("option 'bucket-key': %q is a partition column", f.Name)
		case len(s.PrimaryKeys) > 0 && !slices.Contains(s.PrimaryKeys, f.Name):
			return errs.Invalid("option 'bucket-key': %q is not in the primary key", f.Name)
		}
	}
	return nil
}
