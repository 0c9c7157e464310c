// Package catalog finds, creates and changes databases and tables.
package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Identifier names a table, or a branch or system table of it.
type Identifier struct {
	Database string
	Table    string
	Branch   string // "" is main
	System   string // "" is the table itself; "snapshots" for T$snapshots
}

// String gives db.table, with $branch_ and system suffixes.
func (id Identifier) String() string {
	s := id.Database + "." + id.Table
	if id.Branch != "" {
		s += "$branch_" + id.Branch
	}
	if id.System != "" {
		s += "$" + id.System
	}
	return s
}

// ParseObject splits the object part of a name: T, T$system, T$branch_b or
// T$branch_b$system.
func ParseObject(database, object string) (Identifier, error) {
	parts := strings.Split(object, "$")
	id := Identifier{Database: database, Table: parts[0]}
	rest := parts[1:]
	if len(rest) > 0 && strings.HasPrefix(rest[0], "branch_") {
		id.Branch = strings.TrimPrefix(rest[0], "branch_")
		rest = rest[1:]
	}
	if len(rest) > 0 {
		id.System, rest = strings.ToLower(rest[0]), rest[1:]
	}
	if id.Table == "" || len(rest) > 0 || strings.HasSuffix(object, "$") {
		return id, errs.Invalid("table name %q: want table, table$system, table$branch_name or table$branch_name$system", object)
	}
	if id.Branch == "main" {
		id.Branch = ""
	}
	return id, nil
}

// Catalog is the waist between the library and where tables are registered.
// Errors match errs.ErrNotFound, errs.ErrExists or errs.ErrInvalid.
type Catalog interface {
	Databases(ctx context.Context) ([]string, error)
	CreateDatabase(ctx context.Context, name string) error
	// DropDatabase removes a database; with tables in it only if cascade.
	DropDatabase(ctx context.Context, name string, cascade bool) error
	Tables(ctx context.Context, database string) ([]string, error)
	// Schema gives the newest schema of a table, or of its branch.
	Schema(ctx context.Context, id Identifier) (*spec.TableSchema, error)
	CreateTable(ctx context.Context, id Identifier, d Definition) error
	DropTable(ctx context.Context, id Identifier) error
	RenameTable(ctx context.Context, from, to Identifier) error
	// AlterTable makes one new schema version of a table, or of its branch, by
	// changes, which are applied in order: all of them or none. Data files stay
	// as they are; writers that are open go on with the schema that they know.
	// Mirrors org.apache.paimon.schema.SchemaManager.commitChanges.
	AlterTable(ctx context.Context, id Identifier, changes []SchemaChange) error
	// AlterOptions is AlterTable that sets and removes options in one new schema version.
	AlterOptions(ctx context.Context, id Identifier, set map[string]string, remove []string) error
	// Path gives the table's directory in the store.
	Path(id Identifier) string
}

// Definition is what a user says of a new table. Field ids are given by
// CreateTable.
type Definition struct {
	Fields        []types.Field
	PartitionKeys []string
	PrimaryKeys   []string
	Options       map[string]string
	Comment       string
}

// checkName refuses names that could not be directories.
func checkName(kind, name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\$\x00") || len(name) > 255 {
		return errs.Invalid("%s name %q: must not be empty nor hold / \\ or $", kind, name)
	}
	return nil
}

func notFound(format string, args ...any) error {
	return errs.Kinded(errs.ErrNotFound, "%s", fmt.Sprintf(format, args...))
}
