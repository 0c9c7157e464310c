// Package history finds and writes the small files that name the versions of
// a table: snapshots with their hints, schemas, tags, branches, consumers and
// long-lived changelogs.
package history

import (
	"context"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// MainBranch is the branch whose metadata is in the table's root.
const MainBranch = "main"

// History is the metadata of one branch of a table. It may be shared by
// goroutines.
type History struct {
	Snapshots  *Snapshots
	Changelogs *Snapshots // long-lived changelogs (changelog/)
	Schemas    *Schemas
	Tags       *Tags
	Consumers  *Consumers
}

// Open gives the history of a branch ("" or "main" for the table itself) of
// the table in dir (a path in store). It reads nothing yet.
func Open(store fileio.Store, dir, branch string) *History { panic("skeleton") }

// Branch gives the branch's name, "main" for the table itself.
func (h *History) Branch() string { panic("skeleton") }

// Dir gives the directory that holds schema/, snapshot/ and so on.
func (h *History) Dir() string { panic("skeleton") }

// Branches lists the branches of the table, main left out, by name.
func Branches(ctx context.Context, store fileio.Store, dir string) ([]string, error) {
	panic("skeleton")
}

// DeleteBranch removes a branch's metadata; its data files become orphans.
func DeleteBranch(ctx context.Context, store fileio.Store, dir, branch string) error {
	panic("skeleton")
}

// CheckBranchName refuses names that Paimon refuses: blank, "main", digits.
func CheckBranchName(name string) error { panic("skeleton") }

// Snapshots are the snapshot files of a branch, or its long-lived changelogs.
type Snapshots struct{}

// LatestID gives the newest id, 0 when there is none. It costs two small
// requests while the hint is right.
func (s *Snapshots) LatestID(ctx context.Context) (int64, error) { panic("skeleton") }

// EarliestID gives the oldest id, 0 when there is none.
func (s *Snapshots) EarliestID(ctx context.Context) (int64, error) { panic("skeleton") }

// Latest gives the newest snapshot, nil when there is none.
func (s *Snapshots) Latest(ctx context.Context) (*spec.Snapshot, error) { panic("skeleton") }

// Get reads one snapshot: errs.ErrNotFound if there is none, errs.ErrCorrupt
// naming the file if it is damaged. Snapshots are cached and shared.
func (s *Snapshots) Get(ctx context.Context, id int64) (*spec.Snapshot, error) { panic("skeleton") }

// Exists reports whether there is a snapshot with this id.
func (s *Snapshots) Exists(ctx context.Context, id int64) (bool, error) { panic("skeleton") }

// IDs lists all ids, ascending.
func (s *Snapshots) IDs(ctx context.Context) ([]int64, error) { panic("skeleton") }

// Range reads the snapshots from..to (inclusive) that exist, ascending.
func (s *Snapshots) Range(ctx context.Context, from, to int64) ([]*spec.Snapshot, error) {
	panic("skeleton")
}

// Commit writes the file of a new snapshot, or gives errs.ErrExists when
// another writer was first. Any other error leaves the outcome unknown: look
// with Get, and delete nothing. On success the hint LATEST follows; a hint
// that cannot be written is no error.
func (s *Snapshots) Commit(ctx context.Context, snap *spec.Snapshot) error { panic("skeleton") }

// SetLatestHint and SetEarliestHint write the hint files.
func (s *Snapshots) SetLatestHint(ctx context.Context, id int64) error { panic("skeleton") }

// SetEarliestHint writes the hint of the oldest snapshot.
func (s *Snapshots) SetEarliestHint(ctx context.Context, id int64) error { panic("skeleton") }

// DeleteLatestHint removes the hint, before newer snapshots are taken away.
func (s *Snapshots) DeleteLatestHint(ctx context.Context) error { panic("skeleton") }

// Delete removes snapshot files (expiry, rollback).
func (s *Snapshots) Delete(ctx context.Context, ids ...int64) error { panic("skeleton") }

// Path gives the path of a snapshot's file in the store.
func (s *Snapshots) Path(id int64) string { panic("skeleton") }

// AtOrBefore gives the newest snapshot whose commit time is not after millis
// (epoch milliseconds), nil if all are younger.
func (s *Snapshots) AtOrBefore(ctx context.Context, millis int64) (*spec.Snapshot, error) {
	panic("skeleton")
}

// LatestOfUser gives the newest snapshot of a commit user, nil if there is
// none among those that exist.
func (s *Snapshots) LatestOfUser(ctx context.Context, user string) (*spec.Snapshot, error) {
	panic("skeleton")
}

// Schemas are the schema files of a branch.
type Schemas struct{}

// Latest gives the newest schema; errs.ErrNotFound when the directory holds
// none: it is no table.
func (s *Schemas) Latest(ctx context.Context) (*spec.TableSchema, error) { panic("skeleton") }

// Get reads one schema; cached and shared.
func (s *Schemas) Get(ctx context.Context, id int64) (*spec.TableSchema, error) { panic("skeleton") }

// IDs lists all schema ids, ascending.
func (s *Schemas) IDs(ctx context.Context) ([]int64, error) { panic("skeleton") }

// Create writes schema.ID, or gives errs.ErrExists when it is taken.
func (s *Schemas) Create(ctx context.Context, schema *spec.TableSchema) error { panic("skeleton") }

// Delete removes schema files (fast-forward, rollback of a schema).
func (s *Schemas) Delete(ctx context.Context, ids ...int64) error { panic("skeleton") }

// Tags are the tags of a branch.
type Tags struct{}

// List gives the names of all tags, sorted.
func (t *Tags) List(ctx context.Context) ([]string, error) { panic("skeleton") }

// Get reads a tag; errs.ErrNotFound if there is none.
func (t *Tags) Get(ctx context.Context, name string) (*spec.Tag, error) { panic("skeleton") }

// Create writes a new tag, or gives errs.ErrExists.
func (t *Tags) Create(ctx context.Context, name string, tag *spec.Tag) error { panic("skeleton") }

// Replace writes a tag, new or not.
func (t *Tags) Replace(ctx context.Context, name string, tag *spec.Tag) error { panic("skeleton") }

// Delete removes a tag's file; its data files stay.
func (t *Tags) Delete(ctx context.Context, name string) error { panic("skeleton") }

// Consumers are the stored positions of named readers.
type Consumers struct{}

// List gives all consumers and their positions.
func (c *Consumers) List(ctx context.Context) (map[string]spec.Consumer, error) { panic("skeleton") }

// Get reads a consumer's position; ok is false if there is none.
func (c *Consumers) Get(ctx context.Context, id string) (spec.Consumer, bool, error) {
	panic("skeleton")
}

// Set writes a consumer's position.
func (c *Consumers) Set(ctx context.Context, id string, at spec.Consumer) error { panic("skeleton") }

// Delete forgets a consumer.
func (c *Consumers) Delete(ctx context.Context, id string) error { panic("skeleton") }

// MinNext gives the smallest next snapshot of all consumers; ok is false when
// there are none. Expiry keeps what it names.
func (c *Consumers) MinNext(ctx context.Context) (int64, bool, error) { panic("skeleton") }
