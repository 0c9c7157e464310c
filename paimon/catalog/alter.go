package catalog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// alteration is the schema that a list of changes makes, step by step.
// Keys, options and the rules they set are those of the old schema until all
// steps are done, so the order of changes of columns and of options does not
// matter. Source: SchemaManager.generateTableSchema.
type alteration struct {
	old     *spec.TableSchema
	next    *spec.TableSchema
	hasData func() (bool, error)
	given   map[string]string // options that were set
	renamed []rename          // columns of the table, in order
}

type rename struct{ from, to string }

// altered gives the next schema. hasData is asked when a change is only
// allowed on an empty table.
func altered(old *spec.TableSchema, changes []SchemaChange, hasData func() (bool, error), nowMillis int64) (*spec.TableSchema, error) {
	a := &alteration{old: old, next: old.Clone(), hasData: hasData, given: map[string]string{}}
	a.next.ID, a.next.TimeMillis = old.ID+1, nowMillis
	for i, c := range changes {
		if err := c.apply(a); err != nil {
			return nil, &ChangeError{Index: i, Err: err}
		}
	}
	if err := options.CheckKnown(a.given); err != nil {
		return nil, err
	}
	a.followRenames()
	if err := takeKeyOptions(a.next); err != nil {
		return nil, err
	}
	return a.next, Check(a.next)
}

// flag gives a BOOLEAN option of the old schema.
func (a *alteration) flag(key string, def bool) bool {
	v, err := strconv.ParseBool(strings.ToLower(a.old.Options[key]))
	if err != nil {
		return def
	}
	return v
}

func (c SetOption) apply(a *alteration) error {
	if strings.EqualFold(c.Key, "path") {
		return errs.Invalid("option 'path' cannot change: the table lies in the folder of its database")
	}
	if err := a.checkOption(c.Key, &c.Value); err != nil {
		return err
	}
	a.next.Options[c.Key] = c.Value
	a.given[c.Key] = c.Value
	return nil
}

func (c RemoveOption) apply(a *alteration) error {
	if err := a.checkOption(c.Key, nil); err != nil {
		return err
	}
	delete(a.next.Options, c.Key)
	delete(a.given, c.Key)
	return nil
}

func (c UpdateComment) apply(a *alteration) error {
	a.next.Comment = c.Comment
	return nil
}

func (c AddColumn) apply(a *alteration) error {
	if !c.Type.Nullable {
		return errs.Invalid("column %s cannot be NOT NULL: the rows that are there have no value for it", pathName(c.Path))
	}
	next := a.next.HighestFieldID + 1
	f := types.Field{ID: next, Description: c.Comment}
	next++
	f.Type = assignIDs(c.Type, &next)
	err := a.inFields(c.Path, func(fields []types.Field, at int) ([]types.Field, error) {
		f.Name = c.Path[len(c.Path)-1]
		if at >= 0 {
			return nil, errs.Kinded(errs.ErrExists, "column %s exists", pathName(c.Path))
		}
		if c.Move == nil && len(c.Path) == 1 && a.flag("add-column-before-partition", false) {
			for i := range fields {
				if slices.Contains(a.old.PartitionKeys, fields[i].Name) {
					return slices.Insert(fields, i, f), nil
				}
			}
		}
		i, err := c.Move.index(fields)
		if err != nil {
			return nil, err
		}
		return slices.Insert(fields, i, f), nil
	})
	if err == nil {
		a.next.HighestFieldID = next - 1
	}
	return err
}

// index is where a new column goes.
func (m *Move) index(fields []types.Field) (int, error) {
	switch {
	case m == nil || m.Place == Last:
		return len(fields), nil
	case m.Place == First:
		return 0, nil
	}
	i := indexOf(fields, m.Reference)
	if i < 0 {
		return 0, notFound("column %s does not exist", m.Reference)
	}
	if m.Place == After {
		i++
	}
	return i, nil
}

func (c RenameColumn) apply(a *alteration) error {
	if len(c.Path) == 1 && slices.Contains(a.old.PartitionKeys, c.Path[0]) {
		return errs.Invalid("partition column %s cannot be renamed: the folders of the partitions carry its name", c.Path[0])
	}
	err := a.inFields(c.Path, func(fields []types.Field, at int) ([]types.Field, error) {
		switch {
		case at < 0:
			return nil, noColumn(c.Path)
		case indexOf(fields, c.NewName) >= 0:
			return nil, errs.Kinded(errs.ErrExists, "column %s exists", pathName(append(slices.Clone(c.Path[:len(c.Path)-1]), c.NewName)))
		case fields[at].Type.Root == types.Blob && len(c.Path) == 1:
			return nil, errs.Invalid("BLOB column %s cannot be renamed", c.Path[0])
		}
		fields[at].Name = c.NewName
		return fields, nil
	})
	if err == nil && len(c.Path) == 1 {
		a.renamed = append(a.renamed, rename{c.Path[0], c.NewName})
	}
	return err
}

func (c DropColumn) apply(a *alteration) error {
	if len(c.Path) == 1 {
		if k := c.Path[0]; slices.Contains(a.old.PartitionKeys, k) || slices.Contains(a.old.PrimaryKeys, k) {
			return errs.Invalid("column %s cannot be dropped: it is in the partition key or the primary key", k)
		}
	}
	return a.inFields(c.Path, func(fields []types.Field, at int) ([]types.Field, error) {
		if at < 0 {
			return nil, noColumn(c.Path)
		}
		if len(fields) == 1 {
			return nil, errs.Invalid("column %s cannot be dropped: it is the last one", pathName(c.Path))
		}
		return slices.Delete(fields, at, at+1), nil
	})
}

func (c UpdateColumnType) apply(a *alteration) error {
	if err := a.keepsKeys(c.Path, "change the type of"); err != nil {
		return err
	}
	return a.inType(c.Path, func(from types.Type) (types.Type, error) {
		to := c.Type
		if c.KeepNullability {
			to.Nullable = from.Nullable
		} else if err := a.checkNullability(c.Path, from.Nullable, to.Nullable); err != nil {
			return to, err
		}
		explicit := !a.flag("disable-explicit-type-casting", false)
		if !types.CanCast(from, to, explicit) {
			hint := ""
			if !explicit && types.CanCast(from, to, true) {
				hint = "; it may lose something, which the option 'disable-explicit-type-casting' forbids"
			}
			return to, errs.Invalid("column %s cannot change from %s to %s%s", pathName(c.Path), from, to, hint)
		}
		if from.EqualIgnoringNull(to) { // nested fields keep their ids
			from.Nullable = to.Nullable
			return from, nil
		}
		return to, nil
	})
}

func (c UpdateColumnNullability) apply(a *alteration) error {
	if c.Nullable && len(c.Path) == 1 && slices.Contains(a.old.PrimaryKeys, c.Path[0]) {
		return errs.Invalid("primary key column %s cannot be nullable", c.Path[0])
	}
	return a.inType(c.Path, func(t types.Type) (types.Type, error) {
		err := a.checkNullability(c.Path, t.Nullable, c.Nullable)
		t.Nullable = c.Nullable
		return t, err
	})
}

func (c UpdateColumnComment) apply(a *alteration) error {
	return a.inField(c.Path, func(f *types.Field) error {
		f.Description = c.Comment
		return nil
	})
}

func (c UpdateColumnDefaultValue) apply(a *alteration) error {
	return a.inField(c.Path, func(f *types.Field) error {
		f.Default = c.Default
		return checkDefault(*f)
	})
}

func (c UpdateColumnPosition) apply(a *alteration) error {
	fields, m := a.next.Fields, c.Move
	from := indexOf(fields, m.Column)
	if from < 0 {
		return noColumn([]string{m.Column})
	}
	if (m.Place == After || m.Place == Before) && m.Reference == m.Column {
		return errs.Invalid("column %s cannot be moved next to itself", m.Column)
	}
	f := fields[from]
	rest := slices.Delete(fields, from, from+1)
	to, err := m.index(rest)
	if err != nil {
		return err
	}
	if to == from && (m.Place == First || m.Place == Last) {
		return errs.Invalid("column %s is there already", m.Column)
	}
	a.next.Fields = slices.Insert(rest, to, f)
	return nil
}

func (DropPrimaryKey) apply(a *alteration) error {
	has, err := a.hasData()
	if err != nil {
		return err
	}
	if has {
		return errs.Invalid("the primary key cannot be dropped once the table has data")
	}
	a.next.PrimaryKeys = nil
	return nil
}

// keepsKeys refuses to touch the type of key columns.
func (a *alteration) keepsKeys(path []string, what string) error {
	if len(path) > 1 {
		return nil
	}
	if slices.Contains(a.old.PartitionKeys, path[0]) {
		return errs.Invalid("cannot %s partition column %s", what, path[0])
	}
	if slices.Contains(a.old.PrimaryKeys, path[0]) {
		return errs.Invalid("cannot %s primary key column %s", what, path[0])
	}
	return nil
}

func (a *alteration) checkNullability(path []string, from, to bool) error {
	if from && !to && a.flag("alter-column-null-to-not-null.disabled", true) {
		return errs.Invalid("column %s cannot become NOT NULL: rows may hold NULL; set the option 'alter-column-null-to-not-null.disabled' = 'false' to allow it", pathName(path))
	}
	return nil
}

func noColumn(path []string) error { return notFound("column %s does not exist", pathName(path)) }
