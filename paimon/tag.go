package paimon

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/maintain"
	"github.com/tarndb/tarn/paimon/options"
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
	if v := t.t.Raw["tag.default-time-retained"]; o.Retained == 0 && v != "" {
		if o.Retained, err = options.ParseDuration(v); err != nil {
			return errs.Invalid("option 'tag.default-time-retained' = '%s': want a duration such as 7 d", v)
		}
	}
	if o.Retained > 0 {
		now := time.Now()
		_, offset := now.Zone()
		wall := now.UTC().Add(time.Duration(offset) * time.Second)
		tag.CreateTime, tag.TimeRetained = &wall, &o.Retained
	}
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
	return nil
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
	return t.versionError("delete tag of", maintain.DeleteTag(ctx, t.t, name))
}

// Tag reads a tag; errs.ErrNotFound if there is none.
func (t *Table) Tag(ctx context.Context, name string) (*spec.Tag, error) {
	return t.t.History.Tags.Get(ctx, name)
}

// ExpireTags deletes the tags whose time is over at now, and gives their names.
// Source: org.apache.paimon.tag.TagTimeExpire.
func (t *Table) ExpireTags(ctx context.Context, now time.Time) ([]string, error) {
	tags, err := t.t.History.Tags.All(ctx)
	if err != nil {
		return nil, t.versionError("expire tags of", err)
	}
	_, offset := now.Zone()
	wall := now.UTC().Add(time.Duration(offset) * time.Second)
	names, err := t.Tags(ctx)
	if err != nil {
		return nil, t.versionError("expire tags of", err)
	}
	var out []string
	for _, name := range names {
		tag := tags[name]
		if tag == nil || tag.CreateTime == nil || tag.TimeRetained == nil || !wall.After(tag.CreateTime.Add(*tag.TimeRetained)) {
			continue
		}
		if err := t.DeleteTag(ctx, name); err != nil {
			return out, err
		}
		out = append(out, name)
	}
	return out, nil
}
