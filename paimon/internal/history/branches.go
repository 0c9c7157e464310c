package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// Branches lists the branches of the table in dir, main left out, by name.
func Branches(ctx context.Context, store fileio.Store, dir string) ([]string, error) {
	return names(ctx, store, branchesDir(dir), branchPrefix, true)
}

func branchesDir(table string) string { return fileio.Join(table, "branch") }

// CheckBranchName refuses names that Paimon refuses (blank, "main", digits)
// and names that would leave the directory of branches or could not be written
// as table$branch_name. Source: org.apache.paimon.utils.BranchManager.
func CheckBranchName(name string) error {
	if name == MainBranch {
		return errs.Invalid("Branch name '%s' is the default branch and cannot be used.", name)
	}
	if strings.TrimSpace(name) == "" {
		return errs.Invalid("Branch name '%s' is blank.", name)
	}
	if strings.Trim(name, "0123456789") == "" {
		return errs.Invalid("Branch name cannot be pure numeric string but is '%s'.", name)
	}
	if strings.Contains(name, "$") {
		return errs.Invalid("branch name %q holds a $: it could not be named behind table$branch_", name)
	}
	return checkName("branch", name)
}

// Branched reports whether the table has, or had, branches.
func (h *History) Branched(ctx context.Context) (bool, error) {
	for _, err := range h.store.List(ctx, branchesDir(h.table)) {
		return err == nil, err
	}
	return exists(ctx, h.store, branchesDir(h.table)) // of branches that were deleted
}

// Table gives the table's directory in the store, shared by all branches.
func (h *History) Table() string { return h.table }

// On gives the history of another branch of the same table.
func (h *History) On(branch string) *History { return Open(h.store, h.table, branch) }

// HasBranch reports whether the table has a branch.
func (h *History) HasBranch(ctx context.Context, name string) (bool, error) {
	all, err := Branches(ctx, h.store, h.table)
	return slices.Contains(all, name), err
}

// RenameBranch moves a branch to another name at once.
func (h *History) RenameBranch(ctx context.Context, from, to string) error {
	if from == MainBranch {
		return errs.Invalid("Cannot rename the main branch.")
	}
	all, err := Branches(ctx, h.store, h.table)
	switch {
	case err != nil:
		return err
	case !slices.Contains(all, from):
		return missingBranch(from)
	case slices.Contains(all, to):
		return errs.Kinded(errs.ErrExists, "Branch name '%s' already exists.", to)
	}
	if err := CheckBranchName(to); err != nil {
		return err
	}
	return h.store.Rename(ctx, branchDir(h.table, from), branchDir(h.table, to))
}

func missingBranch(name string) error {
	return errs.Kinded(errs.ErrNotFound, "Branch name '%s' doesn't exist.", name)
}

// CreateBranch makes a branch of what h is: with its schemas only, or with
// what a tag of h holds. Data files are shared. The branch appears at once and
// whole: it is made under another name. errs.ErrExists if there is one.
// Source: org.apache.paimon.utils.FileSystemBranchManager.createBranch.
func (h *History) CreateBranch(ctx context.Context, name, tag string) error {
	if err := CheckBranchName(name); err != nil {
		return err
	}
	taken := errs.Kinded(errs.ErrExists, "Branch name '%s' already exists.", name)
	if ok, err := h.HasBranch(ctx, name); err != nil {
		return err
	} else if ok {
		return taken
	}
	fresh := openAt(h.store, h.table, name, h.hidden())
	err := h.fillBranch(ctx, fresh, tag)
	if err == nil {
		err = h.store.Rename(ctx, fresh.dir, branchDir(h.table, name))
	}
	if err == nil {
		return h.stillTagged(ctx, name, tag)
	}
	_ = h.store.DeleteTree(context.WithoutCancel(ctx), fresh.dir)
	if errors.Is(err, errs.ErrExists) {
		return taken
	}
	return err
}

// stillTagged takes a new branch back whose tag was deleted meanwhile: its files
// may be gone.
func (h *History) stillTagged(ctx context.Context, name, tag string) error {
	if tag == "" {
		return nil
	}
	_, err := h.Tags.Get(ctx, tag)
	if errors.Is(err, errs.ErrNotFound) {
		return errors.Join(err, h.DeleteBranch(ctx, name))
	}
	return err
}

// hiddenPrefix marks directories beside branches that are none.
const hiddenPrefix = ".tarn-"

// splicedMark is a file beside the branches of a table that was fast-forwarded:
// a snapshot need not come from the one before it.
const splicedMark = ".tarn-spliced"

// hidden gives a directory beside the branches that no reader takes for one.
func (h *History) hidden() string {
	return fileio.Join(branchesDir(h.table), hiddenPrefix+uuid.NewString())
}

func (h *History) fillBranch(ctx context.Context, to *History, tag string) error {
	last := int64(-1)
	if tag != "" {
		t, err := h.Tags.Get(ctx, tag)
		if err != nil {
			return err
		}
		if err := copyFile(ctx, h.store, h.Tags.Path(tag), to.Tags.Path(tag)); err != nil {
			return err
		}
		snap, err := h.untagged(ctx, &t.Snapshot)
		if err != nil {
			return err
		}
		if err := to.Snapshots.Put(ctx, snap); err != nil {
			return err
		}
		last = snap.SchemaID
	} else {
		latest, err := h.Schemas.Latest(ctx)
		if err != nil {
			return err
		}
		last = latest.ID
	}
	ids, err := h.Schemas.IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id > last {
			break
		}
		if err := copyFile(ctx, h.store, h.Schemas.Path(id), to.Schemas.Path(id)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(ctx context.Context, store fileio.Store, from, to string) error {
	data, err := fileio.ReadAll(ctx, store, from, maxFile)
	if err != nil {
		return err
	}
	return store.Put(ctx, to, data)
}

// DeleteBranch removes a branch's metadata; data files that only it used
// become orphans, as in Paimon. It goes at once and whole.
func (h *History) DeleteBranch(ctx context.Context, name string) error {
	if ok, err := h.HasBranch(ctx, name); err != nil {
		return err
	} else if !ok || name == h.branch {
		return missingBranch(name)
	}
	gone := h.hidden()
	if err := h.store.Rename(ctx, branchDir(h.table, name), gone); err != nil {
		return err
	}
	return h.store.DeleteTree(context.WithoutCancel(ctx), gone)
}

// FastForward makes h what a branch is: snapshots, schemas and tags since the
// branch's oldest snapshot are replaced by the branch's. Whenever it stops, h
// has a newest snapshot that can be read, and doing it again completes it.
// Nobody may commit to h meanwhile.
// Source: org.apache.paimon.utils.FileSystemBranchManager.fastForward.
func (h *History) FastForward(ctx context.Context, name string) error {
	switch {
	case name == MainBranch:
		return errs.Invalid("Branch name '%s' do not use in fast-forward.", name)
	case strings.TrimSpace(name) == "":
		return errs.Invalid("Branch name '%s' is blank.", name)
	case name == h.branch:
		return errs.Invalid("Fast-forward from the current branch '%s' is not allowed.", name)
	}
	if ok, err := h.HasBranch(ctx, name); err != nil {
		return err
	} else if !ok {
		return missingBranch(name)
	}
	from := h.On(name)
	ids, err := from.Snapshots.IDs(ctx)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return errs.Invalid("Cannot fast forward branch %s, because it does not have snapshot.", name)
	}
	oldest, err := from.Snapshots.Get(ctx, ids[0])
	if err != nil {
		return err
	}
	return h.takeOver(ctx, from, ids, oldest)
}

// takeOver writes what the branch has before it removes what it has not:
// schemas, then snapshots, oldest first; then the newer snapshots, newest
// first; then tags and schemas.
func (h *History) takeOver(ctx context.Context, from *History, ids []int64, oldest *spec.Snapshot) error {
	schemas, err := from.Schemas.IDs(ctx)
	if err != nil {
		return err
	}
	own, err := h.Snapshots.IDs(ctx)
	if err != nil {
		return err
	}
	// Where the last branch is deleted, this tells that there was one.
	if err := h.store.Put(ctx, fileio.Join(branchesDir(h.table), splicedMark), nil); err != nil {
		return err
	}
	if err := h.copyAll(ctx, schemas, from.Schemas.Path, h.Schemas.Path); err != nil {
		return err
	}
	h.Schemas.forget()
	if err := h.Snapshots.DeleteLatestHint(ctx); err != nil {
		return err
	}
	if err := h.copyAll(ctx, ids, from.Snapshots.Path, h.Snapshots.Path); err != nil {
		return err
	}
	last := ids[len(ids)-1]
	if err := h.deleteAbove(ctx, own, last); err != nil {
		return err
	}
	for _, id := range own { // expired in the branch
		if id >= oldest.ID && id < last && !slices.Contains(ids, id) {
			if err := h.Snapshots.Delete(ctx, id); err != nil {
				return err
			}
		}
	}
	if err := h.takeTags(ctx, from, oldest.ID); err != nil {
		return err
	}
	mine, err := h.Schemas.IDs(ctx)
	if err != nil {
		return err
	}
	mine = slices.DeleteFunc(mine, func(id int64) bool { return id < oldest.SchemaID || slices.Contains(schemas, id) })
	if len(mine) > 0 {
		if err := h.Schemas.Delete(ctx, mine...); err != nil {
			return err
		}
	}
	if hint := h.Snapshots.hint(ctx, earliestHint); hint <= 0 || hint > ids[0] {
		if len(own) > 0 {
			hint = min(own[0], ids[0])
		} else {
			hint = ids[0]
		}
		if err := h.Snapshots.SetEarliestHint(ctx, hint); err != nil {
			return err
		}
	}
	return h.Snapshots.SetLatestHint(ctx, last)
}

// copyAll copies the files that differ.
func (h *History) copyAll(ctx context.Context, ids []int64, from, to func(int64) string) error {
	for _, id := range ids {
		data, err := fileio.ReadAll(ctx, h.store, from(id), maxFile)
		if err != nil {
			return err
		}
		have, err := fileio.ReadAll(ctx, h.store, to(id), maxFile)
		if err == nil && bytes.Equal(have, data) {
			continue
		}
		if err != nil && !errors.Is(err, errs.ErrNotFound) {
			return err
		}
		if err := h.store.Put(ctx, to(id), data); err != nil {
			return err
		}
	}
	return nil
}

// deleteAbove removes those snapshots of ids (ascending) that are newer than
// last, newest first, so that there is never a gap before the newest.
func (h *History) deleteAbove(ctx context.Context, ids []int64, last int64) error {
	for _, id := range slices.Backward(ids) {
		if id <= last {
			break
		}
		if err := h.Snapshots.Delete(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// takeTags replaces the tags of snapshots from the given one on by those of a
// branch.
func (h *History) takeTags(ctx context.Context, from *History, oldest int64) error {
	theirs, err := from.Tags.All(ctx)
	if err != nil {
		return err
	}
	for _, name := range sortedNames(theirs) {
		if err := copyFile(ctx, h.store, from.Tags.Path(name), h.Tags.Path(name)); err != nil {
			return err
		}
	}
	mine, err := h.Tags.All(ctx)
	if err != nil {
		return err
	}
	for _, name := range sortedNames(mine) {
		if _, keep := theirs[name]; keep || mine[name].ID < oldest {
			continue
		}
		if err := h.Tags.Delete(ctx, name); err != nil {
			return fmt.Errorf("delete tag %s: %w", name, err)
		}
	}
	return nil
}

func sortedNames(tags map[string]*spec.Tag) []string {
	out := make([]string, 0, len(tags))
	for name := range tags {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// SweepBranches deletes the remains of branches whose creation or deletion was
// interrupted before a time.
func (h *History) SweepBranches(ctx context.Context, before time.Time) error {
	for info, err := range h.store.List(ctx, branchesDir(h.table)) {
		if err != nil {
			return err
		}
		if info.Dir && strings.HasPrefix(info.Name, hiddenPrefix) && info.ModTime.Before(before) {
			if err := h.store.DeleteTree(ctx, info.Path); err != nil {
				return err
			}
		}
	}
	return nil
}
