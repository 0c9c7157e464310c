package history

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// Schemas are the schema files of a branch. Those that were read are cached;
// Latest notices when the table was dropped and made anew and forgets them.
// Source: org.apache.paimon.schema.SchemaManager.
type Schemas struct {
	store fileio.Store
	dir   string

	mu     sync.Mutex
	cache  map[int64]cachedSchema
	newest int64 // highest id known to have existed; -1 or 0 at first
}

type cachedSchema struct {
	data   []byte
	schema *spec.TableSchema
}

// Path gives the path of a schema's file in the store.
func (s *Schemas) Path(id int64) string {
	return fileio.Join(s.dir, "schema-"+strconv.FormatInt(id, 10))
}

// Latest gives the newest schema; errs.ErrNotFound when the directory holds
// none: it is no table.
func (s *Schemas) Latest(ctx context.Context) (*spec.TableSchema, error) {
	s.mu.Lock()
	id := s.newest
	s.mu.Unlock()
	for id >= 0 {
		ok, err := exists(ctx, s.store, s.Path(id+1))
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		id++
	}
	schema, err := s.read(ctx, id)
	if !errors.Is(err, errs.ErrNotFound) {
		return schema, err
	}
	all, err := s.IDs(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errs.Kinded(errs.ErrNotFound, "no table in %s: it has no schema file", s.dir)
	}
	return s.read(ctx, all[len(all)-1])
}

// Get reads one schema; cached and shared.
func (s *Schemas) Get(ctx context.Context, id int64) (*spec.TableSchema, error) {
	s.mu.Lock()
	c, ok := s.cache[id]
	s.mu.Unlock()
	if ok {
		return c.schema, nil
	}
	return s.read(ctx, id)
}

// read takes the file's bytes and keeps the parsed schema while they stay.
func (s *Schemas) read(ctx context.Context, id int64) (*spec.TableSchema, error) {
	path := s.Path(id)
	data, err := fileio.ReadAll(ctx, s.store, path, maxFile)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.cache[id]; ok {
		if bytes.Equal(c.data, data) {
			s.newest = max(s.newest, id)
			return c.schema, nil
		}
		s.cache, s.newest = nil, 0
	}
	schema, err := spec.ParseSchema(data)
	if err != nil {
		return nil, damaged(path, err)
	}
	if schema.ID != id {
		return nil, errs.Corrupt(path, "it holds schema %d", schema.ID)
	}
	if s.cache == nil {
		s.cache = map[int64]cachedSchema{}
	}
	s.cache[id] = cachedSchema{data: data, schema: schema}
	s.newest = max(s.newest, id)
	return schema, nil
}

// IDs lists all schema ids, ascending.
func (s *Schemas) IDs(ctx context.Context) ([]int64, error) {
	return ids(ctx, s.store, s.dir, "schema-")
}

// Create writes schema.ID, or gives errs.ErrExists when it is taken.
func (s *Schemas) Create(ctx context.Context, schema *spec.TableSchema) error {
	data, err := schema.JSON()
	if err != nil {
		return err
	}
	return s.store.PutIfAbsent(ctx, s.Path(schema.ID), data)
}

// Delete removes schema files (fast-forward, rollback of a schema).
func (s *Schemas) Delete(ctx context.Context, ids ...int64) error {
	s.forget()
	paths := make([]string, len(ids))
	for i, id := range ids {
		paths[i] = s.Path(id)
	}
	return s.store.Delete(ctx, paths...)
}

// forget drops what was read: files were replaced.
func (s *Schemas) forget() {
	s.mu.Lock()
	s.cache, s.newest = nil, 0
	s.mu.Unlock()
}
