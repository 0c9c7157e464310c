package lint

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxLines is how long a Go file may be; 500 is what to aim at.
const maxLines = 800

func TestFileSize(t *testing.T) {
	for _, f := range parsed(t) {
		if f.lines > maxLines {
			t.Errorf("%s has %d lines, %d are allowed: split it by topic", f.path, f.lines, maxLines)
		}
	}
}

func TestNoInit(t *testing.T) {
	for _, f := range parsed(t) {
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init() hides work and order; build a value and pass it in", f.at(fn))
			}
		}
	}
}

func TestPackageNames(t *testing.T) {
	grabBags := map[string]bool{"util": true, "utils": true, "common": true, "helper": true, "helpers": true, "misc": true, "base": true}
	for _, f := range parsed(t) {
		if grabBags[f.tree.Name.Name] {
			t.Errorf("%s: package %s says nothing; name it after what it holds", f.path, f.tree.Name.Name)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range parsed(t) {
		if f.test || f.tree.Name.Name == "main" {
			continue
		}
		for _, d := range f.tree.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s needs a comment: its contract, units, errors", f.at(name), name.Name)
			}
		}
	}
}

// undocumented gives the exported names of a declaration that have no comment.
// Methods of unexported types, and those whose contract is an interface of the
// standard library, need none.
func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !wellKnown[d.Name.Name] {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc != nil || d.Tok == token.IMPORT {
			return nil
		}
		var out []*ast.Ident
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && s.Comment == nil {
					out = append(out, s.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && s.Doc == nil && s.Comment == nil {
						out = append(out, n)
					}
				}
			}
		}
		return out
	}
	return nil
}

// wellKnown are methods that everybody knows the contract of.
var wellKnown = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "String": true, "Len": true, "Less": true, "Swap": true,
	"Retain": true, "Release": true, "Close": true, "Read": true, "Write": true, "MarshalJSON": true, "UnmarshalJSON": true,
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// machinePath finds paths of the machine that somebody works on.
var machinePath = regexp.MustCompile(`(^|[^\w.$}/-])/(work|root|home/\w+|Users/\w+|tmp/[\w.*-]+)(/|\b)`)

// throwaway are paths under the temporary directory that are there to be
// refused or only shown.
var throwaway = map[string]bool{"/tmp/x": true}

func TestNoMachinePaths(t *testing.T) {
	textual := map[string]bool{".go": true, ".md": true, ".sh": true, ".sql": true, ".txt": true, ".java": true, ".xml": true, ".yml": true, ".yaml": true, "": true, ".c": true, ".h": true, ".mod": true}
	self := "internal/lint/style_test.go"
	require.NoError(t, walk(func(path string) error {
		if !textual[filepath.Ext(path)] || path == self || strings.Contains(path, "/testdata/") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, m := range machinePath.FindAllString(line, -1) {
				if p := m[strings.Index(m, "/"):]; !throwaway[strings.TrimSuffix(p, "/")] {
					t.Errorf("%s:%d: %s is a path of somebody's machine: take it from an argument, or t.TempDir", path, i+1, p)
				}
			}
		}
		return nil
	}))
}

// parsed gives the tree's Go files; there are some, or the test tests nothing.
func parsed(t *testing.T) []*goFile {
	t.Helper()
	files, err := goFiles()
	require.NoError(t, err)
	require.Greater(t, len(files), 100, "the tree was not found")
	return files
}
