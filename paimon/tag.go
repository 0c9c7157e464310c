package paimon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/maintain"
	"github.com/tarndb/tarn/paimon/spec"
)

// TagOptions say what a new tag holds.
type TagOptions struct {
	// Snapshot is the snapshot that is kept; 0 for the newest.
	Snapshot int64
	// Retained is how long the tag stays, from now; 0 for what the option
	// 'tag.default-time-retained' says, else for ever. See ExpireTags.
	Retained time.Duration
	// IgnoreIfExists makes an existing tag no error.
	IgnoreIfExists bool
}

// CreateTag keeps a snapshot under a name: its rows can be read after the
// snapshot has expired. errs.ErrExists, errs.ErrNotFound (snapshot).
// Source: org.apache.paimon.utils.TagManager.createTag.
func (t *Table) CreateTag(ctx context.Context, name string, o TagOptions) error {
	err := t.createTag(ctx, name, o)
	if o.IgnoreIfExists && errors.Is(err, errs.ErrExists) {
		return nil
	}
	return t.versionError("create tag of", err)
}

func (t *Table) createTag(ctx context.Context, name string, o TagOptions) error {
	if strings.TrimSpace(name) == "" {
		return errs.Invalid("Tag name shouldn't be blank.")
	}
	snap, err := t.taggable(ctx, o.Snapshot)
	if err != nil {
		return err
	}
	tag := &spec.Tag{Snapshot: *snap}
	stamp(tag, cmp.Or(o.Retained, t.t.Options.Tags.DefaultRetained))
	h := t.t.History
	if err := h.Tags.Create(ctx, name, tag); err != nil {
		if errors.Is(err, errs.ErrExists) {
			return errs.Kinded(errs.ErrExists, "Tag '%s' already exists.", name)
		}
		return err
	}
	// Expiry looks for tags once more when it has deleted a snapshot, so a
	// snapshot that is still here now is safe.
	if _, err := t.taggable(ctx, snap.ID, name); errors.Is(err, errs.ErrNotFound) {
		return errors.Join(err, h.Tags.Delete(ctx, name))
	} else if err != nil {
		return err
	}
	if t.t.Options.Tags.SuccessFile {
		return t.markSuccess(ctx, t.successPath(name))
	}
	return nil
}

// stamp says how long a tag stays from now on; 0: for ever.
func stamp(tag *spec.Tag, retained time.Duration) {
	if retained > 0 {
		wall := wallClock(time.Now())
		tag.CreateTime, tag.TimeRetained = &wall, &retained
	}
}

// wallClock gives what the clock of this process's zone shows, as UTC: so Java
// writes times.
func wallClock(at time.Time) time.Time {
	_, offset := at.Local().Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

// taggable gives a snapshot that exists, or that a tag (other than without)
// holds; id 0 is the newest one.
func (t *Table) taggable(ctx context.Context, id int64, without ...string) (*spec.Snapshot, error) {
	h := t.t.History
	if id == 0 {
		snap, err := h.Snapshots.Latest(ctx)
		if snap == nil && err == nil {
			err = errs.Kinded(errs.ErrNotFound, "Cannot create tag because latest snapshot doesn't exist.")
		}
		return snap, err
	}
	snap, err := h.Snapshots.Get(ctx, id)
	if !errors.Is(err, errs.ErrNotFound) {
		return snap, err
	}
	tags, err := h.Tags.All(ctx)
	if err != nil {
		return nil, err
	}
	for name, tag := range tags {
		if tag.ID == id && (len(without) == 0 || name != without[0]) {
			return &tag.Snapshot, nil
		}
	}
	return nil, errs.Kinded(errs.ErrNotFound, "Cannot create tag because given snapshot #%d doesn't exist.", id)
}

// DeleteTag deletes a tag with the files that only it used; a tag that does
// not exist is no error, as in Paimon.
func (t *Table) DeleteTag(ctx context.Context, name string) error {
	if strings.TrimSpace(name) == "" {
		return errs.Invalid("delete tag of table %s: Tag name shouldn't be blank.", t.Name())
	}
	err := maintain.DeleteTag(ctx, t.t, name)
	if err == nil && t.t.Options.Tags.SuccessFile {
		err = t.t.Store.Delete(ctx, t.successPath(name))
	}
	return t.versionError("delete tag of", err)
}

// RenameTag gives a tag another name. It is there under both names for a
// moment, never under none. errs.ErrNotFound, errs.ErrExists.
// Source: org.apache.paimon.utils.TagManager.renameTag.
func (t *Table) RenameTag(ctx context.Context, name, target string) error {
	h := t.t.History
	tag, err := h.Tags.Get(ctx, name)
	switch {
	case strings.TrimSpace(target) == "":
		err = errs.Invalid("New tag name shouldn't be blank.")
	case errors.Is(err, errs.ErrNotFound):
		err = errs.Kinded(errs.ErrNotFound, "The original tag name [%s] does not exist.", name)
	case err == nil:
		if err = h.Tags.Create(ctx, target, tag); errors.Is(err, errs.ErrExists) {
			there, terr := h.Tags.Get(ctx, target)
			err = terr
			if terr == nil && (name == target || !reflect.DeepEqual(there, tag)) { // not left by an interrupted renaming
				err = errs.Kinded(errs.ErrExists, "The tag name [%s] already exists.", target)
			}
		}
	}
	if err == nil {
		err = h.Tags.Delete(ctx, name)
	}
	return t.versionError("rename tag of", err)
}

// ReplaceTag has a tag hold another snapshot, or stay for another time; what
// only it held goes. errs.ErrNotFound if there is no such tag.
// Source: org.apache.paimon.utils.TagManager.replaceTag.
func (t *Table) ReplaceTag(ctx context.Context, name string, o TagOptions) error {
	h := t.t.History
	if _, err := h.Tags.Get(ctx, name); err != nil {
		return t.versionError("replace tag of", err)
	}
	snap, err := t.taggable(ctx, o.Snapshot)
	if err != nil {
		return t.versionError("replace tag of", err)
	}
	tag := &spec.Tag{Snapshot: *snap}
	stamp(tag, cmp.Or(o.Retained, t.t.Options.Tags.DefaultRetained))
	return t.versionError("replace tag of", maintain.ReplaceTag(ctx, t.t, name, tag))
}

// TagSince tags the oldest snapshot that was committed at or after millis
// (epoch milliseconds), of those there are and those that tags hold, and gives
// it. errs.ErrNotFound.
// Source: org.apache.paimon.flink.procedure.CreateTagFromTimestampProcedure.
func (t *Table) TagSince(ctx context.Context, name string, millis int64, retained time.Duration) (*spec.Snapshot, error) {
	id, _, err := t.t.History.FirstSince(ctx, millis, false)
	if err != nil {
		return nil, t.versionError("create tag of", err)
	}
	snap, err := t.t.History.Snapshots.Get(ctx, id)
	if err != nil && !errors.Is(err, errs.ErrNotFound) {
		return nil, t.versionError("create tag of", err)
	}
	return t.tagOldest(ctx, name, snap, retained, func(s *spec.Snapshot) (int64, bool) { return s.TimeMillis, s.TimeMillis >= millis },
		fmt.Sprintf("Could not find any snapshot whose commit-time later than %d.", millis))
}

// TagAtWatermark is TagSince for watermarks.
// Source: org.apache.paimon.flink.procedure.CreateTagFromWatermarkProcedure.
func (t *Table) TagAtWatermark(ctx context.Context, name string, watermark int64, retained time.Duration) (*spec.Snapshot, error) {
	snap, err := t.t.History.Snapshots.AtWatermark(ctx, watermark)
	if err != nil {
		return nil, t.versionError("create tag of", err)
	}
	return t.tagOldest(ctx, name, snap, retained, func(s *spec.Snapshot) (int64, bool) {
		if s.Watermark == nil {
			return 0, false
		}
		return *s.Watermark, *s.Watermark >= watermark
	}, fmt.Sprintf("Could not find any snapshot whose watermark later than %d.", watermark))
}

// tagOldest tags snap, or the snapshot of a tag that comes before it.
func (t *Table) tagOldest(ctx context.Context, name string, snap *spec.Snapshot, retained time.Duration, rank func(*spec.Snapshot) (int64, bool), missing string) (*spec.Snapshot, error) {
	all, err := t.t.History.Tags.All(ctx)
	if err != nil {
		return nil, t.versionError("create tag of", err)
	}
	for _, tag := range all {
		at, ok := rank(&tag.Snapshot)
		if !ok {
			continue
		}
		if snap != nil {
			if now, _ := rank(snap); now <= at {
				continue
			}
		}
		snap = &tag.Snapshot
	}
	if snap == nil {
		return nil, t.versionError("create tag of", errs.Kinded(errs.ErrNotFound, "%s", missing))
	}
	return snap, t.CreateTag(ctx, name, TagOptions{Snapshot: snap.ID, Retained: retained})
}

// Tag reads a tag; errs.ErrNotFound if there is none.
func (t *Table) Tag(ctx context.Context, name string) (*spec.Tag, error) {
	return t.t.History.Tags.Get(ctx, name)
}

// ExpireTags deletes the tags whose time is over at now, and those made before
// olderThan (zero for none of them), and gives their names. A tag that does not
// say when it was made is as old as its file.
// Source: org.apache.paimon.tag.TagTimeExpire.
func (t *Table) ExpireTags(ctx context.Context, now, olderThan time.Time) ([]string, error) {
	tags, err := t.t.History.Tags.All(ctx)
	if err != nil {
		return nil, t.versionError("expire tags of", err)
	}
	names, err := t.Tags(ctx)
	if err != nil {
		return nil, t.versionError("expire tags of", err)
	}
	var out []string
	for _, name := range names {
		tag := tags[name]
		if tag == nil {
			continue
		}
		if over, err := t.tagOver(ctx, name, tag, now, olderThan); err != nil || !over {
			if err != nil {
				return out, t.versionError("expire tags of", err)
			}
			continue
		}
		if err := t.DeleteTag(ctx, name); err != nil {
			return out, err
		}
		out = append(out, name)
	}
	return out, nil
}

// tagOver reports whether a tag's time is over.
func (t *Table) tagOver(ctx context.Context, name string, tag *spec.Tag, now, olderThan time.Time) (bool, error) {
	made := tag.CreateTime
	if made != nil && tag.TimeRetained != nil && wallClock(now).After(made.Add(*tag.TimeRetained)) {
		return true, nil
	}
	if olderThan.IsZero() {
		return false, nil
	}
	if made == nil || tag.TimeRetained == nil {
		info, err := t.t.Store.Stat(ctx, t.t.History.Tags.Path(name))
		if errors.Is(err, errs.ErrNotFound) {
			return false, nil
		}
		return err == nil && info.ModTime.Before(olderThan), err
	}
	return made.Before(wallClock(olderThan)), nil
}
