package catalog

import (
	"strings"

	"github.com/tarndb/tarn/paimon/types"
)

// SchemaChange is one step of AlterTable. The kinds are those of Paimon's
// org.apache.paimon.schema.SchemaChange, and no others can be made.
//
// A Path names a column, or a part of it: {"a", "b"} is field b of the ROW a.
// Elements of an ARRAY are called "element", values of a MAP "value", as Flink
// and Spark call them: {"m", "value", "x"} is field x of the rows in map m.
type SchemaChange interface {
	apply(a *alteration) error
}

// SetOption sets a table option.
type SetOption struct{ Key, Value string }

// RemoveOption takes a table option away, so that its default holds.
type RemoveOption struct{ Key string }

// UpdateComment sets the table's comment; "" removes it.
type UpdateComment struct{ Comment string }

// AddColumn adds a nullable column, or a field of a ROW. Rows that are there
// have NULL in it, whatever the default says.
type AddColumn struct {
	Path    []string
	Type    types.Type
	Comment string
	Move    *Move // nil: the last place; its Column is not looked at
}

// RenameColumn gives a column another name. Options that name it follow.
type RenameColumn struct {
	Path    []string
	NewName string
}

// DropColumn removes a column. Its field id is never given again.
type DropColumn struct{ Path []string }

// UpdateColumnType changes a type: which changes there are says
// types.CanCast.
type UpdateColumnType struct {
	Path []string
	Type types.Type
	// KeepNullability takes NULL or NOT NULL from the old type.
	KeepNullability bool
}

// UpdateColumnNullability sets or drops NOT NULL. Rows are not looked at.
type UpdateColumnNullability struct {
	Path     []string
	Nullable bool
}

// UpdateColumnComment sets a column's comment; "" removes it.
type UpdateColumnComment struct {
	Path    []string
	Comment string
}

// UpdateColumnDefaultValue sets what writers put where a row has no value; nil
// removes it.
type UpdateColumnDefaultValue struct {
	Path    []string
	Default *string
}

// UpdateColumnPosition moves a column of the table.
type UpdateColumnPosition struct{ Move Move }

// DropPrimaryKey makes a table without data one without a primary key.
type DropPrimaryKey struct{}

// Place says where a column goes.
type Place int

// The places of a Move.
const (
	First  Place = iota
	After        // behind Move.Reference
	Before       // in front of Move.Reference
	Last
)

// Move puts Column to a place.
type Move struct {
	Column    string
	Place     Place
	Reference string // a column at the same level, for After and Before
}

func pathName(path []string) string { return strings.Join(path, ".") }

// ChangeError says which of the changes of AlterTable was refused, and why.
type ChangeError struct {
	Index int // of the change, from 0
	Err   error
}

func (e *ChangeError) Error() string { return e.Err.Error() }
func (e *ChangeError) Unwrap() error { return e.Err }
