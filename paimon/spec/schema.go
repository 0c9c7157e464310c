// Package spec holds what Paimon keeps at rest besides data files: table
// schemas, snapshots, tags, consumers and manifests, as structs and as bytes.
// It reads and writes no files.
package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// SchemaVersion is the version of the schema files that Tarn writes.
const SchemaVersion = 3

// Names and field ids that Paimon keeps for itself.
// Source: org.apache.paimon.table.SpecialFields.
const (
	SequenceField = "_SEQUENCE_NUMBER"
	KindField     = "_VALUE_KIND"
	LevelField    = "_LEVEL"
	RowKindField  = "rowkind"
	RowIDField    = "_ROW_ID"
	KeyPrefix     = "_KEY_"

	SystemFieldIDStart = 1073741823 // id of _KEY_<c> is this plus the id of c
	SequenceFieldID    = 2147483646
	KindFieldID        = 2147483645
	LevelFieldID       = 2147483644
	RowKindFieldID     = 2147483643
	RowIDFieldID       = 2147483642
)

// TableSchema is one version of a table's schema. Once made it is shared and
// not changed; Clone before editing.
// Source: org.apache.paimon.schema.TableSchema.
type TableSchema struct {
	Version        int               `json:"version"` // layout of the file, see SchemaVersion
	ID             int64             `json:"id"`
	Fields         []types.Field     `json:"fields"`
	HighestFieldID int               `json:"highestFieldId"` // over all columns, nested and dropped ones too
	PartitionKeys  []string          `json:"partitionKeys"`
	PrimaryKeys    []string          `json:"primaryKeys"`
	Options        map[string]string `json:"options"`
	Comment        string            `json:"comment,omitempty"`
	TimeMillis     int64             `json:"timeMillis"`
}

// ParseSchema reads a schema file of version 1, 2 or 3. What older versions
// leave out is filled in with the defaults of their time (bucket=1,
// file.format=orc). Unknown fields are ignored.
func ParseSchema(data []byte) (*TableSchema, error) {
	var s TableSchema
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	if s.Version == 0 {
		s.Version = 1
	}
	if s.Version > SchemaVersion {
		return nil, errs.Unsupported("schema %d has version %d; the newest known is %d", s.ID, s.Version, SchemaVersion)
	}
	if s.Options == nil {
		s.Options = map[string]string{}
	}
	if _, ok := s.Options["bucket"]; !ok && s.Version <= 1 {
		s.Options["bucket"] = "1"
	}
	if _, ok := s.Options["file.format"]; !ok && s.Version <= 2 {
		s.Options["file.format"] = "orc"
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("read schema %d: %w", s.ID, err)
	}
	return &s, nil
}

// check finds references that would break every user of the schema.
func (s *TableSchema) check() error {
	if len(s.Fields) == 0 {
		return fmt.Errorf("it has no fields")
	}
	seen := make(map[string]bool, len(s.Fields))
	for _, f := range s.Fields {
		if f.Type.Root == 0 {
			return fmt.Errorf("field %q has no type", f.Name)
		}
		if seen[f.Name] {
			return fmt.Errorf("field %q appears twice", f.Name)
		}
		seen[f.Name] = true
	}
	for _, k := range append(slices.Clone(s.PartitionKeys), s.PrimaryKeys...) {
		if !seen[k] {
			return fmt.Errorf("key column %q is not a field", k)
		}
	}
	return nil
}

// JSON gives the bytes of the schema file.
func (s *TableSchema) JSON() ([]byte, error) {
	c := *s
	c.PartitionKeys = orEmpty(s.PartitionKeys)
	c.PrimaryKeys = orEmpty(s.PrimaryKeys)
	if c.Options == nil {
		c.Options = map[string]string{}
	}
	b, err := marshalPretty(c)
	if err != nil {
		return nil, fmt.Errorf("write schema %d: %w", s.ID, err)
	}
	return b, nil
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// Clone gives a copy whose lists and options may be changed.
func (s *TableSchema) Clone() *TableSchema {
	c := *s
	c.Fields = slices.Clone(s.Fields)
	c.PartitionKeys = slices.Clone(s.PartitionKeys)
	c.PrimaryKeys = slices.Clone(s.PrimaryKeys)
	c.Options = make(map[string]string, len(s.Options))
	for k, v := range s.Options {
		c.Options[k] = v
	}
	return &c
}

// TrimmedPrimaryKeys are the primary key columns that are not partition keys,
// in primary key order; nil for a table without a primary key.
func (s *TableSchema) TrimmedPrimaryKeys() []string {
	var out []string
	for _, k := range s.PrimaryKeys {
		if !slices.Contains(s.PartitionKeys, k) {
			out = append(out, k)
		}
	}
	return out
}

// BucketKeys are the columns whose hash chooses the bucket: the option
// bucket-key (split at commas, not trimmed, as Paimon does), else the trimmed
// primary key; nil when there is neither.
func (s *TableSchema) BucketKeys() []string {
	if v := s.Options["bucket-key"]; strings.TrimSpace(v) != "" {
		return strings.Split(v, ",")
	}
	return s.TrimmedPrimaryKeys()
}

// Buckets is the option bucket: n > 0 fixed, -1 dynamic or unaware (the
// default), -2 postponed.
func (s *TableSchema) Buckets() (int, error) {
	v, ok := s.Options["bucket"]
	if !ok {
		return -1, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < -2 || n == 0 {
		return 0, errs.Invalid("option bucket = %q: want a positive number, -1 or -2", v)
	}
	return n, nil
}

// CrossPartition reports whether a key may move between partitions, because
// the primary key lacks a partition key.
func (s *TableSchema) CrossPartition() bool {
	if len(s.PrimaryKeys) == 0 {
		return false
	}
	for _, k := range s.PartitionKeys {
		if !slices.Contains(s.PrimaryKeys, k) {
			return true
		}
	}
	return false
}

// Index gives the position of a column, -1 if there is none.
func (s *TableSchema) Index(name string) int {
	return slices.IndexFunc(s.Fields, func(f types.Field) bool { return f.Name == name })
}

// Field finds a column by name.
func (s *TableSchema) Field(name string) (types.Field, bool) {
	if i := s.Index(name); i >= 0 {
		return s.Fields[i], true
	}
	return types.Field{}, false
}

// FieldByID finds a column by id, which is how rows of older schemas map.
func (s *TableSchema) FieldByID(id int) (types.Field, bool) {
	for _, f := range s.Fields {
		if f.ID == id {
			return f, true
		}
	}
	return types.Field{}, false
}

// Indexes gives the positions of columns; an unknown name is an error.
func (s *TableSchema) Indexes(names []string) ([]int, error) {
	out := make([]int, len(names))
	for i, n := range names {
		if out[i] = s.Index(n); out[i] < 0 {
			return nil, errs.Invalid("column %q is not in schema %d", n, s.ID)
		}
	}
	return out, nil
}

// Project gives the named columns; an unknown name is an error.
func (s *TableSchema) Project(names []string) ([]types.Field, error) {
	at, err := s.Indexes(names)
	if err != nil {
		return nil, err
	}
	out := make([]types.Field, len(at))
	for i, j := range at {
		out[i] = s.Fields[j]
	}
	return out, nil
}

// known is Project for names that ParseSchema has checked.
func (s *TableSchema) known(names []string) []types.Field {
	out := make([]types.Field, 0, len(names))
	for _, n := range names {
		if f, ok := s.Field(n); ok {
			out = append(out, f)
		}
	}
	return out
}

// PartitionFields are the partition columns in partition key order.
func (s *TableSchema) PartitionFields() []types.Field { return s.known(s.PartitionKeys) }

// PartitionTypes are the types of PartitionFields.
func (s *TableSchema) PartitionTypes() []types.Type { return TypesOf(s.PartitionFields()) }

// PrimaryKeyFields are the primary key columns in key order.
func (s *TableSchema) PrimaryKeyFields() []types.Field { return s.known(s.PrimaryKeys) }

// TrimmedPrimaryKeyFields are the columns of TrimmedPrimaryKeys.
func (s *TableSchema) TrimmedPrimaryKeyFields() []types.Field {
	return s.known(s.TrimmedPrimaryKeys())
}

// BucketKeyFields are the columns of BucketKeys; an unknown name (a wrong
// option bucket-key) is an error.
func (s *TableSchema) BucketKeyFields() ([]types.Field, error) { return s.Project(s.BucketKeys()) }

// KeyFields are the _KEY_ columns of data files of a primary key table.
func (s *TableSchema) KeyFields() []types.Field {
	out := s.TrimmedPrimaryKeyFields()
	for i := range out {
		out[i].Name = KeyPrefix + out[i].Name
		out[i].ID += SystemFieldIDStart
	}
	return out
}

// ArrowSchema is the Arrow schema of the table's rows.
func (s *TableSchema) ArrowSchema() *arrow.Schema { return types.ArrowSchema(s.Fields) }

// TypesOf gives the types of columns.
func TypesOf(fields []types.Field) []types.Type {
	out := make([]types.Type, len(fields))
	for i, f := range fields {
		out[i] = f.Type
	}
	return out
}

// HighestID gives the highest id in fields, nested ones too; -1 for none.
func HighestID(fields []types.Field) int {
	id := -1
	for _, f := range fields {
		id = max(id, f.ID, highestInType(f.Type))
	}
	return id
}

func highestInType(t types.Type) int {
	id := HighestID(t.Fields)
	if t.Key != nil {
		id = max(id, highestInType(*t.Key))
	}
	if t.Elem != nil {
		id = max(id, highestInType(*t.Elem))
	}
	return id
}
