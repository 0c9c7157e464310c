package maintain

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// DeleteTag deletes a tag of t's branch with the files that only it used. A
// tag that does not exist is no error, as in Paimon.
// Source: org.apache.paimon.utils.TagManager.deleteTag.
func DeleteTag(ctx context.Context, t *table.Table, name string) error {
	h := t.History
	tag, err := h.Tags.Get(ctx, name)
	if errors.Is(err, errs.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	there, err := h.Snapshots.Exists(ctx, tag.ID)
	if err != nil {
		return err
	}
	all, err := h.Tags.All(ctx)
	if err != nil {
		return err
	}
	for other, o := range all {
		there = there || other != name && o.ID == tag.ID
	}
	if there { // it shares all its files
		return h.Tags.Delete(ctx, name)
	}
	g, err := tagGarbage(ctx, t, name, &tag.Snapshot, all)
	if err != nil {
		return fmt.Errorf("delete tag %s: %w", name, err)
	}
	if err := h.Tags.Delete(ctx, name); err != nil {
		return err
	}
	if err := g.sweep(ctx, 0); err != nil {
		return fmt.Errorf("delete tag %s: %w", name, err)
	}
	return nil
}

// ReplaceTag writes a tag anew and deletes the files that only its former
// snapshot used. Until the new one is there the old one holds its files.
func ReplaceTag(ctx context.Context, t *table.Table, name string, tag *spec.Tag) error {
	h := t.History
	old, err := h.Tags.Get(ctx, name)
	if err != nil {
		return err
	}
	// The old snapshot is kept under a name of its own until the new tag is
	// there: then it goes as any tag does, now or when this is done again.
	aside := name + "-replaced-"
	if old.ID != tag.ID {
		if err := h.Tags.Replace(ctx, aside+strconv.FormatInt(old.ID, 10), old); err != nil {
			return err
		}
	}
	if err := h.Tags.Replace(ctx, name, tag); err != nil {
		return err
	}
	all, err := h.Tags.List(ctx)
	for _, other := range all {
		if err == nil && strings.HasPrefix(other, aside) {
			err = DeleteTag(ctx, t, other)
		}
	}
	return err
}

// tagGarbage collects what a tag uses and its neighbours do not: the nearest
// tags before and after it, and the oldest snapshot. A file that any other
// version of the branch uses, one of these uses too.
func tagGarbage(ctx context.Context, t *table.Table, name string, s *spec.Snapshot, all map[string]*spec.Tag) (*garbage, error) {
	g := newGarbage(t, s.ID)
	g.seen[t.History.Branch()+"\x00"+name] = true
	g.begin()
	if err := g.going.metadata(ctx, s, g.add); err != nil {
		return nil, err
	}
	if err := g.going.live(ctx, s, nil, g.add); err != nil {
		return nil, err
	}
	var before, after int64
	for other, o := range all {
		if other == name {
			continue
		}
		if o.ID < s.ID {
			before = max(before, o.ID)
		} else if after == 0 || o.ID < after {
			after = o.ID
		}
	}
	branched, err := t.History.Branched(ctx)
	if err != nil {
		return nil, err
	}
	near := func(o *spec.Tag) bool { return branched || o.ID == before || o.ID == after }
	if err := g.spareTags(ctx, t.History, near); err != nil {
		return nil, err
	}
	if err := g.spareChangelogs(ctx, t.History); err != nil {
		return nil, err
	}
	return g, g.spareRest(ctx)
}
