package history

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

const (
	tagPrefix      = "tag-"
	consumerPrefix = "consumer-"

	// A consumer file is written in place by Java and may be seen half-written.
	consumerTries = 10
	consumerPause = 200 * time.Millisecond
)

// Tags are the tags of a branch. Source: org.apache.paimon.utils.TagManager.
type Tags struct {
	store fileio.Store
	dir   string
}

// Path gives the path of a tag's file in the store.
func (t *Tags) Path(name string) string { return fileio.Join(t.dir, tagPrefix+name) }

// List gives the names of all tags, sorted.
func (t *Tags) List(ctx context.Context) ([]string, error) {
	return names(ctx, t.store, t.dir, tagPrefix, false)
}

// Get reads a tag; errs.ErrNotFound if there is none.
func (t *Tags) Get(ctx context.Context, name string) (*spec.Tag, error) {
	if checkName("tag", name) != nil {
		return nil, errs.Kinded(errs.ErrNotFound, "Tag '%s' doesn't exist.", name)
	}
	tag, err := load(ctx, t.store, t.Path(name), spec.ParseTag)
	if errors.Is(err, errs.ErrNotFound) {
		return nil, errs.Kinded(errs.ErrNotFound, "Tag '%s' doesn't exist.", name)
	}
	return tag, err
}

// All reads all tags, by name.
func (t *Tags) All(ctx context.Context) (map[string]*spec.Tag, error) {
	list, err := t.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*spec.Tag, len(list))
	for _, name := range list {
		tag, err := load(ctx, t.store, t.Path(name), spec.ParseTag)
		if errors.Is(err, errs.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		out[name] = tag
	}
	return out, nil
}

// Create writes a new tag, or gives errs.ErrExists.
func (t *Tags) Create(ctx context.Context, name string, tag *spec.Tag) error {
	return t.write(ctx, name, tag, t.store.PutIfAbsent)
}

// Replace writes a tag, new or not.
func (t *Tags) Replace(ctx context.Context, name string, tag *spec.Tag) error {
	return t.write(ctx, name, tag, t.store.Put)
}

func (t *Tags) write(ctx context.Context, name string, tag *spec.Tag, put func(context.Context, string, []byte) error) error {
	if err := checkName("tag", name); err != nil {
		return err
	}
	data, err := tag.JSON()
	if err != nil {
		return err
	}
	return put(ctx, t.Path(name), data)
}

// Delete removes a tag's file; its data files stay.
func (t *Tags) Delete(ctx context.Context, name string) error {
	if err := checkName("tag", name); err != nil {
		return err
	}
	return t.store.Delete(ctx, t.Path(name))
}

// Consumers are the stored positions of named readers.
// Source: org.apache.paimon.consumer.ConsumerManager.
type Consumers struct {
	store fileio.Store
	dir   string
}

func (c *Consumers) path(id string) string { return fileio.Join(c.dir, consumerPrefix+id) }

// List gives all consumers and their positions.
func (c *Consumers) List(ctx context.Context) (map[string]spec.Consumer, error) {
	list, err := names(ctx, c.store, c.dir, consumerPrefix, false)
	if err != nil {
		return nil, err
	}
	out := make(map[string]spec.Consumer, len(list))
	for _, id := range list {
		at, ok, err := c.read(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			out[id] = at
		}
	}
	return out, nil
}

// Get reads a consumer's position; ok is false if there is none.
func (c *Consumers) Get(ctx context.Context, id string) (at spec.Consumer, ok bool, err error) {
	if err := checkConsumer(id); err != nil {
		return at, false, err
	}
	return c.read(ctx, id)
}

func (c *Consumers) read(ctx context.Context, id string) (spec.Consumer, bool, error) {
	for try := 1; ; try++ {
		at, err := load(ctx, c.store, c.path(id), spec.ParseConsumer)
		switch {
		case err == nil:
			return *at, true, nil
		case errors.Is(err, errs.ErrNotFound):
			return spec.Consumer{}, false, nil
		case !errors.Is(err, errs.ErrCorrupt) || try == consumerTries:
			return spec.Consumer{}, false, err
		}
		select {
		case <-ctx.Done():
			return spec.Consumer{}, false, ctx.Err()
		case <-time.After(consumerPause):
		}
	}
}

// Set writes a consumer's position.
func (c *Consumers) Set(ctx context.Context, id string, at spec.Consumer) error {
	if err := checkConsumer(id); err != nil {
		return err
	}
	data, err := at.JSON()
	if err != nil {
		return err
	}
	return c.store.Put(ctx, c.path(id), data)
}

// Delete forgets a consumer.
func (c *Consumers) Delete(ctx context.Context, id string) error {
	if err := checkConsumer(id); err != nil {
		return err
	}
	return c.store.Delete(ctx, c.path(id))
}

func checkConsumer(id string) error { return checkName("consumer", id) }

// MinNext gives the smallest next snapshot of all consumers; ok is false when
// there are none. Expiry keeps what it names.
func (c *Consumers) MinNext(ctx context.Context) (next int64, ok bool, err error) {
	all, err := c.List(ctx)
	for _, at := range all {
		if !ok || at.NextSnapshot < next {
			next, ok = at.NextSnapshot, true
		}
	}
	return next, ok, err
}

// Expire forgets the consumers whose files were last written before a time.
func (c *Consumers) Expire(ctx context.Context, before time.Time) error {
	var old []string
	for info, err := range c.store.List(ctx, c.dir) {
		if err != nil {
			return err
		}
		if strings.HasPrefix(info.Name, consumerPrefix) && !info.Dir && info.ModTime.Before(before) {
			old = append(old, info.Path)
		}
	}
	if len(old) == 0 {
		return nil
	}
	return c.store.Delete(ctx, old...)
}
