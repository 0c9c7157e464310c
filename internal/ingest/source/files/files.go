// Package files reads lines from a file, or from the files of a directory, as
// the source 'connector' = 'filesystem'.
//
// The files of a directory are read one after the other in the order of their
// names (bytes of the path below the directory); names that begin with '.' or
// '_' are left out. Without source.monitor-interval the source ends after the
// last line. With it the directory is listed again and again: new files are
// read, and files that grew are read on; a line counts once its newline is
// there.
//
// The position names the last file read in full and how far the others are
// read, in bytes, so a restart is exact as long as files only grow. What is
// told apart: a file that became shorter is an error. What is not: a file
// replaced by a longer one, and a file that was renamed, which is read as new.
// When reading to an end is resumed, a new file whose name sorts before those
// already read is not read.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Source is a file or a directory with its format.
type Source struct {
	cfg    Config
	fields []types.Field
}

var _ source.Source = (*Source)(nil)

// New declares a source of rows with these columns. A column whose type the
// format cannot hold is an error. It does not look at the files; Open does.
func New(cfg Config, fields []types.Field) (*Source, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, errs.Invalid("source of files %s declares no columns", cfg.Path)
	}
	d, err := cfg.decoder(fields)
	if err != nil {
		return nil, err
	}
	d.Release()
	return &Source{cfg: cfg, fields: fields}, nil
}

// Fields implements source.Source.
func (s *Source) Fields() []types.Field { return s.fields }

// Bounded implements source.Source: true without source.monitor-interval.
func (s *Source) Bounded() bool { return s.cfg.MonitorInterval == 0 }

// String names the source.
func (s *Source) String() string { return "files " + s.cfg.Path }

// Open implements source.Source. It fails when the path is absent or leads
// out of the folders that may be read.
func (s *Source) Open(_ context.Context, from change.Position) (source.Reader, error) {
	p, err := parsePosition(from, s.Bounded())
	if err != nil {
		return nil, fmt.Errorf("open files %s: %w", s.cfg.Path, err)
	}
	tree, err := openTree(s.cfg)
	if err != nil {
		return nil, fmt.Errorf("open files %s: %w", s.cfg.Path, err)
	}
	d, err := s.cfg.decoder(s.fields)
	if err != nil {
		_ = tree.close()
		return nil, err
	}
	r := &reader{cfg: s.cfg, tree: tree, decoder: d, at: p, closing: make(chan struct{})}
	if err := r.list(); err != nil {
		_ = r.Close()
		return nil, err
	}
	if err := r.checkPosition(); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// tree is what may be read: a folder that nothing leads out of, not even a
// symbolic link, and the file or directory in it.
type tree struct {
	root *os.Root
	base string // the path's place in root
	show string // the path as users know it
	dir  bool
}

func openTree(cfg Config) (*tree, error) {
	root, err := os.OpenRoot(cfg.root)
	if err != nil {
		return nil, notFound(err)
	}
	t := &tree{root: root, base: cfg.below, show: cfg.Path}
	info, err := root.Stat(t.base)
	switch {
	case err != nil:
		err = notFound(err)
	case info.IsDir():
		t.dir = true
	case !info.Mode().IsRegular():
		err = errs.Invalid("%s is neither a file nor a directory", cfg.Path)
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return t, nil
}

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errs.Kinded(errs.ErrNotFound, "%w: check the option 'path', which is relative to the script's folder", err)
	}
	return err
}

func (t *tree) close() error { return t.root.Close() }

// file is a file and its size when it was listed.
type file struct {
	name string // below the directory, with slashes; the base name of a single file
	size int64
}

// list gives the files in the order in which they are read.
func (t *tree) list() ([]file, error) {
	if !t.dir {
		info, err := t.root.Stat(t.base)
		if err != nil {
			return nil, notFound(err)
		}
		return []file{{filepath.Base(t.base), info.Size()}}, nil
	}
	var out []file
	below := filepath.ToSlash(t.base)
	err := fs.WalkDir(t.root.FS(), below, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p == below {
			return nil
		}
		if n := e.Name(); n[0] == '.' || n[0] == '_' {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		return t.add(&out, p, strings.TrimPrefix(p, below+"/"))
	})
	slices.SortFunc(out, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return out, err
}

// add takes a file into the list. Links are followed inside the root only.
func (t *tree) add(out *[]file, p, name string) error {
	info, err := t.root.Stat(filepath.FromSlash(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed since the directory was read
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	switch path.Ext(name) {
	case ".gz", ".bz2", ".zst", ".xz", ".deflate", ".snappy", ".lz4", ".zip":
		return errs.Unsupported("file %s is compressed: not supported; unpack it first", t.place(name))
	}
	*out = append(*out, file{name, info.Size()})
	return nil
}

func (t *tree) open(name string) (*os.File, error) {
	p := t.base
	if t.dir {
		p = filepath.Join(t.base, filepath.FromSlash(name))
	}
	f, err := t.root.Open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.Kinded(errs.ErrNotFound, "file %s is gone before it was read to its end: %w", t.place(name), err)
	}
	return f, err
}

// place names a file for users.
func (t *tree) place(name string) string {
	if t.dir {
		return path.Join(filepath.ToSlash(t.show), name)
	}
	return t.show
}
