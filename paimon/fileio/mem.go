package fileio

import (
	"bytes"
	"context"
	"io/fs"
	"iter"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
)

// Mem keeps files in memory, for tests and for tables that need not survive.
type Mem struct {
	mu    sync.RWMutex
	files map[string]memFile
}

type memFile struct {
	data []byte
	mod  time.Time
}

var _ Store = (*Mem)(nil)

// NewMem makes an empty store.
func NewMem() *Mem { return &Mem{files: map[string]memFile{}} }

type memReader struct{ *bytes.Reader }

func (memReader) Close() error { return nil }

// Open implements Store.
func (m *Mem) Open(ctx context.Context, path string) (Reader, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f, ok := m.files[path]
	if !ok {
		return nil, kindOf("open", path, fs.ErrNotExist)
	}
	return memReader{bytes.NewReader(f.data)}, ctx.Err()
}

type memWriter struct {
	bytes.Buffer
	ctx   context.Context
	store *Mem
	path  string
}

func (w *memWriter) Close() error { return w.store.Put(w.ctx, w.path, w.Bytes()) }
func (w *memWriter) Abort()       {}

// Create implements Store.
func (m *Mem) Create(ctx context.Context, path string) (Writer, error) {
	return &memWriter{ctx: ctx, store: m, path: path}, ctx.Err()
}

// PutIfAbsent implements Store.
func (m *Mem) PutIfAbsent(ctx context.Context, path string, data []byte) error {
	return m.put(ctx, path, data, false)
}

// Put implements Store.
func (m *Mem) Put(ctx context.Context, path string, data []byte) error {
	return m.put(ctx, path, data, true)
}

func (m *Mem) put(ctx context.Context, path string, data []byte, replace bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[path]; ok && !replace {
		return kindOf("create", path, fs.ErrExist)
	}
	m.files[path] = memFile{bytes.Clone(data), time.Now()}
	return nil
}

// Stat implements Store.
func (m *Mem) Stat(ctx context.Context, path string) (Info, error) {
	for i, err := range m.List(ctx, parent(path)) {
		if err != nil {
			return Info{}, err
		}
		if i.Path == path {
			return i, nil
		}
	}
	return Info{}, kindOf("stat", path, fs.ErrNotExist)
}

func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

// List implements Store.
func (m *Mem) List(ctx context.Context, dir string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for _, i := range m.snapshot(dir) {
			if err := ctx.Err(); err != nil {
				yield(Info{}, err)
				return
			}
			if !yield(i, nil) {
				return
			}
		}
	}
}

func (m *Mem) snapshot(dir string) []Info {
	m.mu.RLock()
	defer m.mu.RUnlock()
	prefix := dir
	if dir != "" {
		prefix += "/"
	}
	seen := map[string]Info{}
	for p, f := range m.files {
		rest, ok := strings.CutPrefix(p, prefix)
		if !ok {
			continue
		}
		name, _, isDir := strings.Cut(rest, "/")
		i := Info{Path: prefix + name, Name: name, Dir: isDir, ModTime: f.mod}
		if !isDir {
			i.Size = int64(len(f.data))
		}
		seen[name] = i
	}
	out := make([]Info, 0, len(seen))
	for _, i := range seen {
		out = append(out, i)
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Name < out[b].Name })
	return out
}

// Delete implements Store.
func (m *Mem) Delete(ctx context.Context, paths ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range paths {
		delete(m.files, p)
	}
	return ctx.Err()
}

// DeleteTree implements Store.
func (m *Mem) DeleteTree(ctx context.Context, dir string) error {
	if dir == "" {
		return errs.Invalid("delete the warehouse itself: name a directory in it")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.files {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			delete(m.files, p)
		}
	}
	return ctx.Err()
}

// Rename implements Store.
func (m *Mem) Rename(ctx context.Context, from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	moved := map[string]string{}
	for p := range m.files {
		if p == to || strings.HasPrefix(p, to+"/") {
			return kindOf("rename to", to, fs.ErrExist)
		}
		if p == from || strings.HasPrefix(p, from+"/") {
			moved[p] = to + p[len(from):]
		}
	}
	if len(moved) == 0 {
		return kindOf("rename", from, fs.ErrNotExist)
	}
	for a, b := range moved {
		m.files[b] = m.files[a]
		delete(m.files, a)
	}
	return ctx.Err()
}
