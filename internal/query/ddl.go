package query

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// ddl runs statements that change the catalogue or the session.
func (s *Session) ddl(ctx context.Context, st ast.Statement) (*Result, error) {
	cat := s.e.o.Warehouse.Catalog()
	switch st := st.(type) {
	case *ast.CreateCatalog:
		return s.createCatalog(st)
	case *ast.UseCatalog:
		if !slices.Contains(s.catalogs, st.Name.Name) {
			return nil, errs.Kinded(errs.ErrNotFound, "catalog %s does not exist; there are %s", st.Name.Name, strings.Join(s.catalogs, ", "))
		}
		s.catalog = st.Name.Name
		return done("using catalog %s", s.catalog), nil
	case *ast.Use:
		return s.use(ctx, st)
	case *ast.CreateDatabase:
		name, err := s.databaseName(st.Name)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, informationSchemaName) {
			return nil, errs.Kinded(errs.ErrExists, "database %s is made by Tarn itself", name)
		}
		err = cat.CreateDatabase(ctx, name)
		if st.IfNotExists && errors.Is(err, errs.ErrExists) {
			return done("database %s exists", name), nil
		}
		return reply(err, "database %s created", name)
	case *ast.CreateTable:
		return s.createTable(ctx, st)
	case *ast.CreateFunction:
		return s.createFunction(st)
	case *ast.CreateView:
		return s.createView(ctx, st)
	case *ast.Drop:
		return s.drop(ctx, st)
	case *ast.AlterTable:
		return s.alterTable(ctx, st)
	case *ast.Truncate:
		return s.truncate(ctx, st)
	}
	return nil, errs.Unsupported("%s", statementName(st))
}

// statementName gives the words that say what a statement is.
func statementName(st ast.Statement) string {
	words := strings.Fields(strings.ToUpper(st.Source()))
	if len(words) > 2 {
		words = words[:2]
	}
	if len(words) > 1 && words[0] == "UPDATE" {
		words = words[:1] // the second one is the table
	}
	return strings.Join(words, " ")
}

func reply(err error, format string, args ...any) (*Result, error) {
	if err != nil {
		return nil, err
	}
	return done(format, args...), nil
}

func properties(list []ast.Property) map[string]string {
	out := make(map[string]string, len(list))
	for _, p := range list {
		out[p.Key] = p.Value
	}
	return out
}

// createCatalog makes a name for this warehouse. A catalog elsewhere is
// accepted only when the user said that this warehouse stands for all.
func (s *Session) createCatalog(st *ast.CreateCatalog) (*Result, error) {
	name := st.Name.Name
	if slices.Contains(s.catalogs, name) && name != DefaultCatalog && !st.IfNotExists {
		return nil, errs.Kinded(errs.ErrExists, "catalog %s exists", name)
	}
	o := properties(st.Options)
	if t := o["type"]; t != "" && t != "paimon" {
		return nil, errs.Unsupported("catalog %s: 'type' = '%s'; Tarn has 'paimon'", name, t)
	}
	if !s.e.o.AnyCatalog {
		if m := o["metastore"]; m != "" && m != "filesystem" {
			return nil, errs.Unsupported("catalog %s: 'metastore' = '%s' is not supported by this version of Tarn; start it with --warehouse DIR to let a directory stand for this catalog", name, m)
		}
		if w := o["warehouse"]; w != "" && !samePath(w, s.e.o.Root) {
			return nil, errs.Invalid("catalog %s: 'warehouse' = '%s', but this process works on %s; start it with --warehouse %s", name, w, s.e.o.Root, w)
		}
	}
	if !slices.Contains(s.catalogs, name) {
		s.catalogs = append(s.catalogs, name)
	}
	return done("catalog %s is the warehouse %s", name, s.e.o.Root), nil
}

func samePath(a, b string) bool {
	if u, err := url.Parse(a); err == nil && u.Scheme == "file" {
		a = u.Path
	}
	x, err1 := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return err1 == nil && err2 == nil && x == y
}

// databaseName takes db or catalog.db.
func (s *Session) databaseName(n ast.Name) (string, error) {
	switch len(n.Parts) {
	case 1:
		return n.Parts[0].Name, nil
	case 2:
		if !slices.Contains(s.catalogs, n.Parts[0].Name) {
			return "", errs.Kinded(errs.ErrNotFound, "catalog %s does not exist; there are %s", n.Parts[0].Name, strings.Join(s.catalogs, ", "))
		}
		return n.Parts[1].Name, nil
	}
	return "", errs.Invalid("database name %s: want at most catalog.database", n)
}

// SetDatabase makes name the current database.
func (s *Session) SetDatabase(ctx context.Context, name string) error {
	if strings.EqualFold(name, informationSchemaName) {
		name = informationSchemaName
	} else if name != defaultDatabase {
		all, err := s.e.o.Warehouse.Catalog().Databases(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(all, name) {
			return errs.Kinded(errs.ErrNotFound, "database %s does not exist", name)
		}
	}
	s.database = name
	return nil
}

func (s *Session) use(ctx context.Context, st *ast.Use) (*Result, error) {
	if len(st.Name.Parts) == 1 && slices.Contains(s.catalogs, st.Name.Parts[0].Name) {
		if err := s.SetDatabase(ctx, st.Name.Parts[0].Name); err != nil { // a catalog of that name
			s.catalog = st.Name.Parts[0].Name
			return done("using catalog %s", s.catalog), nil
		}
	}
	name, err := s.databaseName(st.Name)
	if err == nil {
		err = s.SetDatabase(ctx, name)
	}
	return reply(err, "using database %s", name)
}

// fieldsOf gives the columns of a definition.
func fieldsOf(columns []ast.ColumnDef) (fields []types.Field, key []string, err error) {
	for i, c := range columns {
		if c.Metadata {
			return nil, nil, errs.Unsupported("line %d, column %d: METADATA column %s", c.Line, c.Column, c.Name.Name)
		}
		t, err := types.Parse(c.Type.SQL())
		if err != nil {
			return nil, nil, errs.Invalid("line %d, column %d: column %s: %v", c.Line, c.Column, c.Name.Name, err)
		}
		f := types.Field{ID: i, Name: c.Name.Name, Type: t, Description: c.Comment}
		if c.Default != nil {
			if f.Default, err = defaultText(c.Default); err != nil {
				return nil, nil, placed(c.Default.Position(), fmt.Errorf("column %s: %w", c.Name.Name, err))
			}
		}
		if c.PrimaryKey {
			key = append(key, c.Name.Name)
		}
		fields = append(fields, f)
	}
	return fields, key, nil
}

func identNames(list []ast.Ident) []string {
	var out []string
	for _, i := range list {
		out = append(out, i.Name)
	}
	return out
}

func (s *Session) createTable(ctx context.Context, st *ast.CreateTable) (*Result, error) {
	if st.As != nil {
		return s.createAs(ctx, st)
	}
	fields, key, err := fieldsOf(st.Columns)
	if err != nil {
		return nil, err
	}
	if len(st.PrimaryKey) > 0 {
		key = identNames(st.PrimaryKey)
	}
	switch {
	case st.As != nil:
		return nil, errs.Unsupported("CREATE TABLE … AS SELECT; create the table, then INSERT INTO it")
	case st.Replace:
		return nil, errs.Unsupported("CREATE OR REPLACE TABLE; drop the table first")
	case st.Using != "" && st.Using != "paimon":
		return nil, errs.Unsupported("CREATE TABLE … USING %s; Tarn's tables are USING paimon", st.Using)
	case st.Location != "":
		return nil, errs.Unsupported("CREATE TABLE … LOCATION; a table lies in the folder of its database")
	case st.Distributed != nil:
		return nil, errs.Unsupported("DISTRIBUTED BY; set the option 'bucket' and 'bucket-key'")
	case len(st.Watermarks) > 0 && !st.Temporary:
		return nil, errs.Unsupported("WATERMARK of a stored table")
	}
	opts := properties(st.Options)
	connector := opts["connector"]
	if connector != "" && connector != "paimon" {
		return s.declare(st, fields, key, opts)
	}
	if st.Temporary {
		return nil, errs.Unsupported("CREATE TEMPORARY TABLE with 'connector' = '%s'; leave TEMPORARY out for Paimon tables", connector)
	}
	id, err := s.identify(st.Name)
	if err != nil {
		return nil, err
	}
	if err := checkOptions(opts); err != nil {
		return nil, fmt.Errorf("create table %s: %w", id, err)
	}
	cat := s.e.o.Warehouse.Catalog()
	if id.Database == defaultDatabase { // every session has it, as in Paimon's own catalogs
		if err := cat.CreateDatabase(ctx, id.Database); err != nil && !errors.Is(err, errs.ErrExists) {
			return nil, err
		}
	}
	err = cat.CreateTable(ctx, id, catalog.Definition{Fields: fields, PrimaryKeys: key, PartitionKeys: identNames(st.PartitionBy), Options: opts, Comment: st.Comment})
	if st.IfNotExists && errors.Is(err, errs.ErrExists) {
		return done("table %s exists", id), nil
	}
	return reply(err, "table %s created", id)
}

// ensureDefault makes the database "default" when the first table goes into it,
// as Flink's Paimon catalog does.
func (s *Session) ensureDefault(ctx context.Context, database string) error {
	if database != DefaultDatabase {
		return nil
	}
	err := s.e.o.Warehouse.Catalog().CreateDatabase(ctx, database)
	if errors.Is(err, errs.ErrExists) {
		return nil
	}
	return err
}

// declare registers a table of another system for this session.
func (s *Session) declare(st *ast.CreateTable, fields []types.Field, key []string, opts map[string]string) (*Result, error) {
	if !st.Temporary {
		return nil, errs.Unsupported("table %s: a table with 'connector' = '%s' is not kept in the warehouse: write CREATE TEMPORARY TABLE", st.Name, opts["connector"])
	}
	if !s.o.External {
		return nil, errs.Unsupported("table %s: 'connector' = '%s' reaches outside the warehouse; declare it in a script that tarn run or tarn serve runs", st.Name, opts["connector"])
	}
	name := s.declaredName(st.Name)
	if _, taken := s.temporary[name]; taken {
		if st.IfNotExists {
			return done("table %s exists", name), nil
		}
		return nil, errs.Kinded(errs.ErrExists, "temporary table %s exists", name)
	}
	for i := range fields {
		if slices.Contains(key, fields[i].Name) {
			fields[i].Type = fields[i].Type.NotNull()
		}
	}
	d := &Declaration{Name: name, Fields: fields, PrimaryKey: key, Options: opts, Dir: s.o.Dir}
	if _, err := s.e.source(d); err != nil { // options are checked now, the server when it is used
		return nil, err
	}
	s.temporary[name] = d
	return done("temporary table %s declared", name), nil
}

func (s *Session) declaredName(n ast.Name) string {
	last := n.Parts[len(n.Parts)-1].Name
	if len(n.Parts) > 1 {
		return n.Parts[len(n.Parts)-2].Name + "." + last
	}
	return s.database + "." + last
}

func (s *Session) drop(ctx context.Context, st *ast.Drop) (*Result, error) {
	cat := s.e.o.Warehouse.Catalog()
	var err error
	switch st.Kind {
	case "DATABASE":
		name, nerr := s.databaseName(st.Name)
		if err = nerr; err == nil {
			err = cat.DropDatabase(ctx, name, st.Cascade)
		}
	case "VIEW":
		name := s.viewName(st.Name)
		if _, ok := s.views[name]; !ok {
			err = errs.Kinded(errs.ErrNotFound, "view %s does not exist", name)
		}
		delete(s.views, name)
	case "TABLE":
		if name := s.declaredName(st.Name); s.temporary[name] != nil {
			delete(s.temporary, name)
			return done("temporary table %s dropped", name), nil
		}
		id, ierr := s.identify(st.Name)
		if err = ierr; err == nil {
			err = cat.DropTable(ctx, id)
		}
	case "FUNCTION":
		err = s.dropFunction(st)
	case "CATALOG":
		at := slices.Index(s.catalogs, st.Name.Parts[0].Name)
		if at < 0 {
			err = errs.Kinded(errs.ErrNotFound, "catalog %s does not exist", st.Name)
		} else {
			s.catalogs = slices.Delete(s.catalogs, at, at+1)
		}
	default:
		return nil, errs.Unsupported("DROP %s", st.Kind)
	}
	if st.IfExists && errors.Is(err, errs.ErrNotFound) {
		return done("%s %s does not exist", strings.ToLower(st.Kind), st.Name), nil
	}
	return reply(err, "%s %s dropped", strings.ToLower(st.Kind), st.Name)
}
