package lint

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers is what layers.txt says.
type layers struct {
	allowed  map[string][]string // package → what it may import of the module
	confined map[string][]string // import path prefix, or "C" → the only packages that may use it
	modules  []string            // modules that the library may depend on
}

func readLayers(t *testing.T) *layers {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "layers.txt"))
	require.NoError(t, err)
	l := &layers{allowed: map[string][]string{}, confined: map[string][]string{}}
	groups := map[string][]string{}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, rest, ok := strings.Cut(line, ":")
		require.True(t, ok, "layers.txt:%d: want \"package: what it may import\"", i+1)
		var list []string
		for _, f := range strings.Fields(rest) {
			if strings.HasPrefix(f, "$") {
				require.Contains(t, groups, f, "layers.txt:%d: define the group before it is used", i+1)
				list = append(list, groups[f]...)
				continue
			}
			list = append(list, f)
		}
		switch {
		case name == "modules of paimon/...":
			l.modules = list
		case strings.HasPrefix(name, "$"):
			groups[name] = list
		case strings.HasPrefix(name, "only "):
			l.confined[strings.TrimPrefix(name, "only ")] = list
		default:
			require.NotContains(t, l.allowed, name, "layers.txt:%d: %s stands twice", i+1, name)
			l.allowed[name] = list
		}
	}
	return l
}

// TestLayers holds every import inside the module against layers.txt. The file
// is the architecture's diagram: changing it is a design decision.
func TestLayers(t *testing.T) {
	l := readLayers(t)
	seen := map[string][]string{}
	for _, f := range parsed(t) {
		if f.test {
			continue
		}
		if _, ok := seen[f.dir]; !ok {
			seen[f.dir] = nil
		}
		for _, path := range f.imports() {
			l.checkConfined(t, f, path)
			own, ok := strings.CutPrefix(path, module+"/")
			if !ok {
				continue
			}
			seen[f.dir] = append(seen[f.dir], own)
			if allowed, known := l.allowed[f.dir]; known && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s, which layers.txt does not allow: find another way, or decide that the line may grow", f.path, own)
			}
		}
	}
	for dir, imports := range seen {
		if _, ok := l.allowed[dir]; !ok {
			sort.Strings(imports)
			t.Errorf("package %s is not in layers.txt; as it is now, its line would be\n%s: %s", dir, dir, strings.Join(slices.Compact(imports), " "))
		}
	}
	for dir := range l.allowed {
		if _, ok := seen[dir]; !ok {
			t.Errorf("layers.txt: there is no package %s", dir)
		}
	}
}

func (l *layers) checkConfined(t *testing.T, f *goFile, path string) {
	for prefix, homes := range l.confined {
		if (path == prefix || strings.HasPrefix(path, prefix+"/")) && !slices.Contains(homes, f.dir) {
			t.Errorf("%s imports %s, which only %s may", f.path, path, strings.Join(homes, ", "))
		}
	}
}

// TestWall holds the two rules that keep the library a library, whatever
// layers.txt says.
func TestWall(t *testing.T) {
	for dir, imports := range readLayers(t).allowed {
		library := dir == "paimon" || strings.HasPrefix(dir, "paimon/")
		for _, i := range imports {
			if library && i != "paimon" && !strings.HasPrefix(i, "paimon/") {
				t.Errorf("layers.txt: %s is of the library and may not import %s", dir, i)
			}
			if !library && strings.HasPrefix(i, "paimon/internal/") {
				t.Errorf("layers.txt: %s is outside of the library and may not import %s", dir, i)
			}
		}
	}
}

// TestLibraryModules compares the modules that a user of the library gets with
// it, without cgo, with the list. Packages named ...test are for tests.
func TestLibraryModules(t *testing.T) {
	var packages []string
	for dir := range readLayers(t).allowed {
		if library := dir == "paimon" || strings.HasPrefix(dir, "paimon/"); library && !strings.HasSuffix(dir, "test") {
			packages = append(packages, "./"+dir)
		}
	}
	args := append([]string{"list", "-deps", "-f", `{{with .Module}}{{.Path}}{{end}}`}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	require.NoError(t, err, "go list: %s", stderr(err))
	allowed := readLayers(t).modules
	used := slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out)))))
	require.Contains(t, used, module)
	for _, m := range used {
		if m != module && !slices.Contains(allowed, m) {
			t.Errorf("the library depends on %s, which layers.txt does not list: every user of the library will get it", m)
		}
	}
	for _, m := range allowed {
		if !slices.Contains(used, m) {
			t.Errorf("layers.txt: the library does not depend on %s any more", m)
		}
	}
}

func stderr(err error) string {
	if e, ok := err.(*exec.ExitError); ok {
		return string(e.Stderr)
	}
	return fmt.Sprint(err)
}
