// Package lint holds the tree to its own rules: who may import whom, how long
// a file may be, what needs a comment. It is only tests; what they need lies
// here and in layers.txt at the root.
package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// module is the path that all imports of the tree's own packages start with.
const module = "github.com/tarndb/tarn"

// root is the tree's root, seen from this package's folder.
const root = "../.."

// goFile is one parsed source file.
type goFile struct {
	path  string // from the root, with slashes
	dir   string // the package's folder, "." for the root
	test  bool
	lines int
	tree  *ast.File
	set   *token.FileSet
}

// at gives path:line of a node.
func (f *goFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.set.Position(n.Pos()).Line)
}

// imports gives the imported paths.
func (f *goFile) imports() []string {
	var out []string
	for _, i := range f.tree.Imports {
		out = append(out, strings.Trim(i.Path.Value, `"`))
	}
	return out
}

// walk calls visit for every file of the tree that somebody wrote: not for
// what make builds, for the demos' tables, or for hidden folders but .ci.
func walk(visit func(path string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && rel != "." && rel != ".ci"
			if hidden || slices.Contains([]string{"bin", "demo", "lake"}, rel) {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		return visit(rel)
	})
}

// goFiles parses all Go files, whatever their build tags.
func goFiles() ([]*goFile, error) {
	var out []*goFile
	err := walk(func(path string) error {
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil {
			return err
		}
		f := &goFile{path: path, dir: filepath.ToSlash(filepath.Dir(path)), test: strings.HasSuffix(path, "_test.go"), set: token.NewFileSet()}
		f.lines = strings.Count(string(text), "\n")
		f.tree, err = parser.ParseFile(f.set, path, text, parser.ParseComments|parser.SkipObjectResolution)
		out = append(out, f)
		return err
	})
	return out, err
}
