package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

const (
	databaseSuffix = ".db"
	maxSchemaBytes = 64 << 20
	alterAttempts  = 10
	// droppedDir takes tables while they are deleted. Its name is no
	// database's, so other engines do not look into it.
	droppedDir = ".tarn/dropped"
)

// Filesystem is Paimon's default catalog: the directory tree is the catalog.
// Databases are directories NAME.db of the warehouse; a directory in one is a
// table if it holds a schema file. Source: FileSystemCatalog.
type Filesystem struct {
	store fileio.Store
	now   func() time.Time
}

var _ Catalog = (*Filesystem)(nil)

// NewFilesystem opens the catalog of a warehouse.
func NewFilesystem(store fileio.Store) *Filesystem {
	return &Filesystem{store: store, now: time.Now}
}

func databasePath(name string) string { return name + databaseSuffix }

// Path implements Catalog; branches and system tables live in the table's
// directory.
func (c *Filesystem) Path(id Identifier) string {
	return fileio.Join(databasePath(id.Database), id.Table)
}

func (c *Filesystem) schemaDir(id Identifier) string {
	if id.Branch != "" {
		return fileio.Join(c.Path(id), "branch", "branch-"+id.Branch, "schema")
	}
	return fileio.Join(c.Path(id), "schema")
}

// Databases implements Catalog.
func (c *Filesystem) Databases(ctx context.Context) ([]string, error) {
	var out []string
	for i, err := range c.store.List(ctx, "") {
		if err != nil {
			return nil, fmt.Errorf("list databases: %w", err)
		}
		if name, ok := strings.CutSuffix(i.Name, databaseSuffix); ok && i.Dir && name != "" {
			out = append(out, name)
		}
	}
	return out, nil
}

func (c *Filesystem) databaseExists(ctx context.Context, name string) (bool, error) {
	all, err := c.Databases(ctx)
	for _, n := range all {
		if n == name {
			return true, nil
		}
	}
	return false, err
}

func (c *Filesystem) needDatabase(ctx context.Context, name string) error {
	ok, err := c.databaseExists(ctx, name)
	if err == nil && !ok {
		err = notFound("database %s does not exist; create it with CREATE DATABASE %s", name, name)
	}
	return err
}

// CreateDatabase implements Catalog. The directory is kept by an empty file,
// since object stores know no directories.
func (c *Filesystem) CreateDatabase(ctx context.Context, name string) error {
	if err := checkName("database", name); err != nil {
		return err
	}
	ok, err := c.databaseExists(ctx, name)
	if err != nil {
		return err
	}
	if ok {
		return errs.Kinded(errs.ErrExists, "database %s exists", name)
	}
	marker := fileio.Join(databasePath(name), ".database")
	if err := c.store.Put(ctx, marker, nil); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// DropDatabase implements Catalog.
func (c *Filesystem) DropDatabase(ctx context.Context, name string, cascade bool) error {
	tables, err := c.Tables(ctx, name)
	if err != nil {
		return err
	}
	if len(tables) > 0 && !cascade {
		return errs.Invalid("database %s holds %d tables (%s, …): drop them first or add CASCADE", name, len(tables), tables[0])
	}
	return c.store.DeleteTree(ctx, databasePath(name))
}

// Tables implements Catalog.
func (c *Filesystem) Tables(ctx context.Context, database string) ([]string, error) {
	if err := c.needDatabase(ctx, database); err != nil {
		return nil, err
	}
	var out []string
	for i, err := range c.store.List(ctx, databasePath(database)) {
		if err != nil {
			return nil, fmt.Errorf("list tables of %s: %w", database, err)
		}
		if !i.Dir {
			continue
		}
		last, err := c.lastSchemaID(ctx, Identifier{Database: database, Table: i.Name})
		if err != nil {
			return nil, err
		}
		if last >= 0 {
			out = append(out, i.Name)
		}
	}
	return out, nil
}

// lastSchemaID gives the highest schema id, -1 when there is none.
func (c *Filesystem) lastSchemaID(ctx context.Context, id Identifier) (int64, error) {
	last := int64(-1)
	for i, err := range c.store.List(ctx, c.schemaDir(id)) {
		if err != nil {
			return -1, fmt.Errorf("list schemas of %s: %w", id, err)
		}
		if number, ok := strings.CutPrefix(i.Name, "schema-"); ok {
			if n, err := strconv.ParseInt(number, 10, 64); err == nil {
				last = max(last, n)
			}
		}
	}
	return last, nil
}

// Schema implements Catalog.
func (c *Filesystem) Schema(ctx context.Context, id Identifier) (*spec.TableSchema, error) {
	if err := checkName("database", id.Database); err != nil {
		return nil, err
	}
	if err := checkName("table", id.Table); err != nil {
		return nil, err
	}
	last, err := c.lastSchemaID(ctx, id)
	if err != nil {
		return nil, err
	}
	if last >= 0 {
		path := fileio.Join(c.schemaDir(id), fmt.Sprintf("schema-%d", last))
		data, err := fileio.ReadAll(ctx, c.store, path, maxSchemaBytes)
		if err != nil {
			return nil, fmt.Errorf("open table %s: %w", id, err)
		}
		s, err := spec.ParseSchema(data)
		if err != nil {
			return nil, errs.Corrupt(path, "%w", err)
		}
		return s, nil
	}
	if err := c.needDatabase(ctx, id.Database); err != nil {
		return nil, err
	}
	if id.Branch != "" {
		return nil, notFound("table %s.%s has no branch %s; create it with CALL sys.create_branch('%s.%s', '%s')", id.Database, id.Table, id.Branch, id.Database, id.Table, id.Branch)
	}
	return nil, notFound("table %s does not exist", id)
}

// CreateTable implements Catalog.
func (c *Filesystem) CreateTable(ctx context.Context, id Identifier, d Definition) error {
	if id.Branch != "" || id.System != "" {
		return errs.Invalid("create table %s: name a table without $", id)
	}
	if err := checkName("table", id.Table); err != nil {
		return err
	}
	if err := c.needDatabase(ctx, id.Database); err != nil {
		return err
	}
	last, err := c.lastSchemaID(ctx, id)
	if err != nil {
		return err
	}
	if last >= 0 {
		return errs.Kinded(errs.ErrExists, "table %s exists", id)
	}
	s, err := d.schema(c.now().UnixMilli())
	if err != nil {
		return fmt.Errorf("create table %s: %w", id, err)
	}
	// A table that was not wholly dropped, or a commit that came amid it, would
	// show its snapshots in the new one.
	if left, err := c.hasSnapshots(ctx, id); err != nil {
		return err
	} else if left {
		return errs.Invalid("create table %s: the directory %s holds snapshots of a table without a schema: remove it first", id, c.Path(id))
	}
	return c.putSchema(ctx, id, s)
}

func (c *Filesystem) putSchema(ctx context.Context, id Identifier, s *spec.TableSchema) error {
	data, err := s.JSON()
	if err != nil {
		return fmt.Errorf("write schema of %s: %w", id, err)
	}
	err = c.store.PutIfAbsent(ctx, fileio.Join(c.schemaDir(id), fmt.Sprintf("schema-%d", s.ID)), data)
	if errors.Is(err, errs.ErrExists) && s.ID == 0 {
		return errs.Kinded(errs.ErrExists, "table %s exists", id)
	}
	return err
}

// DropTable implements Catalog. The table is moved away in one step, so that a
// crash amid it leaves all of the table or nothing.
func (c *Filesystem) DropTable(ctx context.Context, id Identifier) error {
	if id.Branch != "" || id.System != "" {
		return errs.Invalid("drop table %s: name a table without $; branches go with CALL sys.delete_branch", id)
	}
	if _, err := c.Schema(ctx, id); err != nil {
		return err
	}
	if err := c.store.Rename(ctx, c.Path(id), fileio.Join(droppedDir, uuid.NewString())); err != nil {
		return fmt.Errorf("drop table %s: %w", id, err)
	}
	ctx = context.WithoutCancel(ctx)
	for i, err := range c.store.List(ctx, droppedDir) { // with what earlier drops left
		if err == nil {
			err = c.store.DeleteTree(ctx, i.Path)
		}
		if err != nil {
			return fmt.Errorf("drop table %s: it is gone, its files are not yet: %w", id, err)
		}
	}
	return nil
}

// RenameTable implements Catalog.
func (c *Filesystem) RenameTable(ctx context.Context, from, to Identifier) error {
	for _, id := range []Identifier{from, to} {
		if id.Branch != "" || id.System != "" {
			return errs.Invalid("rename table %s to %s: name tables without $", from, to)
		}
		if err := checkName("table", id.Table); err != nil {
			return err
		}
	}
	if _, err := c.Schema(ctx, from); err != nil {
		return err
	}
	if err := c.needDatabase(ctx, to.Database); err != nil {
		return err
	}
	err := c.store.Rename(ctx, c.Path(from), c.Path(to))
	if errors.Is(err, errs.ErrExists) {
		return errs.Kinded(errs.ErrExists, "rename table %s: %s exists", from, to)
	}
	return err
}

// AlterTable implements Catalog. It tries again when another process changed
// the schema in between.
func (c *Filesystem) AlterTable(ctx context.Context, id Identifier, changes []SchemaChange) error {
	if id.System != "" {
		return errs.Invalid("alter table %s: system tables are read only", id)
	}
	if len(changes) == 0 {
		return nil
	}
	hasData := sync.OnceValues(func() (bool, error) { return c.hasSnapshots(ctx, id) })
	for range alterAttempts {
		old, err := c.Schema(ctx, id)
		if err != nil {
			return err
		}
		s, err := altered(old, changes, hasData, c.now().UnixMilli())
		if err == nil {
			err = c.checkBranches(ctx, id, s)
		}
		if err != nil {
			return fmt.Errorf("alter table %s: %w", id, err)
		}
		err = c.putSchema(ctx, id, s)
		if !errors.Is(err, errs.ErrExists) {
			return err
		}
	}
	return errs.Kinded(errs.ErrConflict, "alter table %s: other processes changed its schema %d times in between; try again", id, alterAttempts)
}

// checkBranches refuses options that name a branch which is not there, or two.
// Source: SchemaValidation.validateFallbackBranch.
func (c *Filesystem) checkBranches(ctx context.Context, id Identifier, s *spec.TableSchema) error {
	if strings.TrimSpace(s.Options["scan.fallback-branch"]) != "" && strings.TrimSpace(s.Options["scan.primary-branch"]) != "" {
		return errs.Invalid("Cannot set both 'scan.fallback-branch' and 'scan.primary-branch' at the same time.")
	}
	for _, k := range []string{"scan.fallback-branch", "scan.primary-branch"} {
		branch := strings.TrimSpace(s.Options[k])
		if branch == "" {
			continue
		}
		other := Identifier{Database: id.Database, Table: id.Table, Branch: branch}
		if branch == "main" {
			other.Branch = ""
		}
		last, err := c.lastSchemaID(ctx, other)
		if err != nil {
			return err
		}
		if last < 0 {
			return errs.Invalid("option '%s' = '%s': the table has no such branch; create it with CALL sys.create_branch('%s.%s', '%s')", k, branch, id.Database, id.Table, branch)
		}
	}
	return nil
}

// AlterOptions implements Catalog.
func (c *Filesystem) AlterOptions(ctx context.Context, id Identifier, set map[string]string, remove []string) error {
	var changes []SchemaChange
	for _, k := range remove {
		changes = append(changes, RemoveOption{k})
	}
	for _, k := range slices.Sorted(maps.Keys(set)) {
		changes = append(changes, SetOption{k, set[k]})
	}
	return c.AlterTable(ctx, id, changes)
}

func (c *Filesystem) hasSnapshots(ctx context.Context, id Identifier) (bool, error) {
	dir := strings.TrimSuffix(c.schemaDir(id), "schema") + "snapshot"
	for i, err := range c.store.List(ctx, dir) {
		if err != nil || strings.HasPrefix(i.Name, "snapshot-") {
			return err == nil, err
		}
	}
	return false, nil
}
