// Package history finds and writes the small files that name the versions of
// a table: snapshots with their hints, schemas, tags, branches, consumers and
// long-lived changelogs.
package history

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// MainBranch is the branch whose metadata is in the table's root.
const MainBranch = "main"

// maxFile bounds the metadata files; real ones have a few kilobytes.
const maxFile = 64 << 20

// History is the metadata of one branch of a table. It may be shared by
// goroutines.
type History struct {
	Snapshots  *Snapshots
	Changelogs *Snapshots // long-lived changelogs (changelog/)
	Schemas    *Schemas
	Tags       *Tags
	Consumers  *Consumers

	branch string
	dir    string
	store  fileio.Store
	table  string // the directory of the table, of which dir is a branch
}

// Open gives the history of a branch ("" or "main" for the table itself) of
// the table in dir (a path in store). It reads nothing yet.
func Open(store fileio.Store, dir, branch string) *History {
	if branch == "" {
		branch = MainBranch
	}
	if branch != MainBranch {
		return openAt(store, dir, branch, branchDir(dir, branch))
	}
	return openAt(store, dir, branch, dir)
}

// openAt gives the history in dir, which need not be where its branch lives.
func openAt(store fileio.Store, table, branch, dir string) *History {
	return &History{
		Snapshots:  &Snapshots{store: store, dir: fileio.Join(dir, "snapshot"), prefix: "snapshot-", what: "snapshot"},
		Changelogs: &Snapshots{store: store, dir: fileio.Join(dir, "changelog"), prefix: "changelog-", what: "changelog"},
		Schemas:    &Schemas{store: store, dir: fileio.Join(dir, "schema")},
		Tags:       &Tags{store: store, dir: fileio.Join(dir, "tag")},
		Consumers:  &Consumers{store: store, dir: fileio.Join(dir, "consumer")},
		branch:     branch,
		dir:        dir,
		store:      store,
		table:      table,
	}
}

// Branch gives the branch's name, "main" for the table itself.
func (h *History) Branch() string { return h.branch }

// Dir gives the directory that holds schema/, snapshot/ and so on.
func (h *History) Dir() string { return h.dir }

const branchPrefix = "branch-"

func branchDir(table, branch string) string {
	return fileio.Join(table, "branch", branchPrefix+branch)
}

func checkName(what, name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errs.Invalid("%s name is blank", what)
	case strings.ContainsAny(name, "/\\\x00"):
		return errs.Invalid("%s name %q has characters that a file name cannot have", what, name)
	}
	return nil
}

// names lists what follows prefix in the names of a directory's entries.
func names(ctx context.Context, store fileio.Store, dir, prefix string, dirs bool) ([]string, error) {
	var out []string
	for info, err := range store.List(ctx, dir) {
		if err != nil {
			return nil, err
		}
		if name, ok := strings.CutPrefix(info.Name, prefix); ok && name != "" && info.Dir == dirs {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// ids lists the numbers that follow prefix, ascending. Other names, such as
// temporary files, are passed over.
func ids(ctx context.Context, store fileio.Store, dir, prefix string) ([]int64, error) {
	all, err := names(ctx, store, dir, prefix, false)
	if err != nil {
		return nil, err
	}
	out := make([]int64, 0, len(all))
	for _, n := range all {
		if id, err := strconv.ParseInt(n, 10, 64); err == nil && id >= 0 && strconv.FormatInt(id, 10) == n {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}

func exists(ctx context.Context, store fileio.Store, path string) (bool, error) {
	_, err := store.Stat(ctx, path)
	if errors.Is(err, errs.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// load reads a file and parses it; a parse error becomes errs.ErrCorrupt with
// the path unless it already has a kind of its own.
func load[T any](ctx context.Context, store fileio.Store, path string, parse func([]byte) (T, error)) (T, error) {
	var none T
	data, err := fileio.ReadAll(ctx, store, path, maxFile)
	if err != nil {
		return none, err
	}
	v, err := parse(data)
	if err != nil {
		return none, damaged(path, err)
	}
	return v, nil
}

func damaged(path string, err error) error {
	if errors.Is(err, errs.ErrUnsupported) {
		return errs.Unsupported("%s: %w", path, err)
	}
	return errs.Corrupt(path, "%w", err)
}
