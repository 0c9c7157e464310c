package render

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// tableFunc renders a function in FROM: Flink's windows, and the few row makers.
func (r *renderer) tableFunc(s *scope, f *ast.TableFunc) (string, []*relation) {
	name := strings.ToUpper(f.Call.Name.String())
	switch name {
	case "TUMBLE", "HOP", "CUMULATE":
		return r.windowTable(s, f, name)
	case "SESSION":
		r.unsupported(f, "SESSION windows", "number the sessions with LAG and a running SUM")
	case "RANGE", "GENERATE_SERIES", "SEQUENCE":
		return r.series(s, f, name)
	}
	if m := r.rowMaker(s, f, name); m != nil {
		r.lateralOrder(f)
		return m.lateral(), []*relation{m.rel}
	}
	known := []string{"TUMBLE", "HOP", "CUMULATE", "RANGE", "GENERATE_SERIES", "EXPLODE", "POSEXPLODE", "INLINE", "UNNEST", "SPLIT"}
	r.fail(f, didYouMean(name, known), "table function %s does not exist", f.Call.Name)
	return "", nil
}

// windowTable assigns rows to time windows: every column of the table, then
// window_start, window_end and window_time.
func (r *renderer) windowTable(s *scope, f *ast.TableFunc, name string) (string, []*relation) {
	table, timeCol, sizes := r.windowArgs(s, f, name)
	item, rels := r.table(s, table)
	in := rels[0]
	ref := &ast.ColumnRef{Pos: f.Pos, Parts: []ast.Ident{timeCol}}
	ts := r.columnRef(&scope{outer: s.outer, rels: rels}, ref)
	if ts.t != nil && !isStamp(ts.t) {
		r.fail(f, "", "the time column of a window must be a TIMESTAMP, %s is %s", timeCol.Name, ts.t.SQL())
	}
	t := ts.t
	if t == nil {
		t = typ("TIMESTAMP", 3)
	}
	stamp := r.stamp(f, ts)
	var start, end, windows string
	switch name {
	case "TUMBLE":
		start = "tarn_window_start(" + stamp + ", " + sizes[0] + ", " + sizes[1] + ")"
		end = "(" + start + " + " + sizes[0] + ")"
	case "HOP":
		// the windows that hold a row start at the last slide and go back
		windows = "generate_series(0, CAST(epoch(" + sizes[1] + ") / epoch(" + sizes[0] + ") AS BIGINT) - 1)"
		start = "(tarn_window_start(" + stamp + ", " + sizes[0] + ", " + sizes[2] + ") - " + sizes[0] + " * CAST(tarn_window AS INTEGER))"
		end = "(" + start + " + " + sizes[1] + ")"
	case "CUMULATE":
		start = "tarn_window_start(" + stamp + ", " + sizes[1] + ", " + sizes[2] + ")"
		windows = "generate_series(1, CAST(epoch(" + sizes[1] + ") / epoch(" + sizes[0] + ") AS BIGINT))"
		end = "(" + start + " + " + sizes[0] + " * CAST(tarn_window AS INTEGER))"
	}
	list, where := quote(in.alias)+".*", ""
	if windows != "" { // a row is in several
		item = "(SELECT *, unnest(" + windows + ") AS tarn_window FROM " + item + ") AS " + quote(in.alias)
		list += " EXCLUDE (tarn_window)"
		where = " WHERE " + stamp + " < " + end + " AND " + stamp + " >= " + start
	}
	rel := &relation{alias: in.alias, names: in.names, known: in.known}
	rel.cols = append(append([]Column{}, in.cols...), Column{"window_start", t}, Column{"window_end", t}, Column{"window_time", t})
	sql := "(SELECT " + list + ", " + start + " AS window_start, " + end + " AS window_end, " + end + " - to_milliseconds(1) AS window_time FROM " + item + where + ")"
	return r.aliased(f, sql, f.Alias, rel)
}

// windowArgs reads TUMBLE(TABLE t, DESCRIPTOR(ts), size[, offset]),
// HOP(TABLE t, DESCRIPTOR(ts), slide, size[, offset]) and
// CUMULATE(TABLE t, DESCRIPTOR(ts), step, max[, offset]), also with names.
func (r *renderer) windowArgs(s *scope, f *ast.TableFunc, name string) (ast.TableExpr, ast.Ident, []string) {
	want := map[string][]string{"TUMBLE": {"SIZE"}, "HOP": {"SLIDE", "SIZE"}, "CUMULATE": {"STEP", "SIZE"}}[name]
	var table ast.TableExpr
	var col ast.Ident
	sizes := make([]string, len(want)+1)
	sizes[len(want)] = "to_days(0)"
	next := 0
	for _, a := range f.Call.Args {
		slot := -1
		if n, ok := a.(*ast.NamedArg); ok {
			for i, w := range append(append([]string{}, want...), "OFFSET") {
				if strings.EqualFold(w, n.Name.Name) {
					slot = i
				}
			}
			a = n.Value
		}
		switch x := a.(type) {
		case *ast.TableArg:
			table = x.Table
		case *ast.Call:
			if len(x.Args) == 1 && strings.EqualFold(x.Name.Last(), "DESCRIPTOR") {
				if c, ok := x.Args[0].(*ast.ColumnRef); ok {
					col = c.Parts[len(c.Parts)-1]
				}
			}
		default:
			v := r.expr(s, a)
			if slot < 0 {
				slot, next = next, next+1
			}
			if !is(v.t, "INTERVAL") || slot >= len(sizes) {
				r.fail(a, "", "%s needs intervals here", name)
			}
			sizes[slot] = v.sql
		}
	}
	if table == nil || col.Name == "" || sizes[len(want)-1] == "" || sizes[0] == "" {
		r.fail(f, "", "write %s(TABLE t, DESCRIPTOR(time_column), %s)", name, strings.Join(want, ", "))
	}
	return table, col, sizes
}

func (r *renderer) series(s *scope, f *ast.TableFunc, name string) (string, []*relation) {
	args := make([]string, len(f.Call.Args))
	for i, a := range f.Call.Args {
		v := r.expr(s, a)
		if v.t != nil && !isInt(v.t) {
			r.fail(a, "", "%s needs integers", name)
		}
		args[i] = "CAST(" + v.sql + " AS BIGINT)"
	}
	if len(args) == 0 || len(args) > 3 {
		r.fail(f, "", "%s takes 1 to 3 arguments", name)
	}
	fn, col := "range", "id"
	if name != "RANGE" {
		fn, col = "generate_series", "generate_series"
	}
	rel := &relation{alias: strings.ToLower(name), names: []string{strings.ToLower(name)}, known: true, cols: []Column{{col, typ("BIGINT")}}}
	return r.aliased(f, "(SELECT * FROM "+fn+"("+strings.Join(args, ", ")+") AS g("+quote(col)+"))", f.Alias, rel)
}

// generator renders a SELECT item that makes rows: SELECT explode(a). Its rows
// come from unnests side by side, one for each column.
func (r *renderer) generator(s *scope, it ast.SelectItem) (parts []string, cols []Column, ok bool) {
	c, isCall := it.Expr.(*ast.Call)
	if !isCall || r.d == ast.Flink {
		return nil, nil, false
	}
	name := strings.ToUpper(c.Name.Last())
	switch name {
	case "EXPLODE", "EXPLODE_OUTER", "INLINE", "INLINE_OUTER", "POSEXPLODE", "STACK":
	case "UNNEST":
		if r.d != ast.MySQL {
			return nil, nil, false
		}
	default:
		return nil, nil, false
	}
	lists, cols := r.generatorLists(s, c, name)
	names := it.Aliases
	if it.Alias != nil {
		names = []ast.Ident{*it.Alias}
	}
	cols, _ = r.rename(c, cols, true, names)
	for i, l := range lists {
		if strings.HasSuffix(name, "_OUTER") {
			l = "CASE WHEN len(" + l + ") > 0 THEN " + l + " ELSE [NULL] END"
		}
		parts = append(parts, "unnest("+l+") AS "+quote(cols[i].Name))
		s.aliases[fold(cols[i].Name)] = val{sql: quote(cols[i].Name), t: cols[i].Type}
	}
	return parts, cols, true
}

// generatorLists gives a list for each column of a generator.
func (r *renderer) generatorLists(s *scope, c *ast.Call, name string) (lists []string, cols []Column) {
	if name == "STACK" {
		return r.stackLists(s, c)
	}
	if len(c.Args) != 1 {
		r.fail(c, "", "%s takes 1 argument, not %d", name, len(c.Args))
	}
	v := r.expr(s, c.Args[0])
	if name == "POSEXPLODE" {
		lists = append(lists, "range(CAST(coalesce(len("+v.sql+"), 0) AS BIGINT))")
		cols = append(cols, Column{"pos", typ("INT")})
	}
	x, done := r.lambdaName()
	defer done()
	switch el := elem(v.t); {
	case is(v.t, "MAP"):
		return append(lists, "map_keys("+v.sql+")", "map_values("+v.sql+")"), append(cols, Column{"key", v.t.Elem[0]}, Column{"value", v.t.Elem[1]})
	case strings.HasPrefix(name, "INLINE") && is(el, "ROW"):
		for _, f := range el.Fields {
			lists = append(lists, "list_transform("+v.sql+", lambda "+x+": "+x+"."+quote(f.Name)+")")
			cols = append(cols, Column{f.Name, f.Type})
		}
		return lists, cols
	default:
		return append(lists, v.sql), append(cols, Column{"col", el})
	}
}

// stackLists lays the arguments of STACK out column by column.
func (r *renderer) stackLists(s *scope, c *ast.Call) (lists []string, cols []Column) {
	if len(c.Args) < 2 {
		r.fail(c, "", "STACK takes a number of rows and values")
	}
	n, ok := digits(r.expr(s, c.Args[0]))
	if !ok || n < 1 || n > len(c.Args) {
		r.fail(c, "", "the first argument of STACK must be a positive number")
	}
	width := (len(c.Args) - 1 + n - 1) / n
	for j := range width {
		var elems []ast.Expr
		for i := range n {
			if k := 1 + i*width + j; k < len(c.Args) {
				elems = append(elems, c.Args[k])
			} else {
				elems = append(elems, &ast.Literal{Pos: c.Pos})
			}
		}
		a := r.array(s, elems)
		lists = append(lists, a.sql)
		cols = append(cols, Column{"col" + strconv.Itoa(j), elem(a.t)})
	}
	return lists, cols
}
