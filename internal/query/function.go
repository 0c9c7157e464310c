package query

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/query/render"
	"github.com/tarndb/tarn/paimon/errs"
)

// AutoID is the engine's function that gives every row a new id (see
// dict.AutoID); SQL calls it AUTO_ID().
const AutoID = "tarn_auto_id"

const autoID = "AUTO_ID"

// classesSetting names further classes and the built-in functions that do what
// they do: 'class=function,…'.
const classesSetting = "tarn.function-classes"

// engineFunctions are the functions of SQL that the process adds to the engine.
func engineFunctions() map[string]render.Function {
	return map[string]render.Function{autoID: {SQL: AutoID, Type: &ast.TypeName{Name: "BIGINT"}}}
}

// functionClasses gives the built-in function, in upper case, of every class of
// a Java function that has one here.
func (s *Session) functionClasses() (map[string]string, error) {
	out := map[string]string{"cn.qihoo360.member.udf.flink.AutoIDGeneratorUDF": autoID}
	more, err := parseClasses(s.setting(classesSetting, ""))
	for class, name := range more {
		out[class] = name
	}
	return out, err
}

func parseClasses(value string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range strings.Split(value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		class, name, ok := strings.Cut(pair, "=")
		class, name = strings.TrimSpace(class), strings.ToUpper(strings.TrimSpace(name))
		if !ok || class == "" || name == "" {
			return nil, errs.Invalid("SET '%s' = '%s': want 'class=built-in function,…'", classesSetting, value)
		}
		out[class] = name
	}
	return out, nil
}

func builtin(d dialect.Dialect, name string) bool {
	_, ok := engineFunctions()[name]
	return ok || slices.Contains(render.Functions(d), name)
}

// functionKey is what a function is kept under: its name in upper case, after
// the database that it belongs to. Flink's temporary system functions, and all
// of Spark's, belong to none.
func (s *Session) functionKey(n ast.Name, system bool) (string, error) {
	last := strings.ToUpper(n.Parts[len(n.Parts)-1].Name)
	if system || s.o.Dialect == dialect.Spark {
		if len(n.Parts) > 1 {
			return "", errs.Invalid("line %d, column %d: function %s belongs to no database; write its name alone", n.Line, n.Column, n)
		}
		return last, nil
	}
	switch len(n.Parts) {
	case 1:
		return s.database + "." + last, nil
	case 2:
		return n.Parts[0].Name + "." + last, nil
	case 3:
		if slices.Contains(s.catalogs, n.Parts[0].Name) {
			return n.Parts[1].Name + "." + last, nil
		}
		return "", errs.Kinded(errs.ErrNotFound, "line %d, column %d: function %s: catalog %s does not exist; there are %s", n.Line, n.Column, n, n.Parts[0].Name, strings.Join(s.catalogs, ", "))
	}
	return "", errs.Invalid("line %d, column %d: function name %s: want at most catalog.database.function", n.Line, n.Column, n)
}

// createFunction binds a name to the built-in function that does what the class
// does, for as long as the session lives: the file system's catalog keeps no
// functions.
func (s *Session) createFunction(st *ast.CreateFunction) (*Result, error) {
	if st.System && !st.Temporary {
		return nil, errs.Unsupported("line %d, column %d: CREATE SYSTEM FUNCTION; write CREATE TEMPORARY SYSTEM FUNCTION", st.Line, st.Column)
	}
	if st.Language != "" && st.Language != "JAVA" && st.Language != "SCALA" {
		return nil, errs.Unsupported("line %d, column %d: function %s in LANGUAGE %s; Tarn stands in for known JAVA classes only", st.Line, st.Column, st.Name, st.Language)
	}
	key, err := s.functionKey(st.Name, st.System)
	if err != nil {
		return nil, err
	}
	if _, taken := s.functions[key]; taken && !st.Replace {
		if st.IfNotExists {
			return done("function %s exists", st.Name), nil
		}
		return nil, errs.Kinded(errs.ErrExists, "line %d, column %d: function %s exists", st.Line, st.Column, st.Name)
	}
	classes, err := s.functionClasses()
	if err != nil {
		return nil, err
	}
	name, ok := classes[st.Class]
	if !ok {
		return nil, errs.Unsupported("line %d, column %d: function %s: class '%s' is not known, and Tarn runs no Java: if a built-in function does the same, name it with SET '%s' = '%s=<function>'; or write an expression where the function is called; or run the job with Flink on the same tables",
			st.Line, st.Column, st.Name, st.Class, classesSetting, st.Class)
	}
	if !builtin(s.o.Dialect, name) {
		hint := ""
		if near := ast.Nearest(name, render.Functions(s.o.Dialect)); near != "" {
			hint = "; did you mean " + near + "?"
		}
		return nil, errs.Invalid("line %d, column %d: function %s: '%s' maps class '%s' to %s, which is no built-in function%s", st.Line, st.Column, st.Name, classesSetting, st.Class, name, hint)
	}
	s.functions[key] = name
	return done("function %s is the built-in %s, in this session", st.Name, name), nil
}

func (s *Session) dropFunction(st *ast.Drop) error {
	key, err := s.functionKey(st.Name, st.System)
	if err != nil {
		return err
	}
	if _, ok := s.functions[key]; !ok {
		return errs.Kinded(errs.ErrNotFound, "line %d, column %d: function %s does not exist", st.Line, st.Column, st.Name)
	}
	delete(s.functions, key)
	return nil
}

// bindFunctions puts the built-in functions' names in place of those of CREATE
// FUNCTION. A name alone is looked up as Flink does: temporary system functions
// first, then the built-in ones, then those of the current database.
func (s *Session) bindFunctions(q *ast.Query) {
	if len(s.functions) == 0 {
		return
	}
	ast.Walk(q, func(n ast.Node) bool {
		if c, ok := n.(*ast.Call); ok {
			if name, ok := s.boundTo(c.Name); ok {
				c.Name.Parts = []ast.Ident{{Pos: c.Name.Pos, Name: name}}
			}
		}
		return true
	})
}

func (s *Session) boundTo(n ast.Name) (string, bool) {
	if len(n.Parts) == 1 {
		upper := strings.ToUpper(n.Parts[0].Name)
		if name, ok := s.functions[upper]; ok {
			return name, true
		}
		if builtin(s.o.Dialect, upper) {
			return "", false
		}
	}
	key, err := s.functionKey(n, false)
	if err != nil {
		return "", false // the renderer reports the call
	}
	name, ok := s.functions[key]
	return name, ok
}
