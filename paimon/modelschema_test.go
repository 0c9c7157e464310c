package paimon_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/types"
)

// modelColumn is a column under one schema. Values lie in a slot of the row,
// which no other column ever gets, in a form that no change of type touches:
// a schema only says which slots show, and how.
type modelColumn struct {
	slot   int
	kind   string // of values: int, cents (of decimals), text, day, list, row
	name   string
	typ    types.Type
	free   bool          // no engine compares or adds its values
	fields []modelColumn // of a row; their slots are keys of the value's map
}

// layout are the columns of a schema, in order. It never changes.
type layout []modelColumn

func newLayout(t *testing.T) layout {
	var out layout
	for slot, f := range modelFields {
		name, typ, _ := strings.Cut(f, " ")
		parsed, err := types.Parse(typ)
		require.NoError(t, err)
		kind := "int"
		if parsed.Root.IsText() {
			kind = "text"
		}
		out = append(out, modelColumn{slot: slot, kind: kind, name: name, typ: parsed})
	}
	return out
}

// of finds the column that shows a slot; -1 when none does.
func (l layout) of(slot int) int {
	return slices.IndexFunc(l, func(c modelColumn) bool { return c.slot == slot })
}

// keysFirst gives the positions of p, k and the others.
func (l layout) keysFirst() []int {
	out := []int{l.of(colP), l.of(colK)}
	for i, c := range l {
		if c.slot != colP && c.slot != colK {
			out = append(out, i)
		}
	}
	return out
}

func (l layout) pick(at []int) layout {
	out := make(layout, len(at))
	for i, p := range at {
		out[i] = l[p]
	}
	return out
}

func (l layout) line(r modelRow) string {
	words := make([]string, len(l))
	for i, c := range l {
		words[i] = "(null)"
		if v := r[c.slot]; v != nil {
			words[i] = c.text(v)
		}
	}
	return strings.Join(words, " ")
}

// text is the value as Arrow prints it.
func (c modelColumn) text(v any) string {
	switch c.kind {
	case "cents":
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%02d", v.(int)/100, v.(int)%100), "0"), ".")
	case "day":
		return time.Unix(int64(v.(int))*86400, 0).UTC().Format("2006-01-02")
	case "list":
		words := make([]string, len(v.([]int)))
		for i, x := range v.([]int) {
			words[i] = strconv.Itoa(x)
		}
		if c.typ.Root == types.Array {
			return "[" + strings.Join(words, ",") + "]"
		}
		return "[" + strings.Join(words, ", ") + "]"
	case "row":
		out := map[string]any{}
		for _, f := range c.fields {
			x := v.(map[int]any)[f.slot]
			if out[f.name] = x; x != nil && f.typ.Root.IsText() {
				out[f.name] = fmt.Sprint(x)
			}
		}
		data, _ := json.Marshal(out)
		return string(data)
	}
	return fmt.Sprint(v)
}

// random makes a value of a column that was added.
func (c modelColumn) random(r *rand.Rand) any {
	switch c.kind {
	case "text":
		return "t" + strconv.Itoa(r.IntN(50))
	case "list":
		out := make([]int, r.IntN(4))
		for i := range out {
			out[i] = r.IntN(9)
		}
		return out
	case "row":
		out := map[int]any{}
		for _, f := range c.fields {
			if r.IntN(3) > 0 {
				out[f.slot] = f.random(r)
			}
		}
		return out
	case "day":
		return 20000 + r.IntN(100)
	}
	return r.IntN(100)
}

// batch makes rows for a writer whose schema has these columns.
func (l layout) batch(t *testing.T, table *paimon.Table, changes []modelChange) paimon.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	defer b.Release()
	var kinds []types.RowKind
	require.Len(t, table.Fields(), len(l))
	for _, x := range changes {
		kinds = append(kinds, x.kind)
		for i, c := range l {
			require.Equal(t, c.name, table.Fields()[i].Name)
			if v := x.row[c.slot]; v == nil {
				b.Field(i).AppendNull()
			} else {
				require.NoError(t, b.Field(i).AppendValueFromString(c.text(v)))
			}
		}
	}
	return paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}
}

// widened are the types that a column goes through: each reads what the ones
// before it wrote, and it does not matter whether files in between were
// rewritten.
var widened = map[string][]string{
	"int":   {"TINYINT", "SMALLINT", "INT", "BIGINT", "STRING"},
	"cents": {"DECIMAL(6,2)", "DECIMAL(10,2)", "DECIMAL(20,4)", "DECIMAL(38,6)"},
	"text":  {"VARCHAR(8)", "VARCHAR(20)", "STRING"},
	"day":   {"DATE", "STRING"},
	"list":  {"ARRAY<INT>", "STRING"},
	"float": {"SMALLINT", "INT", "DOUBLE"},
}

// alterer makes changes of a schema, one after the other.
type alterer struct {
	t       *testing.T
	r       *rand.Rand
	u       rules
	at      layout
	next    *int // slot
	changes []catalog.SchemaChange
	touched map[string]bool // names in use before or after some of the changes
	renamed map[int]bool    // slots
	log     []string
}

func (a *alterer) do(what string, c ...catalog.SchemaChange) {
	a.changes = append(a.changes, c...)
	a.log = append(a.log, what)
}

func parseType(t *testing.T, text string) types.Type {
	out, err := types.Parse(text)
	require.NoError(t, err)
	return out
}

func (a *alterer) step() {
	a.at = slices.Clone(a.at)
	i := a.r.IntN(len(a.at))
	c := &a.at[i]
	switch a.r.IntN(8) {
	case 0, 1:
		a.add()
	case 2:
		if c.slot >= modelColumns && !a.renamed[c.slot] { // options have their new names at the end
			a.do("drop "+c.name, catalog.DropColumn{Path: []string{c.name}}, catalog.RemoveOption{Key: "fields." + c.name + ".aggregate-function"},
				catalog.RemoveOption{Key: "fields." + c.name + ".ignore-retract"})
			a.at = slices.Delete(a.at, i, i+1)
		}
	case 3:
		if name := a.freeName(); c.slot != colP || !a.u.partitioned {
			a.do("rename "+c.name+" to "+name, catalog.RenameColumn{Path: []string{c.name}, NewName: name})
			c.name, a.renamed[c.slot] = name, true
		}
	case 4, 5:
		a.widen(c)
	case 6:
		a.move(i)
	case 7:
		if c.slot == colS && (a.u.engine == "deduplicate" || a.u.engine == "first-row") {
			a.do(fmt.Sprintf("nullable %s: %t", c.name, !c.typ.Nullable), catalog.UpdateColumnNullability{Path: []string{c.name}, Nullable: !c.typ.Nullable})
			c.typ.Nullable = !c.typ.Nullable
		} else {
			a.nested(c)
		}
	}
}

// freeName gives a name that is no column's; those of dropped columns come
// again.
func (a *alterer) freeName() string {
	for {
		name := "n" + strconv.Itoa(a.r.IntN(30))
		if !a.touched[name] {
			a.touched[name] = true
			return name
		}
	}
}

func (a *alterer) add() {
	if *a.next == len(modelRow{}) {
		return
	}
	c := modelColumn{slot: *a.next, kind: pickOne(a.r, "int", "cents", "text", "day", "list", "row", "float"), name: a.freeName()}
	*a.next++
	if c.kind == "row" {
		c.typ = types.RowOf(types.Field{Name: "x", Type: types.Of(types.Int)}, types.Field{Name: "y", Type: types.String()})
		c.fields = []modelColumn{{slot: 0, kind: "int", name: "x", typ: types.Of(types.Int)}, {slot: 1, kind: "text", name: "y", typ: types.String()}}
	} else {
		c.typ = parseType(a.t, widened[c.kind][0])
	}
	to := a.r.IntN(len(a.at) + 1)
	m := &catalog.Move{Column: c.name, Place: catalog.First}
	if to > 0 {
		m.Place, m.Reference = catalog.After, a.at[to-1].name
	}
	a.do(fmt.Sprintf("add %s %s at %d", c.name, c.typ, to), catalog.AddColumn{Path: []string{c.name}, Type: c.typ, Move: m})
	if a.u.engine == "aggregation" {
		a.u.functions[c.slot] = "last_non_null_value"
		a.do("", catalog.SetOption{Key: "fields." + c.name + ".aggregate-function", Value: "last_non_null_value"},
			catalog.SetOption{Key: "fields." + c.name + ".ignore-retract", Value: "true"})
	}
	a.at = slices.Insert(a.at, to, c)
}

// stage is a later type of a column; "" when it has gone through all.
func (c *modelColumn) stage(r *rand.Rand) string {
	list := widened[c.kind]
	if c.slot < modelColumns && !c.free { // engines compare and add them
		list = list[:len(list)-1]
	}
	if at := slices.Index(list, c.typ.AsNullable().String()); at >= 0 && at < len(list)-1 {
		return list[at+1+r.IntN(len(list)-at-1)]
	}
	return ""
}

func (a *alterer) widen(c *modelColumn) {
	if c.kind == "list" && c.typ.Root == types.Array && c.typ.Elem.Root == types.Int && a.r.IntN(2) == 0 {
		a.do("widen the elements of "+c.name, catalog.UpdateColumnType{Path: []string{c.name, "element"}, Type: types.Of(types.BigInt)})
		c.typ = types.ArrayOf(types.Of(types.BigInt))
		return
	}
	next := c.stage(a.r)
	if c.kind == "list" && c.typ.Root == types.Array {
		next = "STRING"
	}
	if next == "" || c.slot == colP || c.slot == colK {
		return
	}
	to := parseType(a.t, next)
	a.do("change "+c.name+" to "+next, catalog.UpdateColumnType{Path: []string{c.name}, Type: to, KeepNullability: true})
	to.Nullable = c.typ.Nullable
	c.typ = to
}

func (a *alterer) move(i int) {
	c := a.at[i]
	rest := slices.Delete(slices.Clone(a.at), i, i+1)
	to := a.r.IntN(len(rest) + 1)
	m := catalog.Move{Column: c.name, Place: catalog.Last}
	switch {
	case to == i:
		return
	case to == 0:
		m.Place = catalog.First
	case to < len(rest):
		m.Place, m.Reference = catalog.Before, rest[to].name
	}
	a.at = slices.Insert(rest, to, c)
	a.do(fmt.Sprintf("move %s to %d", c.name, to), catalog.UpdateColumnPosition{Move: m})
}

// nested changes the fields of a row.
func (a *alterer) nested(c *modelColumn) {
	if c.kind != "row" {
		return
	}
	c.fields = slices.Clone(c.fields)
	i := a.r.IntN(len(c.fields))
	f := &c.fields[i]
	path := []string{c.name, f.name}
	last := 0
	for _, x := range c.fields {
		last = max(last, x.slot)
	}
	switch op := a.r.IntN(4); {
	case op == 0:
		*a.next++ // slots of fields are as unique as those of columns
		add := modelColumn{slot: 100 + *a.next, kind: "int", name: a.freeName(), typ: types.Of(types.TinyInt)}
		if *a.next > len(modelRow{}) {
			*a.next = len(modelRow{})
			return
		}
		a.do("add "+c.name+"."+add.name, catalog.AddColumn{Path: []string{c.name, add.name}, Type: add.typ})
		c.fields = append(c.fields, add)
	case op == 1 && len(c.fields) > 1:
		a.do("drop "+c.name+"."+f.name, catalog.DropColumn{Path: path})
		c.fields = slices.Delete(c.fields, i, i+1)
	case op == 2:
		name := a.freeName()
		a.do("rename "+c.name+"."+f.name+" to "+name, catalog.RenameColumn{Path: path, NewName: name})
		f.name = name
	default:
		f.slot += modelColumns // any stage
		next := f.stage(a.r)
		f.slot -= modelColumns
		if next != "" {
			a.do("change "+c.name+"."+f.name+" to "+next, catalog.UpdateColumnType{Path: path, Type: parseType(a.t, next)})
			f.typ = parseType(a.t, next)
		}
	}
}

// alter changes the schema of all variants in the same way.
func (x *modelRun) alter(each func(func(*variant, *rand.Rand))) {
	a := &alterer{t: x.t, r: x.r, u: x.m.rules, at: x.m.at, next: &x.slots, touched: map[string]bool{}, renamed: map[int]bool{}}
	for _, c := range x.m.at {
		a.touched[c.name] = true
		for _, f := range c.fields {
			a.touched[f.name] = true
		}
	}
	for range 1 + x.r.IntN(3) {
		a.step()
	}
	if len(a.changes) == 0 {
		return
	}
	x.log = append(x.log, "  alter: "+strings.Join(a.log, "; "))
	x.m.at = a.at
	x.layouts = append(x.layouts, a.at)
	if x.r.IntN(2) == 0 {
		each(func(v *variant, _ *rand.Rand) { v.restart() })
	}
	each(func(v *variant, _ *rand.Rand) {
		require.NoError(x.t, v.w.Catalog().AlterTable(v.ctx, users, a.changes))
		require.Equal(x.t, int64(len(x.layouts)-1), v.table(nil).Schema().ID)
	})
}
