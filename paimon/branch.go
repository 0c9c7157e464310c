package paimon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/history"
)

// BranchOptions say what a new branch starts with.
type BranchOptions struct {
	// Tag gives the branch the rows of a tag; "" makes an empty branch with
	// the table's schemas.
	Tag string
	// IgnoreIfExists makes an existing branch no error.
	IgnoreIfExists bool
}

// These options name a branch that batch and streaming reads put beside the
// table, see fallback.
const (
	fallbackOption = "scan.fallback-branch"
	primaryOption  = "scan.primary-branch"
)

// optionNaming gives the option that names a branch for reads, "" for none.
func (t *Table) optionNaming(branch string) string {
	for _, o := range []string{fallbackOption, primaryOption} {
		if v := t.t.Raw[o]; strings.TrimSpace(v) != "" && v == branch {
			return o
		}
	}
	return ""
}

// CreateBranch makes a branch of t (itself a branch or main), to be opened as
// table$branch_name. Data files are shared with t and not copied.
// errs.ErrExists, errs.ErrInvalid (name), errs.ErrNotFound (tag).
// Source: org.apache.paimon.utils.BranchManager.createBranch.
func (t *Table) CreateBranch(ctx context.Context, name string, o BranchOptions) error {
	err := t.t.History.CreateBranch(ctx, name, o.Tag)
	if o.IgnoreIfExists && errors.Is(err, errs.ErrExists) {
		return nil
	}
	return t.versionError("create branch on", err)
}

// DeleteBranch removes a branch: what was written to it cannot be read any
// more, the data files go with RemoveOrphans. Branches that
// 'scan.fallback-branch' or 'scan.primary-branch' names stay: errs.ErrInvalid.
func (t *Table) DeleteBranch(ctx context.Context, name string) error {
	now, err := t.Reopen(ctx) // the option may have been set since
	if err != nil {
		return err
	}
	if o := now.optionNaming(name); o != "" {
		return errs.Invalid("delete branch of table %s: Cannot delete branch '%s' because it is configured as '%s'. Unset '%s' first.", t.Name(), name, o, o)
	}
	return t.versionError("delete branch of", t.t.History.DeleteBranch(ctx, name))
}

// RenameBranch gives a branch another name. errs.ErrNotFound, errs.ErrExists,
// errs.ErrInvalid (name, or an option names it for reads).
// Source: org.apache.paimon.utils.BranchManager.renameBranch.
func (t *Table) RenameBranch(ctx context.Context, from, to string) error {
	now, err := t.Reopen(ctx)
	if err != nil {
		return err
	}
	if o := now.optionNaming(from); o != "" {
		return errs.Invalid("rename branch of table %s: '%s' = '%s' names it. Unset '%s' first.", t.Name(), o, from, o)
	}
	return t.versionError("rename branch of", t.t.History.RenameBranch(ctx, from, to))
}

// Branches lists the table's branches by name, main left out.
func (t *Table) Branches(ctx context.Context) ([]string, error) {
	all, err := history.Branches(ctx, t.t.Store, t.t.History.Table())
	return all, t.versionError("list branches of", err)
}

// BranchTime gives when a branch was made or last changed in its directory:
// its modification time.
func (t *Table) BranchTime(ctx context.Context, name string) (time.Time, error) {
	info, err := t.t.Store.Stat(ctx, t.t.History.On(name).Dir())
	return info.ModTime, t.versionError("look at branch "+name+" of", err)
}

// FastForward makes t what one of its branches is: t's snapshots, schemas and
// tags since the branch's oldest snapshot are replaced. Rows that were written
// to t since the branch was made are gone. Stop t's writers before; streams of
// t that have read further have to start again. Doing it again after an error
// completes it. Source: org.apache.paimon.utils.BranchManager.fastForward.
func (t *Table) FastForward(ctx context.Context, branch string) error {
	if err := t.t.History.FastForward(ctx, branch); err != nil {
		return t.versionError("fast-forward", err)
	}
	t.w.committed(t.t.Dir)(nil)
	return nil
}

// versionError says which table a change of its versions failed on.
func (t *Table) versionError(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s table %s: %w", what, t.Name(), err)
}
