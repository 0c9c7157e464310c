package paimon_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/paimon/types"
)

// The model of a table: a map, and the rules of merge engines for one row
// after another. It knows no files, levels or compactions, and shares no code
// with the table store.
//
// Paimon's results depend in places on when compaction runs: an older row that
// comes after a delete shows if compaction has dropped the tombstone, say. The
// rules below and the rows that modelRows makes leave those out.

// Columns of the table: p INT, k INT, s INT, a INT, b STRING, c BIGINT.
const (
	colP = iota
	colK
	colS
	colA
	colB
	colC
	modelColumns
)

var modelFields = []string{"p INT", "k INT", "s INT", "a INT", "b STRING", "c BIGINT"}

// modelRow holds a row; nil is NULL. The first are the columns above, the
// others those that come later.
type modelRow [modelColumns + 16]any

type modelChange struct {
	kind types.RowKind
	row  modelRow
}

func (c modelChange) line(l layout) string { return c.kind.String() + " " + l.line(c.row) }

// modelState is what a key has: its row, and what its engine remembers.
type modelState struct {
	row   modelRow
	seen  [len(modelRow{})]bool // first_value has had its value
	group any                   // sequence of the group
}

type modelKey struct{ p, k int }

// model is a table in memory.
type model struct {
	rules rules
	at    layout
	rows  map[modelKey]*modelState
	// floor is the least sequence that a deleted key may come back with.
	floor map[modelKey]int
}

// rules are the options that say what a table means.
type rules struct {
	engine      string
	partitioned bool
	sequence    bool // `sequence.field` = s
	descending  bool
	group       bool // partial-update: s is the sequence group of a and c
	sumInGroup  bool // c of the group is summed up
	removes     bool // partial-update.remove-record-on-delete
	functions   map[int]string
	producer    string
}

func randomRules(r *rand.Rand) rules {
	u := rules{engine: pickOne(r, "deduplicate", "deduplicate", "partial-update", "partial-update", "aggregation", "first-row"), partitioned: r.IntN(3) == 0}
	u.producer = pickOne(r, "none", "input", "lookup", "full-compaction")
	switch u.engine {
	case "deduplicate":
		u.sequence = r.IntN(3) == 0
		u.descending = u.sequence && r.IntN(2) == 0
	case "partial-update":
		u.group = r.IntN(2) == 0
		u.sumInGroup = u.group && r.IntN(2) == 0
		u.removes = !u.group
	case "aggregation":
		u.functions = map[int]string{colS: "max", colA: pickOne(r, "sum", "max", "min", "first_value", "last_value", "last_non_null_value"),
			colB: pickOne(r, "listagg", "last_non_null_value", "first_non_null_value", "max"), colC: pickOne(r, "sum", "max", "min")}
		if !u.partitioned {
			u.functions[colP] = "max"
		}
	case "first-row":
		u.producer = pickOne(r, "none", "lookup")
	}
	return u
}

func pickOne[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func (u rules) options() map[string]string {
	o := map[string]string{"merge-engine": u.engine, "changelog-producer": u.producer}
	if u.sequence {
		o["sequence.field"] = "s"
		if u.descending {
			o["sequence.field.sort-order"] = "descending"
		}
	}
	if u.group {
		o["fields.s.sequence-group"] = "a,c"
		if u.sumInGroup {
			o["fields.c.aggregate-function"] = "sum"
		}
	}
	if u.removes {
		o["partial-update.remove-record-on-delete"] = "true"
	}
	for c, fn := range u.functions {
		name, _, _ := strings.Cut(modelFields[c], " ")
		o["fields."+name+".aggregate-function"] = fn
		if fn != "sum" {
			o["fields."+name+".ignore-retract"] = "true"
		}
	}
	return o
}

func newModel(u rules, l layout) *model {
	return &model{rules: u, at: l, rows: map[modelKey]*modelState{}, floor: map[modelKey]int{}}
}

func (m *model) clone() *model {
	out := newModel(m.rules, m.at)
	for k, v := range m.rows {
		c := *v
		out.rows[k] = &c
	}
	for k, v := range m.floor {
		out.floor[k] = v
	}
	return out
}

func (m *model) keyOf(r modelRow) modelKey {
	if m.rules.partitioned {
		return modelKey{r[colP].(int), r[colK].(int)}
	}
	return modelKey{0, r[colK].(int)}
}

// lines are the rows in the order of their text.
func (m *model) lines() []string { return m.linesIn(m.at) }

// linesIn are the rows in the columns of another schema.
func (m *model) linesIn(l layout) []string {
	out := make([]string, 0, len(m.rows))
	for _, s := range m.rows {
		out = append(out, l.line(s.row))
	}
	slices.Sort(out)
	return out
}

func (m *model) apply(c modelChange) {
	key := m.keyOf(c.row)
	have := m.rows[key]
	retract := c.kind == types.Delete || c.kind == types.UpdateBefore
	switch m.rules.engine {
	case "deduplicate":
		if m.rules.sequence && have != nil && m.older(c.row, have.row) {
			return
		}
		if retract {
			m.remove(key, c.row)
		} else {
			m.rows[key] = &modelState{row: c.row}
		}
	case "first-row":
		if have == nil {
			m.rows[key] = &modelState{row: c.row}
		}
	case "partial-update":
		switch {
		case retract && m.rules.group:
			m.retractGroup(have, c.row)
		case retract:
			m.remove(key, c.row)
		default:
			m.upsertPartial(key, have, c.row)
		}
	case "aggregation":
		if have == nil {
			have = &modelState{}
			have.row[colP], have.row[colK] = c.row[colP], c.row[colK]
			m.rows[key] = have
		}
		m.aggregate(have, c.row, retract)
	}
}

func (m *model) older(a, b modelRow) bool {
	if m.rules.descending {
		return a[colS].(int) > b[colS].(int)
	}
	return a[colS].(int) < b[colS].(int)
}

func (m *model) remove(key modelKey, row modelRow) {
	delete(m.rows, key)
	if s, ok := row[colS].(int); ok || m.rules.removes {
		m.floor[key] = s
	}
}

func (m *model) upsertPartial(key modelKey, have *modelState, row modelRow) {
	if have == nil {
		have = &modelState{}
		m.rows[key] = have
	}
	for i, v := range row {
		inGroup := m.rules.group && (i == colS || i == colA || i == colC)
		if v != nil && !inGroup {
			have.row[i] = v
		}
	}
	if !m.rules.group || row[colS] == nil {
		return
	}
	if m.rules.sumInGroup {
		have.row[colC] = add(have.row[colC], row[colC], 1)
	}
	if have.group != nil && row[colS].(int) < have.group.(int) {
		return
	}
	have.group, have.row[colS], have.row[colA] = row[colS], row[colS], row[colA]
	if !m.rules.sumInGroup {
		have.row[colC] = row[colC]
	}
}

func (m *model) retractGroup(have *modelState, row modelRow) {
	if row[colS] == nil {
		return
	}
	if m.rules.sumInGroup {
		have.row[colC] = add(have.row[colC], row[colC], -1)
	}
	if have.group != nil && row[colS].(int) < have.group.(int) {
		return
	}
	have.group, have.row[colS], have.row[colA] = row[colS], row[colS], nil
	if !m.rules.sumInGroup {
		have.row[colC] = nil
	}
}

func add(a, b any, sign int) any {
	switch {
	case b == nil:
		return a
	case a == nil:
		return sign * b.(int)
	}
	return a.(int) + sign*b.(int)
}

func (m *model) aggregate(have *modelState, row modelRow, retract bool) {
	have.row[colP] = row[colP] // the newest row's
	for i, fn := range m.rules.functions {
		v, old := row[i], have.row[i]
		if retract {
			if fn == "sum" {
				have.row[i] = add(old, v, -1)
			}
			continue
		}
		switch fn {
		case "sum":
			have.row[i] = add(old, v, 1)
		case "max", "min":
			if old == nil || v != nil && (compare(v, old) > 0) == (fn == "max") {
				have.row[i] = v
			}
		case "first_value":
			if !have.seen[i] {
				have.row[i], have.seen[i] = v, true
			}
		case "first_non_null_value":
			if old == nil {
				have.row[i] = v
			}
		case "last_value":
			have.row[i] = v
		case "last_non_null_value":
			if v != nil {
				have.row[i] = v
			}
		case "listagg":
			switch {
			case old == nil:
				have.row[i] = v
			case v != nil:
				have.row[i] = old.(string) + "," + v.(string)
			}
		}
	}
}

func compare(a, b any) int {
	if s, ok := a.(string); ok {
		return strings.Compare(s, b.(string))
	}
	return cmp.Compare(a.(int), b.(int))
}

// change makes a row that the rules allow after what the model holds.
// writer are the columns of whoever writes it; others have no value.
func (m *model) change(r *rand.Rand, keys int, writer layout) modelChange {
	u := m.rules
	row := modelRow{colP: r.IntN(3), colK: r.IntN(keys), colS: r.IntN(20)}
	if !u.partitioned {
		row[colP] = 0
	}
	if r.IntN(3) > 0 {
		row[colA] = r.IntN(40) - 10
	}
	if r.IntN(3) > 0 {
		row[colB] = "b" + strconv.Itoa(r.IntN(30))
	}
	if r.IntN(3) > 0 {
		row[colC] = r.IntN(1000)
	}
	for _, c := range m.at {
		if c.slot >= modelColumns && writer.of(c.slot) >= 0 && r.IntN(3) > 0 {
			row[c.slot] = c.random(r)
		}
	}
	key := m.keyOf(row)
	have := m.rows[key]
	c := modelChange{kind: pickOne(r, types.Insert, types.UpdateAfter), row: row}
	retract := r.IntN(4) == 0
	kind := pickOne(r, types.Delete, types.UpdateBefore)
	switch u.engine {
	case "deduplicate":
		if floor, ok := m.floor[key]; ok && u.sequence { // a tombstone may be gone, or not
			row[colS] = floor + 1 + r.IntN(3)
			if u.descending {
				row[colS] = floor - 1 - r.IntN(3)
			}
		}
		if retract {
			c.kind = kind
		}
		if retract && u.sequence && have == nil {
			c.kind = types.Insert
		}
	case "partial-update":
		if u.group && r.IntN(4) == 0 { // alone the row would show what it does not add to another
			row[colS], row[colA], row[colC] = nil, nil, nil
		}
		if retract && have != nil && (u.group || u.removes) { // the first row of a merge starts it, be it a retract
			c.kind, row[colB] = kind, nil
			clear(row[modelColumns:])
			if u.sumInGroup {
				row[colC] = nil
			}
			if u.removes {
				c.kind, row[colS], row[colA], row[colC] = types.Delete, nil, nil, nil
			}
		}
		// A delete that is merged with what comes after it, and not with what was
		// before, is forgotten: only a full row hides the columns of the old one.
		if _, gone := m.floor[key]; gone && have == nil {
			row[colA], row[colB], row[colC] = 1, "again", 2
			for _, c := range m.at {
				if c.slot >= modelColumns && writer.of(c.slot) >= 0 {
					row[c.slot] = c.random(r)
				}
			}
		}
	case "aggregation":
		// Retracts that are merged by themselves leave a NULL, which is a last value.
		if retract && have != nil && u.functions[colA] != "last_value" {
			c.kind = kind
		}
	}
	c.row = row
	return c
}
