package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/query/render"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

const informationSchemaName = "information_schema"

// textTable is a small table made on the spot. Columns whose name ends in "#"
// hold BIGINT; the mark is not part of the name. "\x00" is NULL.
type textTable struct {
	columns []string
	rows    [][]string
}

const null = "\x00"

func (t textTable) batch() arrow.RecordBatch {
	fields := make([]arrow.Field, len(t.columns))
	for i, c := range t.columns {
		fields[i] = arrow.Field{Name: strings.TrimSuffix(c, "#"), Type: arrow.BinaryTypes.String, Nullable: true}
		if strings.HasSuffix(c, "#") {
			fields[i].Type = arrow.PrimitiveTypes.Int64
		}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, row := range t.rows {
		for i, v := range row {
			switch f := b.Field(i); {
			case v == null:
				f.AppendNull()
			default:
				_ = f.AppendValueFromString(v) // texts and numbers that we made
			}
		}
	}
	return b.NewRecordBatch()
}

func informationTables() []string {
	return []string{"character_sets", "check_constraints", "collations", "column_privileges", "columns", "engines", "events", "key_column_usage", "keywords", "parameters", "partitions", "referential_constraints",
		"routines", "schema_privileges", "schemata", "statistics", "table_constraints", "table_privileges", "tables", "triggers", "user_privileges", "views"}
}

// informationSchema gives the FROM item of an information_schema table; ok is
// false for other names.
func (s *Session) informationSchema(p *planner, n ast.Name) (string, bool, error) {
	name, ok := s.informationName(n)
	if !ok {
		return "", false, nil
	}
	t, err := p.information(name)
	if err != nil {
		return "", true, err
	}
	rec := t.batch()
	return p.register(&batchScan{schema: rec.Schema(), batches: []arrow.RecordBatch{rec}}), true, nil
}

// informationName gives the table of information_schema that n names.
func (s *Session) informationName(n ast.Name) (string, bool) {
	parts := n.Parts
	db := s.database
	if len(parts) > 1 {
		db = parts[len(parts)-2].Name
	}
	known := len(parts) < 3 || slices.Contains(s.catalogs, parts[0].Name) || parts[0].Name == "def"
	return strings.ToLower(parts[len(parts)-1].Name), known && strings.EqualFold(db, informationSchemaName)
}

// information makes a table of information_schema, once a query.
func (p *planner) information(name string) (textTable, error) {
	if t, ok := p.info[name]; ok {
		return t, nil
	}
	t, err := p.s.informationTable(p.ctx, name)
	if err == nil {
		p.info[name] = t
	}
	return t, err
}

// informationColumns gives the columns of a table of information_schema to the
// renderer; nil for dialects whose names have a case, which these have not.
func (p *planner) informationColumns(name string) ([]render.Column, error) {
	if p.dialect != dialect.MySQL {
		return nil, nil
	}
	t, err := p.information(name)
	if err != nil {
		return nil, err
	}
	fields := make([]types.Field, len(t.columns))
	for i, c := range t.columns {
		fields[i] = types.Field{Name: strings.TrimSuffix(c, "#"), Type: types.String()}
		if strings.HasSuffix(c, "#") {
			fields[i].Type = types.Of(types.BigInt)
		}
	}
	return typeNames(fields)
}

func (s *Session) informationTable(ctx context.Context, name string) (textTable, error) {
	switch name {
	case "schemata":
		t := textTable{columns: []string{"CATALOG_NAME", "SCHEMA_NAME", "DEFAULT_CHARACTER_SET_NAME", "DEFAULT_COLLATION_NAME", "SQL_PATH"}}
		all, err := s.databases(ctx)
		for _, db := range all {
			t.rows = append(t.rows, []string{"def", db, "utf8mb4", "utf8mb4_general_ci", null})
		}
		return t, err
	case "tables":
		return s.tablesTable(ctx)
	case "columns":
		return s.columnsTable(ctx)
	case "table_constraints":
		return s.keyTable(ctx, []string{"CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "TABLE_SCHEMA", "TABLE_NAME", "CONSTRAINT_TYPE"}, func(id catalog.Identifier, i int, _ string) []string {
			if i > 0 {
				return nil
			}
			return []string{"def", id.Database, "PRIMARY", id.Database, id.Table, "PRIMARY KEY"}
		})
	case "key_column_usage":
		return s.keyTable(ctx, []string{"CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "ORDINAL_POSITION#", "POSITION_IN_UNIQUE_CONSTRAINT#", "REFERENCED_TABLE_SCHEMA", "REFERENCED_TABLE_NAME", "REFERENCED_COLUMN_NAME"}, func(id catalog.Identifier, i int, column string) []string {
			return []string{"def", id.Database, "PRIMARY", "def", id.Database, id.Table, column, fmt.Sprint(i + 1), null, null, null, null}
		})
	case "statistics":
		return s.keyTable(ctx, []string{"TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "NON_UNIQUE#", "INDEX_SCHEMA", "INDEX_NAME", "SEQ_IN_INDEX#", "COLUMN_NAME", "COLLATION", "CARDINALITY#", "SUB_PART#", "PACKED", "NULLABLE", "INDEX_TYPE", "COMMENT", "INDEX_COMMENT"}, func(id catalog.Identifier, i int, column string) []string {
			return []string{"def", id.Database, id.Table, "0", id.Database, "PRIMARY", fmt.Sprint(i + 1), column, "A", null, null, null, "", "LSM", "", ""}
		})
	case "views":
		return textTable{columns: []string{"TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "VIEW_DEFINITION"}}, nil
	case "routines":
		return textTable{columns: []string{"SPECIFIC_NAME", "ROUTINE_CATALOG", "ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINE_TYPE", "DATA_TYPE", "ROUTINE_COMMENT"}}, nil
	case "parameters":
		return textTable{columns: []string{"SPECIFIC_CATALOG", "SPECIFIC_SCHEMA", "SPECIFIC_NAME", "ORDINAL_POSITION#", "PARAMETER_MODE", "PARAMETER_NAME", "DATA_TYPE", "ROUTINE_TYPE"}}, nil
	case "referential_constraints":
		return textTable{columns: []string{"CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "UNIQUE_CONSTRAINT_SCHEMA", "UNIQUE_CONSTRAINT_NAME", "UPDATE_RULE", "DELETE_RULE", "TABLE_NAME", "REFERENCED_TABLE_NAME"}}, nil
	case "engines":
		return textTable{columns: []string{"ENGINE", "SUPPORT", "COMMENT", "TRANSACTIONS", "XA", "SAVEPOINTS"}, rows: [][]string{{"paimon", "DEFAULT", "Apache Paimon tables", "NO", "NO", "NO"}}}, nil
	case "table_privileges", "column_privileges", "schema_privileges", "user_privileges":
		t := textTable{columns: []string{"GRANTEE", "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "PRIVILEGE_TYPE", "IS_GRANTABLE"}}
		drop := map[string][]string{"table_privileges": {"COLUMN_NAME"}, "schema_privileges": {"TABLE_NAME", "COLUMN_NAME"}, "user_privileges": {"TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME"}}[name]
		t.columns = slices.DeleteFunc(t.columns, func(c string) bool { return slices.Contains(drop, c) })
		return t, nil
	case "keywords":
		return keywordsTable(), nil
	case "triggers":
		return textTable{columns: []string{"TRIGGER_CATALOG", "TRIGGER_SCHEMA", "TRIGGER_NAME", "EVENT_MANIPULATION", "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", "ACTION_STATEMENT", "ACTION_TIMING"}}, nil
	case "events":
		return textTable{columns: []string{"EVENT_CATALOG", "EVENT_SCHEMA", "EVENT_NAME", "EVENT_DEFINITION", "STATUS"}}, nil
	case "partitions":
		return textTable{columns: []string{"TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "PARTITION_NAME", "PARTITION_ORDINAL_POSITION#", "PARTITION_METHOD", "PARTITION_EXPRESSION", "PARTITION_DESCRIPTION", "TABLE_ROWS#"}}, nil
	case "check_constraints":
		return textTable{columns: []string{"CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "CHECK_CLAUSE"}}, nil
	case "collations":
		return textTable{columns: []string{"COLLATION_NAME", "CHARACTER_SET_NAME", "ID#", "IS_DEFAULT", "IS_COMPILED", "SORTLEN#"}, rows: [][]string{{"utf8mb4_general_ci", "utf8mb4", "45", "Yes", "Yes", "1"}}}, nil
	case "character_sets":
		return textTable{columns: []string{"CHARACTER_SET_NAME", "DEFAULT_COLLATE_NAME", "DESCRIPTION", "MAXLEN#"}, rows: [][]string{{"utf8mb4", "utf8mb4_general_ci", "UTF-8 Unicode", "4"}}}, nil
	}
	return textTable{}, errs.Kinded(errs.ErrNotFound, "table information_schema.%s does not exist; there are %s", name, strings.Join(informationTables(), ", "))
}

// keywordsTable lists the words that must be quoted to be names.
func keywordsTable() textTable {
	t := textTable{columns: []string{"WORD", "RESERVED#"}}
	for _, w := range []string{"ALL", "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "CREATE", "CROSS", "CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_USER", "DELETE", "DESC", "DESCRIBE", "DISTINCT", "DROP", "ELSE",
		"EXCEPT", "EXISTS", "EXPLAIN", "FALSE", "FOR", "FROM", "FULL", "GROUP", "HAVING", "IN", "INNER", "INSERT", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN", "LATERAL", "LEFT", "LIKE", "LIMIT", "NATURAL", "NOT", "NULL",
		"ON", "OR", "ORDER", "OUTER", "OVER", "PARTITION", "PRIMARY", "QUALIFY", "RIGHT", "SELECT", "SET", "SHOW", "TABLE", "THEN", "TO", "TRUE", "UNION", "UPDATE", "USE", "USING", "VALUES", "WHEN", "WHERE", "WITH"} {
		t.rows = append(t.rows, []string{w, "1"})
	}
	return t
}

// eachTable visits all tables of the warehouse. A table that cannot be read is
// left out: one bad file must not hide the others from a browser.
func (s *Session) eachTable(ctx context.Context, visit func(catalog.Identifier)) error {
	cat := s.e.o.Warehouse.Catalog()
	dbs, err := cat.Databases(ctx)
	if err != nil {
		return err
	}
	for _, db := range dbs {
		names, err := s.tablesOf(ctx, db)
		if err != nil {
			return err
		}
		for _, n := range names {
			visit(catalog.Identifier{Database: db, Table: n})
		}
	}
	return nil
}

func (s *Session) tablesTable(ctx context.Context) (textTable, error) {
	t := textTable{columns: []string{"TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_TYPE", "ENGINE", "VERSION#", "ROW_FORMAT", "TABLE_ROWS#", "AVG_ROW_LENGTH#", "DATA_LENGTH#", "MAX_DATA_LENGTH#",
		"INDEX_LENGTH#", "DATA_FREE#", "AUTO_INCREMENT#", "CREATE_TIME", "UPDATE_TIME", "CHECK_TIME", "TABLE_COLLATION", "CHECKSUM#", "CREATE_OPTIONS", "TABLE_COMMENT"}}
	cat := s.e.o.Warehouse.Catalog()
	err := s.eachTable(ctx, func(id catalog.Identifier) {
		sch, err := cat.Schema(ctx, id)
		if err != nil {
			return
		}
		t.rows = append(t.rows, []string{"def", id.Database, id.Table, "BASE TABLE", "paimon", "10", null, null, null, null, null, null, null, null, null, null, null, "utf8mb4_general_ci", null, "", sch.Comment})
	})
	for _, name := range informationTables() {
		t.rows = append(t.rows, []string{"def", informationSchemaName, name, "SYSTEM VIEW", "", "10", null, null, null, null, null, null, null, null, null, null, null, "utf8mb4_general_ci", null, "", ""})
	}
	return t, err
}

func (s *Session) columnsTable(ctx context.Context) (textTable, error) {
	t := textTable{columns: []string{"TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "ORDINAL_POSITION#", "COLUMN_DEFAULT", "IS_NULLABLE", "DATA_TYPE", "CHARACTER_MAXIMUM_LENGTH#", "CHARACTER_OCTET_LENGTH#",
		"NUMERIC_PRECISION#", "NUMERIC_SCALE#", "DATETIME_PRECISION#", "CHARACTER_SET_NAME", "COLLATION_NAME", "COLUMN_TYPE", "COLUMN_KEY", "EXTRA", "PRIVILEGES", "COLUMN_COMMENT", "GENERATION_EXPRESSION"}}
	cat := s.e.o.Warehouse.Catalog()
	err := s.eachTable(ctx, func(id catalog.Identifier) {
		sch, err := cat.Schema(ctx, id)
		if err != nil {
			return
		}
		for i, f := range sch.Fields {
			key := ""
			if slices.Contains(sch.PrimaryKeys, f.Name) {
				key = "PRI"
			}
			t.rows = append(t.rows, columnRow(id, i, f, key))
		}
	})
	return t, err
}

func columnRow(id catalog.Identifier, i int, f types.Field, key string) []string {
	nullable, def := "YES", null
	if !f.Type.Nullable {
		nullable = "NO"
	}
	if f.Default != nil {
		def = *f.Default
	}
	full := mysqlType(f.Type)
	data, _, _ := strings.Cut(full, "(")
	length, precision, scale, fraction, charset, collation := null, null, null, null, null, null
	switch f.Type.Root {
	case types.Char, types.Varchar:
		length, charset, collation = fmt.Sprint(min(f.Type.Precision, 65533)), "utf8mb4", "utf8mb4_general_ci"
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Boolean:
		precision, scale = map[types.Root]string{types.Boolean: "1", types.TinyInt: "3", types.SmallInt: "5", types.Int: "10", types.BigInt: "19"}[f.Type.Root], "0"
	case types.Decimal:
		precision, scale = fmt.Sprint(f.Type.Precision), fmt.Sprint(f.Type.Scale)
	case types.Timestamp, types.TimestampLTZ:
		fraction = fmt.Sprint(min(f.Type.Precision, 6))
	}
	return []string{"def", id.Database, id.Table, f.Name, fmt.Sprint(i + 1), def, nullable, data, length, length, precision, scale, fraction, charset, collation, full, key, "", "select", f.Description, ""}
}

// keyTable makes a row per primary key column (or per key).
func (s *Session) keyTable(ctx context.Context, columns []string, row func(id catalog.Identifier, i int, column string) []string) (textTable, error) {
	t := textTable{columns: columns}
	cat := s.e.o.Warehouse.Catalog()
	err := s.eachTable(ctx, func(id catalog.Identifier) {
		sch, err := cat.Schema(ctx, id)
		if err != nil {
			return
		}
		for i, c := range sch.PrimaryKeys {
			if r := row(id, i, c); r != nil {
				t.rows = append(t.rows, r)
			}
		}
	})
	return t, err
}
