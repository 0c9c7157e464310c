package paimon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// GlobalDatabase is the database of the tables about a whole warehouse.
const GlobalDatabase = "sys"

// globalTables are the tables about a warehouse.
// Source: SystemTableLoader.GLOBAL_SYSTEM_TABLES.
func globalTables() map[string]*SystemTable {
	text, long, flag := types.String(), types.Of(types.BigInt), types.Of(types.Boolean)
	fields := func(pairs ...any) (out []types.Field) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, types.Field{ID: i / 2, Name: pairs[i].(string), Type: pairs[i+1].(types.Type)})
		}
		return out
	}
	return map[string]*SystemTable{
		"tables": {made: madeTables, fields: fields("database_name", text, "table_name", text, "table_type", text, "partitioned", flag, "primary_key", flag, "owner", text,
			"created_at", long, "created_by", text, "updated_at", long, "updated_by", text, "record_count", long, "file_size_in_bytes", long, "file_count", long, "last_file_creation_time", long)},
		"partitions": {made: madePartitions, fields: fields("database_name", text, "table_name", text, "partition_name", text, "record_count", long,
			"file_size_in_bytes", long, "file_count", long, "last_file_creation_time", long, "done", flag)},
		"all_table_options": {made: madeOptions, fields: fields("database_name", text, "table_name", text, "key", text, "value", text)},
		"catalog_options":   {made: madeCatalogOptions, fields: fields("key", text.NotNull(), "value", text.NotNull())},
	}
}

// GlobalTables lists the tables of the database sys.
func GlobalTables() []string { return slices.Sorted(maps.Keys(globalTables())) }

// GlobalTable opens a table of the database sys: tables, partitions,
// all_table_options or catalog_options. errs.ErrNotFound for other names.
func (w *Warehouse) GlobalTable(name string) (*SystemTable, error) {
	t := globalTables()[strings.ToLower(name)]
	if t == nil {
		return nil, errs.Kinded(errs.ErrNotFound, "table %s.%s does not exist; there are %s", GlobalDatabase, name, strings.Join(GlobalTables(), ", "))
	}
	t.w, t.name = w, name
	return t, nil
}

// maker appends rows.
type maker struct{ *array.RecordBuilder }

// row appends values from left to right: string, int64, bool, or nil.
func (m maker) row(values ...any) {
	for i, b := range m.Fields() {
		var v any
		if i < len(values) {
			v = values[i]
		}
		switch v := v.(type) {
		case string:
			b.(*array.StringBuilder).Append(v)
		case int64:
			b.(*array.Int64Builder).Append(v)
		case bool:
			b.(*array.BooleanBuilder).Append(v)
		default:
			b.AppendNull()
		}
	}
}

func (s *SystemTable) make(ctx context.Context) (arrow.RecordBatch, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(s.fields))
	defer b.Release()
	if err := s.made(ctx, s.w, maker{b}); err != nil {
		return nil, fmt.Errorf("read table %s.%s: %w", GlobalDatabase, s.name, err)
	}
	return b.NewRecordBatch(), nil
}

// eachTable goes through all tables in order of their names; what is dropped
// meanwhile is left out.
func (w *Warehouse) eachTable(ctx context.Context, do func(id catalog.Identifier, s *spec.TableSchema) error) error {
	databases, err := w.catalog.Databases(ctx)
	if err != nil {
		return err
	}
	slices.Sort(databases)
	for _, db := range databases {
		tables, err := w.catalog.Tables(ctx, db)
		if err != nil && !errors.Is(err, errs.ErrNotFound) {
			return err
		}
		slices.Sort(tables)
		for _, name := range tables {
			id := catalog.Identifier{Database: db, Table: name}
			s, err := w.catalog.Schema(ctx, id)
			if err == nil {
				err = do(id, s)
			}
			if err != nil && !errors.Is(err, errs.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// madeTables mirrors AllTablesTable; a catalog of files knows no owners.
func madeTables(ctx context.Context, w *Warehouse, m maker) error {
	return w.eachTable(ctx, func(id catalog.Identifier, s *spec.TableSchema) error {
		kind := s.Options["type"]
		if kind == "" {
			kind = "table"
		}
		m.row(id.Database, id.Table, kind, len(s.PartitionKeys) > 0, len(s.PrimaryKeys) > 0)
		return nil
	})
}

// madeOptions mirrors AllTableOptionsTable.
func madeOptions(ctx context.Context, w *Warehouse, m maker) error {
	return w.eachTable(ctx, func(id catalog.Identifier, s *spec.TableSchema) error {
		for _, k := range slices.Sorted(maps.Keys(s.Options)) {
			m.row(id.Database, id.Table, k, s.Options[k])
		}
		return nil
	})
}

// madePartitions mirrors AllPartitionsTable: of tables with partition columns.
func madePartitions(ctx context.Context, w *Warehouse, m maker) error {
	return w.eachTable(ctx, func(id catalog.Identifier, s *spec.TableSchema) error {
		if len(s.PartitionKeys) == 0 {
			return nil
		}
		t, err := w.Table(ctx, id, nil)
		if err != nil {
			return err
		}
		snap, err := t.LatestSnapshot(ctx)
		if err != nil || snap == nil {
			return err
		}
		all, err := t.Partitions(ctx, snap)
		for _, p := range all {
			m.row(id.Database, id.Table, p.Name, p.Rows, p.Bytes, p.Files, p.LastFile.UnixMilli(), false)
		}
		return err
	})
}

// madeCatalogOptions mirrors CatalogOptionsTable.
func madeCatalogOptions(_ context.Context, w *Warehouse, m maker) error {
	if local, ok := w.store.(interface{ LocalPath(string) string }); ok {
		m.row("warehouse", local.LocalPath(""))
	}
	return nil
}
