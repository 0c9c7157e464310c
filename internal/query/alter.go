package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// alterTable runs ALTER TABLE. What changes the schema in one statement is one
// new schema, or none of it happens.
func (s *Session) alterTable(ctx context.Context, st *ast.AlterTable) (*Result, error) {
	id, err := s.identify(st.Name)
	if err != nil {
		return nil, err
	}
	cat := s.e.o.Warehouse.Catalog()
	schema, err := cat.Schema(ctx, id)
	if st.IfExists && errors.Is(err, errs.ErrNotFound) {
		return done("table %s does not exist", id), nil
	}
	if err != nil {
		return nil, err
	}
	altered, a := id, &alteration{schema: schema, dialect: s.o.Dialect}
	for _, action := range st.Actions {
		switch action := action.(type) {
		case *ast.RenameTable:
			var to catalog.Identifier
			if to, err = s.identify(action.To); err == nil {
				err = a.flush(ctx, cat, id)
			}
			if err == nil {
				err, id = cat.RenameTable(ctx, id, to), to
			}
		case *ast.AlterPartition:
			if err = a.flush(ctx, cat, id); err == nil {
				err = s.alterPartitions(ctx, st.Name, action)
			}
		default:
			if err = a.add(action); err != nil {
				err = fmt.Errorf("alter table %s: %w", id, err)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	err = a.flush(ctx, cat, id)
	return reply(err, "table %s altered", altered)
}

// alteration collects the schema changes of a statement, and where each was
// written.
type alteration struct {
	schema  *spec.TableSchema // before the statement
	dialect dialect.Dialect
	changes []catalog.SchemaChange
	places  []ast.Pos
}

func (a *alteration) flush(ctx context.Context, cat catalog.Catalog, id catalog.Identifier) error {
	if len(a.changes) == 0 {
		return nil
	}
	changes, places := a.changes, a.places
	a.changes, a.places = nil, nil
	err := cat.AlterTable(ctx, id, changes)
	var refused *catalog.ChangeError
	if errors.As(err, &refused) {
		return fmt.Errorf("alter table %s: %w", id, placed(places[refused.Index], refused.Err))
	}
	return err
}

func placed(at ast.Pos, err error) error {
	return fmt.Errorf("line %d, column %d: %w", at.Line, at.Column, err)
}

func (a *alteration) append(at ast.Pos, changes ...catalog.SchemaChange) {
	for _, c := range changes {
		a.changes, a.places = append(a.changes, c), append(a.places, at)
	}
}

func (a *alteration) add(action ast.AlterAction) error {
	switch action := action.(type) {
	case *ast.SetOptions:
		return a.setOptions(action)
	case *ast.ResetOptions:
		for _, k := range action.Keys {
			if k == "comment" {
				a.append(action.Pos, catalog.UpdateComment{})
			} else {
				a.append(action.Pos, catalog.RemoveOption{Key: k})
			}
		}
	case *ast.SetComment:
		a.append(action.Pos, catalog.UpdateComment{Comment: action.Comment})
	case *ast.DropKey:
		a.append(action.Pos, catalog.DropPrimaryKey{})
	case *ast.AddColumns:
		return a.addColumns(action)
	case *ast.DropColumns:
		for _, n := range action.Names {
			if !action.IfExists || a.exists(pathOf(n)) {
				a.append(n.Pos, catalog.DropColumn{Path: pathOf(n)})
			}
		}
	case *ast.RenameColumn:
		a.append(action.From.Pos, catalog.RenameColumn{Path: pathOf(action.From), NewName: action.To.Name})
	case *ast.ModifyColumns:
		for _, c := range action.Columns {
			if err := a.modify(c.Name, c); err != nil {
				return err
			}
		}
	case *ast.ChangeColumn:
		if a.dialect == dialect.Spark && action.From.Name != action.Column.Name.Name {
			return errs.Unsupported("line %d, column %d: CHANGE COLUMN with another name; write RENAME COLUMN %s TO %s", action.Line, action.Pos.Column, action.From.Name, action.Column.Name.Name)
		}
		return a.modify(action.From, action.Column)
	case *ast.AlterColumn:
		return a.alterColumn(action)
	default:
		return errs.Unsupported("ALTER TABLE: %T", action)
	}
	return nil
}

func (a *alteration) setOptions(set *ast.SetOptions) error {
	given := properties(set.Options)
	delete(given, "comment") // the table's, as in Flink and Spark
	if err := checkOptions(given); err != nil {
		return err
	}
	for _, o := range set.Options {
		if o.Key == "comment" {
			a.append(o.Pos, catalog.UpdateComment{Comment: o.Value})
		} else {
			a.append(o.Pos, catalog.SetOption{Key: o.Key, Value: o.Value})
		}
	}
	return nil
}

func pathOf(n ast.Name) []string { return identNames(n.Parts) }

// exists looks for a column in the schema before the statement.
func (a *alteration) exists(path []string) bool {
	t := types.RowOf(a.schema.Fields...)
	for _, part := range path {
		switch at := slices.IndexFunc(t.Fields, func(f types.Field) bool { return f.Name == part }); {
		case at >= 0:
			t = t.Fields[at].Type
		case t.Root == types.Array && part == "element", t.Root == types.Map && part == "value":
			t = *t.Elem
		default:
			return false
		}
	}
	return true
}

func moveOf(column, place string, after ast.Ident) *catalog.Move {
	switch place {
	case "FIRST":
		return &catalog.Move{Column: column, Place: catalog.First}
	case "AFTER":
		return &catalog.Move{Column: column, Place: catalog.After, Reference: after.Name}
	}
	return nil
}

func (a *alteration) addColumns(add *ast.AddColumns) error {
	fields, key, err := fieldsOf(add.Columns)
	if err != nil {
		return err
	}
	for i, c := range add.Columns {
		switch {
		case len(key) > 0:
			return errs.Unsupported("line %d, column %d: PRIMARY KEY of an added column; a table's keys cannot change", c.Line, c.Column)
		case c.Default != nil:
			return errs.Unsupported("line %d, column %d: DEFAULT of an added column %s: the rows that are there would have NULL; add the column, then write ALTER COLUMN %s SET DEFAULT …", c.Line, c.Column, c.Name.Name, c.Name.Name)
		}
		path := append(identNames(c.In), c.Name.Name)
		a.append(c.Pos, catalog.AddColumn{Path: path, Type: fields[i].Type, Comment: c.Comment, Move: moveOf(c.Name.Name, c.Place, c.After)})
	}
	return nil
}

// modify gives a column a new definition, as a whole: a comment that is not
// written again is removed. NOT NULL of key columns stays.
func (a *alteration) modify(from ast.Ident, c ast.ColumnDef) error {
	if c.PrimaryKey {
		return errs.Unsupported("line %d, column %d: PRIMARY KEY of column %s; a table's keys cannot change", c.Line, c.Column, c.Name.Name)
	}
	fields, _, err := fieldsOf([]ast.ColumnDef{c})
	if err != nil {
		return err
	}
	old, ok := a.schema.Field(from.Name)
	if !ok {
		return placed(from.Pos, errs.Kinded(errs.ErrNotFound, "column %s does not exist", from.Name))
	}
	name, now := from.Name, fields[0]
	if slices.Contains(a.schema.PrimaryKeys, name) {
		now.Type.Nullable = old.Type.Nullable
	}
	path := []string{name}
	changes, err := catalog.TypeChanges(path, old.Type, now.Type)
	if err != nil {
		return placed(c.Pos, err)
	}
	if now.Description != old.Description {
		changes = append(changes, catalog.UpdateColumnComment{Path: path, Comment: now.Description})
	}
	if now.Default != nil || a.dialect == dialect.MySQL && old.Default != nil {
		changes = append(changes, catalog.UpdateColumnDefaultValue{Path: path, Default: now.Default})
	}
	if m := moveOf(name, c.Place, c.After); m != nil {
		changes = append(changes, catalog.UpdateColumnPosition{Move: *m})
	}
	if c.Name.Name != name {
		changes = append(changes, catalog.RenameColumn{Path: path, NewName: c.Name.Name})
	}
	a.append(c.Pos, changes...)
	return nil
}

// alterColumn changes what is named and leaves the rest.
func (a *alteration) alterColumn(c *ast.AlterColumn) error {
	path, at := pathOf(c.Name), c.Name.Pos
	if c.Type != nil {
		t, err := types.Parse(c.Type.SQL())
		if err != nil {
			return placed(at, errs.Invalid("column %s: %v", c.Name, err))
		}
		a.append(at, catalog.UpdateColumnType{Path: path, Type: t, KeepNullability: true})
	}
	if c.Null != "" {
		a.append(at, catalog.UpdateColumnNullability{Path: path, Nullable: c.Null == "DROP NOT NULL"})
	}
	if c.Comment != nil {
		a.append(at, catalog.UpdateColumnComment{Path: path, Comment: *c.Comment})
	}
	if c.Default != nil {
		text, err := defaultText(c.Default)
		if err != nil {
			return placed(c.Default.Position(), err)
		}
		a.append(at, catalog.UpdateColumnDefaultValue{Path: path, Default: text})
	}
	if c.DropDefault {
		a.append(at, catalog.UpdateColumnDefaultValue{Path: path})
	}
	if c.Place != "" {
		if len(path) > 1 {
			return errs.Unsupported("line %d, column %d: moving %s: only columns of the table can be moved", at.Line, at.Column, c.Name)
		}
		a.append(at, catalog.UpdateColumnPosition{Move: *moveOf(path[0], c.Place, c.After)})
	}
	return nil
}

// defaultText gives a default value as Paimon keeps it: the text of the
// literal; nil for NULL. Values of ARRAY, MAP and ROW are written with their
// constructors.
func defaultText(e ast.Expr) (*string, error) {
	text, null, err := defaultValue(e, false)
	if err != nil || null {
		return nil, err
	}
	return &text, nil
}

func defaultValue(e ast.Expr, nested bool) (text string, null bool, err error) {
	list := func(name string, elems []ast.Expr) (string, bool, error) {
		parts := make([]string, len(elems))
		for i, x := range elems {
			t, null, err := defaultValue(x, true)
			if err != nil {
				return "", false, err
			}
			if parts[i] = t; null {
				parts[i] = "null"
			}
		}
		return name + "(" + strings.Join(parts, ", ") + ")", false, nil
	}
	switch e := e.(type) {
	case *ast.Literal:
		if nested && (strings.ContainsAny(e.Text, `,"\()[]{}`) || e.Kind == ast.StringLit && (e.Text == "null" || strings.TrimSpace(e.Text) != e.Text)) {
			return "", false, errs.Unsupported("DEFAULT: the text '%s' inside of an ARRAY, MAP or STRUCT", e.Text)
		}
		if len(e.Text) > 1 && strings.HasPrefix(e.Text, "'") && strings.HasSuffix(e.Text, "'") {
			return "'" + e.Text + "'", false, nil // the outer quotes are no part of it
		}
		return e.Text, e.Kind == ast.NullLit, nil
	case *ast.Unary:
		if lit, ok := e.X.(*ast.Literal); ok && e.Op == "-" {
			return "-" + lit.Text, false, nil
		}
	case *ast.Array:
		return list("ARRAY", e.Elems)
	case *ast.Map:
		return list("MAP", e.Elems)
	case *ast.Row:
		return list("STRUCT", e.Elems)
	case *ast.Call:
		switch name := strings.ToUpper(e.Name.String()); name {
		case "ARRAY", "MAP":
			return list(name, e.Args)
		case "STRUCT", "ROW":
			return list("STRUCT", e.Args)
		}
	}
	return "", false, errs.Unsupported("DEFAULT: only literals, and ARRAY, MAP and STRUCT of them")
}

// unquotedDefault gives the text of a column's default value.
func unquotedDefault(f types.Field) string {
	v := *f.Default
	if len(v) > 1 && strings.HasPrefix(v, "'") && strings.HasSuffix(v, "'") {
		v = v[1 : len(v)-1]
	}
	return v
}

// callAlterDefault sets what writers put where a row has no value in a column.
// Mirrors AlterColumnDefaultValueProcedure.
func callAlterDefault(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	column, err := args.need("column")
	if err != nil {
		return nil, err
	}
	change := catalog.UpdateColumnDefaultValue{Path: strings.Split(column, ".")}
	if v, ok := args.values["default_value"]; ok {
		change.Default = &v
	}
	if err := s.e.o.Warehouse.Catalog().AlterTable(ctx, t.ID(), []catalog.SchemaChange{change}); err != nil {
		return nil, err
	}
	return success(), nil
}
