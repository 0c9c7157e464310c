package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// show runs SHOW.
func (s *Session) show(ctx context.Context, st *ast.Show) (*Result, error) {
	switch st.What {
	case "CATALOGS":
		return s.list("catalog name", s.catalogs, st), nil
	case "CURRENT CATALOG":
		return table([]string{"current catalog name"}, [][]string{{s.catalog}}), nil
	case "CURRENT DATABASE":
		return table([]string{"current database name"}, [][]string{{s.database}}), nil
	case "DATABASES", "SCHEMAS":
		all, err := s.databases(ctx)
		if err != nil {
			return nil, err
		}
		return s.list(s.heading("database name", "Database"), all, st), nil
	case "TABLES":
		return s.showTables(ctx, st)
	case "CREATE TABLE":
		t, err := s.open(ctx, st.Name)
		if err != nil {
			return nil, err
		}
		if s.o.Dialect == dialect.MySQL {
			return table([]string{"Table", "Create Table"}, [][]string{{t.ID().Table, createText(t)}}), nil
		}
		return table([]string{"result"}, [][]string{{createText(t)}}), nil
	case "COLUMNS":
		t, err := s.open(ctx, s.within(st.Name, st.From))
		if err != nil {
			return nil, err
		}
		return s.columns(t, st), nil
	case "PARTITIONS":
		return s.showPartitions(ctx, st)
	case "JOBS":
		return s.showJobs(st), nil
	case "VIEWS":
		return s.showViews(st), nil
	case "VARIABLES", "STATUS", "WARNINGS", "ERRORS", "ENGINES", "PLUGINS", "FUNCTIONS", "PROCEDURES", "INDEX", "TABLE STATUS", "PROCESSLIST":
		return table([]string{strings.ToLower(st.What)}, nil), nil
	}
	return nil, errs.Unsupported("SHOW %s", st.What)
}

func (s *Session) heading(flink, mysql string) string {
	if s.o.Dialect == dialect.MySQL {
		return mysql
	}
	return flink
}

func (s *Session) databases(ctx context.Context) ([]string, error) {
	all, err := s.e.o.Warehouse.Catalog().Databases(ctx)
	if s.o.Dialect == dialect.MySQL {
		all = append(all, informationSchemaName)
	}
	sort.Strings(all)
	return all, err
}

// list is a one-column result filtered by LIKE.
func (s *Session) list(heading string, names []string, st *ast.Show) *Result {
	var rows [][]string
	for _, n := range names {
		if like(st, n) {
			rows = append(rows, []string{n})
		}
	}
	return table([]string{heading}, rows)
}

// like applies the LIKE clause of SHOW.
func like(st *ast.Show, name string) bool {
	if st.Like == nil {
		return true
	}
	var b strings.Builder
	b.WriteString("(?s)^")
	if st.ILike {
		b.WriteString("(?i)")
	}
	escaped := false
	for _, r := range *st.Like {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	ok, err := regexp.MatchString(b.String()+"$", name)
	return err == nil && ok != st.NotLike
}

func (s *Session) showTables(ctx context.Context, st *ast.Show) (*Result, error) {
	db := s.database
	if len(st.From.Parts) > 0 {
		name, err := s.databaseName(st.From)
		if err != nil {
			return nil, err
		}
		db = name
	}
	names, err := s.tablesOf(ctx, db)
	if err != nil && !(db == defaultDatabase && errors.Is(err, errs.ErrNotFound)) {
		return nil, err
	}
	if st.Full && s.o.Dialect == dialect.MySQL {
		var rows [][]string
		for _, n := range names {
			if like(st, n) {
				kind := "BASE TABLE"
				if db == informationSchemaName {
					kind = "SYSTEM VIEW"
				}
				rows = append(rows, []string{n, kind})
			}
		}
		return table([]string{"Tables_in_" + db, "Table_type"}, rows), nil
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(s.temporary)), slices.Collect(maps.Keys(s.views))) {
		if rest, ok := strings.CutPrefix(name, db+"."); ok && !slices.Contains(names, rest) {
			names = append(names, rest)
		}
	}
	sort.Strings(names)
	return s.list(s.heading("table name", "Tables_in_"+db), names, st), nil
}

func (s *Session) tablesOf(ctx context.Context, db string) ([]string, error) {
	if db == informationSchemaName {
		return informationTables(), nil
	}
	names, err := s.e.o.Warehouse.Catalog().Tables(ctx, db)
	sort.Strings(names)
	return names, err
}

// open opens a stored table by name.
func (s *Session) open(ctx context.Context, n ast.Name) (*paimon.Table, error) {
	id, err := s.identify(n)
	if err != nil {
		return nil, err
	}
	return s.e.o.Warehouse.Table(ctx, id, nil)
}

// within qualifies a table with the database of FROM t FROM db.
func (s *Session) within(t, db ast.Name) ast.Name {
	if len(t.Parts) == 0 {
		return db
	}
	if len(db.Parts) == 0 || len(t.Parts) > 1 {
		return t
	}
	return ast.Name{Pos: t.Pos, Parts: append(slices.Clone(db.Parts), t.Parts...)}
}

func (s *Session) describe(ctx context.Context, st *ast.Describe) (*Result, error) {
	switch {
	case st.Query != nil:
		columns, err := s.DescribeQuery(ctx, st.Query, nil)
		if err != nil {
			return nil, err
		}
		var rows [][]string
		for _, c := range columns {
			rows = append(rows, []string{c.Name, c.SQL})
		}
		return table([]string{"name", "type"}, rows), nil
	case st.Kind != "" && st.Kind != "TABLE":
		return nil, errs.Unsupported("DESCRIBE %s", st.Kind)
	}
	if v := s.viewOf(st.Name); v != nil {
		return s.describeView(ctx, v)
	}
	if d := s.declared(st.Name); d != nil {
		return describeFields(d.Fields, d.PrimaryKey, nil), nil
	}
	if id, err := s.identify(st.Name); err == nil && id.System != "" && s.o.Dialect != dialect.MySQL {
		t, err := s.e.o.Warehouse.SystemTable(ctx, id, nil)
		if err != nil {
			return nil, err
		}
		return describeFields(t.Fields(), nil, nil), nil
	}
	t, err := s.open(ctx, st.Name)
	if err != nil {
		return nil, err
	}
	if s.o.Dialect == dialect.MySQL {
		return s.columns(t, &ast.Show{}), nil
	}
	return describeFields(t.Fields(), t.Schema().PrimaryKeys, t.Schema().PartitionKeys), nil
}

// describeFields is Flink's DESCRIBE.
func describeFields(fields []types.Field, key, parts []string) *Result {
	var rows [][]string
	for _, f := range fields {
		k := ""
		if slices.Contains(key, f.Name) {
			k = "PRI(" + strings.Join(key, ", ") + ")"
		}
		extra := ""
		if slices.Contains(parts, f.Name) {
			extra = "PARTITION"
		}
		rows = append(rows, []string{f.Name, f.Type.AsNullable().SQL(), strings.ToUpper(fmt.Sprint(f.Type.Nullable)), k, extra, "", f.Description})
	}
	return table([]string{"name", "type", "null", "key", "extras", "watermark", "comment"}, rows)
}

// columns is MySQL's SHOW [FULL] COLUMNS.
func (s *Session) columns(t *paimon.Table, st *ast.Show) *Result {
	var rows [][]string
	for _, f := range t.Fields() {
		if !like(st, f.Name) {
			continue
		}
		nullable, key, collation := "YES", "", null
		if !f.Type.Nullable {
			nullable = "NO"
		}
		if f.Type.Root == types.Char || f.Type.Root == types.Varchar {
			collation = "utf8mb4_general_ci"
		}
		if slices.Contains(t.Schema().PrimaryKeys, f.Name) {
			key = "PRI"
		}
		def := null
		if f.Default != nil {
			def = *f.Default
		}
		row := []string{f.Name, mysqlType(f.Type), nullable, key, def, ""}
		if st.Full {
			row = []string{f.Name, mysqlType(f.Type), collation, nullable, key, def, "", "select", f.Description}
		}
		rows = append(rows, row)
	}
	if st.Full {
		return table([]string{"Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment"}, rows)
	}
	return table([]string{"Field", "Type", "Null", "Key", "Default", "Extra"}, rows)
}

// mysqlType names a type as MySQL clients expect it.
func mysqlType(t types.Type) string {
	switch t.Root {
	case types.Varchar:
		if t.Precision == types.MaxLength {
			return "varchar(65533)"
		}
		return fmt.Sprintf("varchar(%d)", t.Precision)
	case types.Char:
		return fmt.Sprintf("char(%d)", t.Precision)
	case types.Boolean:
		return "tinyint(1)"
	case types.Binary, types.Varbinary, types.Blob:
		return "varbinary"
	case types.Variant:
		return "json"
	case types.Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case types.Int:
		return "int"
	case types.Timestamp, types.TimestampLTZ:
		return fmt.Sprintf("datetime(%d)", min(t.Precision, 6))
	case types.Array, types.Map, types.Row, types.Multiset:
		return strings.ToLower(t.AsNullable().SQL())
	}
	return strings.ToLower(t.AsNullable().SQL())
}

// createText is the CREATE TABLE statement of a table, in Flink's dialect.
func createText(t *paimon.Table) string {
	quote := func(n string) string { return "`" + strings.ReplaceAll(n, "`", "``") + "`" }
	text := func(v string) string { return "'" + strings.ReplaceAll(v, "'", "''") + "'" }
	names := func(list []string) string {
		out := make([]string, len(list))
		for i, n := range list {
			out[i] = quote(n)
		}
		return strings.Join(out, ", ")
	}
	var lines []string
	for _, f := range t.Fields() {
		line := "  " + quote(f.Name) + " " + f.Type.SQL()
		if f.Description != "" {
			line += " COMMENT " + text(f.Description)
		}
		if f.Default != nil {
			line += " DEFAULT " + text(unquotedDefault(f))
		}
		lines = append(lines, line)
	}
	sch := t.Schema()
	if len(sch.PrimaryKeys) > 0 {
		lines = append(lines, "  PRIMARY KEY ("+names(sch.PrimaryKeys)+") NOT ENFORCED")
	}
	out := fmt.Sprintf("CREATE TABLE %s.%s (\n%s\n)", quote(t.ID().Database), quote(t.ID().Table), strings.Join(lines, ",\n"))
	if sch.Comment != "" {
		out += " COMMENT " + text(sch.Comment)
	}
	if len(sch.PartitionKeys) > 0 {
		out += "\nPARTITIONED BY (" + names(sch.PartitionKeys) + ")"
	}
	var opts []string
	for k, v := range sch.Options {
		opts = append(opts, "  "+text(k)+" = "+text(v))
	}
	if sort.Strings(opts); len(opts) > 0 {
		out += "\nWITH (\n" + strings.Join(opts, ",\n") + "\n)"
	}
	return out
}

func (s *Session) showJobs(st *ast.Show) *Result {
	var rows [][]string
	for _, j := range s.e.o.Jobs.List() {
		if !like(st, j.Name) {
			continue
		}
		last := ""
		if !j.LastCommit.IsZero() {
			last = j.LastCommit.UTC().Format("2006-01-02 15:04:05.000")
		}
		rows = append(rows, []string{j.Name, string(j.State), j.Started.UTC().Format(time.DateTime), fmt.Sprint(j.RowsIn), fmt.Sprint(j.RowsOut), fmt.Sprint(j.Commits), last, errorText(j)})
	}
	return table([]string{"job name", "status", "start time", "rows in", "rows out", "commits", "last commit", "error"}, rows)
}

func errorText(j jobs.Status) string {
	if j.Err == nil {
		return ""
	}
	return j.Err.Error()
}

func (s *Session) stopJob(st *ast.StopJob) (*Result, error) {
	j, ok := s.e.o.Jobs.Get(st.ID)
	if !ok {
		return nil, errs.Kinded(errs.ErrNotFound, "job %s does not exist; SHOW JOBS lists them", st.ID)
	}
	j.Stop()
	return done("job %s stopped", st.ID), nil
}
