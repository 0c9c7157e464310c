package fileio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/tarndb/tarn/paimon/errs"
)

// Local keeps files under a directory of the local file system.
type Local struct {
	root string
	// Sync makes Close of written files, PutIfAbsent and Put wait until the
	// bytes are on disk. Without it a power failure (not a crash of the
	// process) may lose the newest commits, as with Paimon on a local path.
	Sync bool

	temp atomic.Uint64
}

var (
	_ Store    = (*Local)(nil)
	_ Locator  = (*Local)(nil)
	_ Resolver = (*Local)(nil)
)

// NewLocal opens the directory root, creating it when absent.
func NewLocal(root string) (*Local, error) {
	abs, err := filepath.Abs(root)
	if err == nil {
		err = os.MkdirAll(abs, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("open warehouse %s: %w", root, err)
	}
	return &Local{root: abs}, nil
}

// Root gives the absolute path of the store's directory.
func (l *Local) Root() string { return l.root }

// LocalPath implements Locator.
func (l *Local) LocalPath(path string) string {
	return filepath.Join(l.root, filepath.FromSlash(path))
}

// KeyOf implements Resolver: what lies in the store's directory, by its name
// with or without "file:".
func (l *Local) KeyOf(uri string) (string, bool) {
	name, hadScheme := strings.CutPrefix(uri, "file:")
	if hadScheme && strings.HasPrefix(name, "//") {
		name = name[2:] // an empty authority
	}
	if !strings.HasPrefix(name, "/") {
		return "", false
	}
	rel, err := filepath.Rel(l.root, filepath.FromSlash(name))
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// isURI reports whether a path names a file by URI, as no path in a store does.
func isURI(path string) bool {
	first, _, deeper := strings.Cut(path, "/")
	return deeper && strings.HasSuffix(first, ":")
}

// resolve guards against paths that leave the root.
func (l *Local) resolve(ctx context.Context, path string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if isURI(path) {
		return "", errs.Unsupported("%s lies outside of the warehouse, which this version of Tarn does not leave", path)
	}
	if path != "" && !filepath.IsLocal(filepath.FromSlash(path)) {
		return "", errs.Invalid("path %q leaves the warehouse", path)
	}
	return l.LocalPath(path), nil
}

// kindOf translates the system's errors into the library's kinds.
func kindOf(op, path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errs.Kinded(errs.ErrNotFound, "%s %s: no such file", op, path)
	case errors.Is(err, fs.ErrExist):
		return errs.Kinded(errs.ErrExists, "%s %s: the file exists", op, path)
	}
	return fmt.Errorf("%s %s: %w", op, path, err)
}

type localReader struct {
	*os.File
	size int64
}

func (r *localReader) Size() int64 { return r.size }

// Open implements Store.
func (l *Local) Open(ctx context.Context, path string) (Reader, error) {
	name, err := l.resolve(ctx, path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, kindOf("open", path, err)
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = errors.New("is a directory")
	}
	if err != nil {
		f.Close()
		return nil, kindOf("open", path, err)
	}
	return &localReader{f, st.Size()}, nil
}

type localWriter struct {
	store *Local
	f     *os.File
	path  string
	final string
}

// tempName makes a hidden name beside final that no other writer takes.
func (l *Local) tempName(final string) string {
	return filepath.Join(filepath.Dir(final), fmt.Sprintf(".%s.%d.%d.tmp", filepath.Base(final), os.Getpid(), l.temp.Add(1)))
}

// createTemp opens a temporary file beside final, making its directory.
func (l *Local) createTemp(final string) (*os.File, error) {
	for range 2 {
		f, err := os.OpenFile(l.tempName(final), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if err := l.makeDir(filepath.Dir(final)); err != nil {
			return nil, err
		}
	}
	return nil, fs.ErrNotExist
}

// makeDir makes a directory and those above it, durably with Sync.
func (l *Local) makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := l.makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return l.syncDir(dir)
}

// Create implements Store.
func (l *Local) Create(ctx context.Context, path string) (Writer, error) {
	final, err := l.resolve(ctx, path)
	if err != nil {
		return nil, err
	}
	f, err := l.createTemp(final)
	if err != nil {
		return nil, kindOf("create", path, err)
	}
	return &localWriter{l, f, path, final}, nil
}

func (w *localWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	return n, kindOf("write", w.path, err)
}

func (w *localWriter) Close() error {
	err := w.store.finish(w.f)
	if err == nil {
		err = os.Rename(w.f.Name(), w.final)
	}
	if err != nil {
		os.Remove(w.f.Name())
	} else {
		err = w.store.syncDir(w.final) // a snapshot may name the file next
	}
	return kindOf("write", w.path, err)
}

func (w *localWriter) Abort() {
	w.f.Close()
	os.Remove(w.f.Name())
}

// finish syncs, when wanted, and closes.
func (l *Local) finish(f *os.File) error {
	var err error
	if l.Sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// writeTemp writes data to a temporary file beside final and gives its name.
func (l *Local) writeTemp(final string, data []byte) (string, error) {
	f, err := l.createTemp(final)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, l.finish(f)); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// PutIfAbsent implements Store: the bytes go to a temporary file that is then
// linked under its name, which the system does for one caller only.
func (l *Local) PutIfAbsent(ctx context.Context, path string, data []byte) error {
	final, err := l.resolve(ctx, path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(final); err == nil {
		return kindOf("create", path, fs.ErrExist)
	}
	temp, err := l.writeTemp(final, data)
	if err != nil {
		return kindOf("create", path, err)
	}
	defer os.Remove(temp)
	if err := os.Link(temp, final); err != nil {
		return kindOf("create", path, err)
	}
	return kindOf("create", path, l.syncDir(final))
}

// syncDir makes the entry of a file in its directory durable, when wanted.
func (l *Local) syncDir(name string) error {
	if !l.Sync {
		return nil
	}
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Put implements Store.
func (l *Local) Put(ctx context.Context, path string, data []byte) error {
	final, err := l.resolve(ctx, path)
	if err != nil {
		return err
	}
	temp, err := l.writeTemp(final, data)
	if err == nil {
		if err = os.Rename(temp, final); err != nil {
			os.Remove(temp)
		} else {
			err = l.syncDir(final)
		}
	}
	return kindOf("write", path, err)
}

// Stat implements Store.
func (l *Local) Stat(ctx context.Context, path string) (Info, error) {
	name, err := l.resolve(ctx, path)
	if err != nil {
		return Info{}, err
	}
	st, err := os.Stat(name)
	if err != nil {
		return Info{}, kindOf("stat", path, err)
	}
	return infoOf(path, st), nil
}

func infoOf(path string, st fs.FileInfo) Info {
	i := Info{Path: path, Name: st.Name(), Dir: st.IsDir(), ModTime: st.ModTime()}
	if !i.Dir {
		i.Size = st.Size()
	}
	return i
}

// List implements Store. Unfinished temporary files are not shown.
func (l *Local) List(ctx context.Context, dir string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		name, err := l.resolve(ctx, dir)
		if err != nil {
			yield(Info{}, err)
			return
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				yield(Info{}, kindOf("list", dir, err))
			}
			return
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), ".tmp") {
				continue
			}
			st, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted since ReadDir
			}
			if err != nil {
				yield(Info{}, kindOf("list", dir, err))
				return
			}
			if !yield(infoOf(Join(dir, e.Name()), st), nil) {
				return
			}
		}
	}
}

// Delete implements Store.
func (l *Local) Delete(ctx context.Context, paths ...string) error {
	var all error
	for _, p := range paths {
		name, err := l.resolve(ctx, p)
		if err == nil {
			if err = os.Remove(name); errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
		all = errors.Join(all, kindOf("delete", p, err))
	}
	return all
}

// DeleteTree implements Store.
func (l *Local) DeleteTree(ctx context.Context, dir string) error {
	if dir == "" {
		return errs.Invalid("delete the warehouse itself: name a directory in it")
	}
	name, err := l.resolve(ctx, dir)
	if err != nil {
		return err
	}
	return kindOf("delete", dir, os.RemoveAll(name))
}

// Rename implements Store.
func (l *Local) Rename(ctx context.Context, from, to string) error {
	src, err := l.resolve(ctx, from)
	if err != nil {
		return err
	}
	dst, err := l.resolve(ctx, to)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dst); err == nil {
		return kindOf("rename to", to, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return kindOf("rename to", to, err)
	}
	return kindOf("rename", from, os.Rename(src, dst))
}
