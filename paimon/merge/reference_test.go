package merge

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/types"
)

// The reference: Paimon's merge functions row by row, from the specification.

type reference struct {
	s    Schema
	c    *config
	aggs []*refAgg

	row     []any
	filled  bool
	insert  bool
	deleted bool
	seq     int64
	always  bool // Window.Always
}

// mergeKey folds the versions of one key; nil when the key vanishes.
func (r *reference) mergeKey(history []version) (*version, error) {
	if len(history) == 1 && !r.always {
		return &history[0], nil
	}
	switch r.c.name {
	case Deduplicate, FirstRow:
		return r.keepOne(history)
	}
	r.row = make([]any, len(r.s.Fields))
	r.filled, r.insert, r.deleted, r.seq = false, false, false, 0
	r.aggs = make([]*refAgg, len(r.s.Fields))
	for i, fn := range r.c.functions {
		if fn != nil {
			r.aggs[i] = &refAgg{fn: fn, t: r.s.Fields[i].Type}
		}
	}
	for _, v := range history {
		add := r.addPartial
		if r.c.name == Aggregation {
			add = r.addAggregation
		}
		if err := add(v); err != nil {
			return nil, err
		}
	}
	kind := types.Insert
	if r.deleted || r.c.name == PartialUpdate && !r.insert {
		kind = types.Delete
	}
	return &version{kind: kind, seq: r.seq, vals: r.row}, nil
}

func (r *reference) keepOne(history []version) (*version, error) {
	var kept *version
	for i := range history {
		v := &history[i]
		if v.kind.IsRetract() {
			if r.c.ignoreDelete {
				continue
			}
			if r.c.name == FirstRow {
				return nil, fmt.Errorf("retract")
			}
		}
		if kept == nil || r.c.name == Deduplicate {
			kept = v
		}
	}
	return kept, nil
}

func (r *reference) initRow(v version) error {
	for i, f := range r.s.Fields {
		if !f.Type.Nullable && v.vals[i] == nil {
			return fmt.Errorf("null in %s", f.Name)
		}
	}
	r.row = slices.Clone(v.vals)
	return nil
}

func (r *reference) addAggregation(v version) error {
	r.seq = v.seq
	r.deleted = r.c.removeOnDelete && v.kind == types.Delete
	if r.deleted {
		return r.initRow(v)
	}
	for i := range r.row {
		a := r.aggs[i]
		var err error
		switch {
		case a == nil:
			r.row[i] = v.vals[i]
		case v.kind.IsRetract():
			r.row[i], err = a.retract(r.row[i], v.vals[i])
		default:
			r.row[i], err = a.agg(r.row[i], v.vals[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reference) addPartial(v version) error {
	r.deleted = false
	if !v.kind.IsRetract() {
		r.seq = v.seq
		if err := r.update(v); err != nil {
			return err
		}
		r.insert, r.filled = true, true
		return nil
	}
	if !r.filled {
		if err := r.initRow(v); err != nil {
			return err
		}
		r.filled = true
	}
	if r.c.ignoreDelete {
		return nil
	}
	r.seq = v.seq
	if len(r.c.groups) > 0 {
		return r.retractGroups(v)
	}
	if !r.c.removeOnDelete {
		return fmt.Errorf("retract")
	}
	if v.kind == types.Delete {
		r.deleted = true
		return r.initRow(v)
	}
	return nil
}

func (r *reference) update(v version) error {
	if len(r.c.groups) == 0 {
		for i, x := range v.vals {
			if x != nil {
				r.row[i] = x
			} else if !r.s.Fields[i].Type.Nullable {
				return fmt.Errorf("null")
			}
		}
		return nil
	}
	for i, x := range v.vals {
		if r.c.group[i] >= 0 {
			continue
		}
		if x != nil {
			r.row[i] = x
		}
	}
	for _, g := range r.c.groups {
		if r.empty(g, v) {
			continue
		}
		newer := r.newer(g, v)
		for i := range r.row {
			if r.c.group[i] != g.index || r.c.isSeq[i] {
				continue
			}
			var err error
			switch a := r.aggs[i]; {
			case newer && a == nil:
				r.row[i] = v.vals[i]
			case newer:
				r.row[i], err = a.agg(r.row[i], v.vals[i])
			case a != nil:
				r.row[i], err = a.reversed(r.row[i], v.vals[i])
			}
			if err != nil {
				return err
			}
		}
		if newer {
			r.setSeq(g, v)
		}
	}
	return nil
}

func (r *reference) setSeq(g seqGroup, v version) {
	for _, f := range g.seq {
		r.row[f] = v.vals[f]
	}
}

func (r *reference) empty(g seqGroup, v version) bool {
	for _, f := range g.seq {
		if v.vals[f] != nil {
			return false
		}
	}
	return true
}

func (r *reference) newer(g seqGroup, v version) bool {
	for _, f := range g.seq {
		if c := compareAny(v.vals[f], r.row[f]); c != 0 {
			return c > 0
		}
	}
	return true
}

func (r *reference) retractGroups(v version) error {
	for _, g := range r.c.groups {
		if g.removes && v.kind == types.Delete && !r.empty(g, v) && r.newer(g, v) {
			r.deleted = true
			return r.initRow(v)
		}
	}
	for _, g := range r.c.groups {
		if r.empty(g, v) {
			continue
		}
		newer := r.newer(g, v)
		for i := range r.row {
			if r.c.group[i] != g.index || r.c.isSeq[i] {
				continue
			}
			var err error
			if a := r.aggs[i]; a != nil {
				r.row[i], err = a.retract(r.row[i], v.vals[i])
			} else if newer {
				r.row[i] = nil
			}
			if err != nil {
				return err
			}
		}
		if newer {
			r.setSeq(g, v)
		}
	}
	return nil
}

// compareAny orders values, null smallest.
func compareAny(a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(boolInt(a != nil), boolInt(b != nil))
	}
	switch a := a.(type) {
	case bool:
		return cmp.Compare(boolInt(a), boolInt(b.(bool)))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(javaBits(a), javaBits(b.(float64)))
	case float32:
		return cmp.Compare(javaBits(float64(a)), javaBits(float64(b.(float32))))
	case decimal128.Num:
		return a.Cmp(b.(decimal128.Num))
	}
	return strings.Compare(a.(string), b.(string))
}

func javaBits(f float64) int64 {
	if f != f {
		return math.MaxInt64
	}
	b := int64(math.Float64bits(f))
	if b < 0 {
		return math.MinInt64 - b - 1
	}
	return b
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// refAgg is one aggregate function with its state.
type refAgg struct {
	fn          *function
	t           types.Type
	initialized bool
}

func (a *refAgg) reversed(acc, in any) (any, error) {
	if a.fn.name == "collect" && !a.fn.ignoreRetract {
		return a.agg(acc, in)
	}
	return a.agg(in, acc)
}

func (a *refAgg) agg(acc, in any) (any, error) {
	switch a.fn.name {
	case "last_value":
		return in, nil
	case "last_non_null_value":
		if in == nil {
			return acc, nil
		}
		return in, nil
	case "first_value":
		if !a.initialized {
			a.initialized = true
			return in, nil
		}
		return acc, nil
	case "first_non_null_value":
		if !a.initialized && in != nil {
			a.initialized = true
			return in, nil
		}
		return acc, nil
	case "nested_update":
		return a.nestedUpdate(acc, in)
	case "nested_partial_update":
		return a.nestedPartial(acc, in)
	case "listagg":
		return a.listagg(acc, in), nil
	case "collect":
		return a.collect(acc, in), nil
	}
	if acc == nil || in == nil {
		if acc == nil {
			return in, nil
		}
		return acc, nil
	}
	switch a.fn.name {
	case "sum", "product":
		return a.number(acc, in, a.fn.name == "product", false)
	case "max":
		if compareAny(acc, in) < 0 {
			return in, nil
		}
		return acc, nil
	case "min":
		if compareAny(acc, in) < 0 {
			return acc, nil
		}
		return in, nil
	case "bool_and":
		return acc.(bool) && in.(bool), nil
	case "bool_or":
		return acc.(bool) || in.(bool), nil
	case "merge_map", "merge_map_with_keytime":
		return a.mergeMap(acc, in), nil
	}
	panic(a.fn.name)
}

func (a *refAgg) retract(acc, in any) (any, error) {
	if a.fn.ignoreRetract {
		return acc, nil
	}
	switch a.fn.name {
	case "last_value":
		return nil, nil
	case "last_non_null_value":
		if in != nil {
			return nil, nil
		}
		return acc, nil
	case "sum":
		switch {
		case in == nil:
			return acc, nil
		case acc == nil:
			if d, ok := in.(decimal128.Num); ok {
				return a.checked(new(big.Int).Neg(d.BigInt())), nil
			}
			return a.number(a.zero(), in, false, true)
		}
		return a.number(acc, in, false, true)
	case "product":
		if acc == nil || in == nil {
			return acc, nil
		}
		return a.number(acc, in, true, true)
	case "collect", "nested_update", "merge_map":
		if acc == nil || in == nil {
			return acc, nil
		}
		return a.removeElements(acc.([]any), in.([]any))
	}
	return nil, fmt.Errorf("retract %s", a.fn.name)
}

func (a *refAgg) zero() any {
	switch a.t.Root {
	case types.Float:
		return float32(math.Copysign(0, -1))
	case types.Double:
		return math.Copysign(0, -1)
	}
	return int64(0)
}

// number is acc ± in or acc ×÷ in in the column's type.
func (a *refAgg) number(acc, in any, product, back bool) (any, error) {
	switch x := acc.(type) {
	case float64:
		return arith(x, in.(float64), product, back), nil
	case float32:
		return arith(x, in.(float32), product, back), nil
	case decimal128.Num:
		return a.decimal(x, in.(decimal128.Num), product, back)
	}
	x, y := big.NewInt(acc.(int64)), big.NewInt(in.(int64))
	switch {
	case product && back && y.Sign() == 0:
		return nil, fmt.Errorf("division by zero")
	case product && back:
		x.Quo(x, y)
	case product:
		x.Mul(x, y)
	case back:
		x.Sub(x, y)
	default:
		x.Add(x, y)
	}
	bits := map[types.Root]uint{types.TinyInt: 8, types.SmallInt: 16, types.Int: 32, types.BigInt: 64}[a.t.Root]
	half := new(big.Int).Lsh(big.NewInt(1), bits-1)
	x.Add(x, half).Mod(x, new(big.Int).Lsh(half, 1)).Sub(x, half)
	return x.Int64(), nil
}

func arith[T float32 | float64](x, y T, product, back bool) T {
	switch {
	case product && back:
		return x / y
	case product:
		return x * y
	case back:
		return x - y
	}
	return x + y
}

func (a *refAgg) decimal(x, y decimal128.Num, product, back bool) (any, error) {
	l, r := x.BigInt(), y.BigInt()
	if !product {
		if back {
			r.Neg(r)
		}
		sum := l.Add(l, r)
		if a.t.Precision <= 18 && sum.IsInt64() {
			return decimal128.FromBigInt(sum), nil
		}
		return a.checked(sum), nil
	}
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(a.t.Scale)), nil))
	q := new(big.Rat)
	if back {
		if r.Sign() == 0 {
			return nil, fmt.Errorf("division by zero")
		}
		q.SetFrac(l, r)
		if _, exact := q.FloatPrec(); !exact {
			return nil, fmt.Errorf("endless quotient")
		}
		q.Mul(q, scale)
	} else {
		q.Quo(new(big.Rat).SetInt(l.Mul(l, r)), scale)
	}
	n, _ := new(big.Int).SetString(q.FloatString(0), 10) // halves away from zero
	return a.checked(n), nil
}

func (a *refAgg) checked(n *big.Int) any {
	if len(new(big.Int).Abs(n).String()) > a.t.Precision {
		return nil
	}
	return decimal128.FromBigInt(n)
}

func (a *refAgg) listagg(acc, in any) any {
	if in == nil || acc != nil && strings.TrimSpace(in.(string)) == "" {
		return acc
	}
	if acc == nil || strings.TrimSpace(acc.(string)) == "" {
		return in
	}
	if !a.fn.distinct {
		return acc.(string) + a.fn.delimiter + in.(string)
	}
	out := acc.(string)
	for _, token := range strings.Split(in.(string), a.fn.delimiter) {
		if strings.TrimSpace(token) != "" && !slices.Contains(strings.Split(out, a.fn.delimiter), token) {
			out += a.fn.delimiter + token
		}
	}
	return out
}

// ordered is a map that remembers when keys came first.
type ordered struct {
	keys []string
	vals map[string]any
}

func newOrdered() *ordered { return &ordered{vals: map[string]any{}} }

func (o *ordered) put(k string, v any) {
	if _, ok := o.vals[k]; !ok {
		o.keys = append(o.keys, k)
	}
	o.vals[k] = v
}

func (o *ordered) remove(k string) {
	delete(o.vals, k)
	o.keys = slices.DeleteFunc(o.keys, func(x string) bool { return x == k })
}

func (o *ordered) list() any {
	out := []any{}
	for _, k := range o.keys {
		out = append(out, o.vals[k])
	}
	return out
}

// keyText gives the nested key of a row; false when the row is left out.
func (a *refAgg) keyText(row []any, names []string) (string, bool, error) {
	out := ""
	for _, n := range names {
		v := row[fieldIndex(a.t.Elem.Fields, n)]
		if v == nil && a.fn.nullStrategy == "error" {
			return "", false, fmt.Errorf("null key")
		}
		if v == nil && a.fn.nullStrategy == "ignore" {
			return "", false, nil
		}
		out += showValue(v) + "|"
	}
	return out, true, nil
}

func (a *refAgg) newerRow(row, have []any) bool {
	for _, n := range a.fn.nestedSeq {
		f := fieldIndex(a.t.Elem.Fields, n)
		if c := compareAny(row[f], have[f]); c != 0 {
			return c > 0
		}
	}
	return true
}

func (a *refAgg) nestedUpdate(acc, in any) (any, error) {
	if in == nil {
		return acc, nil
	}
	rows, _ := acc.([]any)
	if len(a.fn.nestedKey) == 0 {
		if acc != nil && len(rows) >= a.fn.countLimit {
			return acc, nil
		}
		room := a.fn.countLimit - len(rows)
		out := []any{}
		for _, e := range rows {
			if e != nil {
				out = append(out, e)
			}
		}
		for _, e := range in.([]any) {
			if e != nil && room > 0 {
				out = append(out, e)
				room--
			}
		}
		return out, nil
	}
	m := newOrdered()
	for i, e := range slices.Concat(rows, in.([]any)) {
		if e == nil {
			continue
		}
		k, ok, err := a.keyText(e.([]any), a.fn.nestedKey)
		if err != nil {
			return nil, err
		}
		have, exists := m.vals[k]
		switch {
		case !ok:
		case exists && a.newerRow(e.([]any), have.([]any)):
			m.put(k, e)
		case !exists && (i < len(rows) || len(m.keys) < a.fn.countLimit):
			m.put(k, e)
		}
	}
	return m.list(), nil
}

func (a *refAgg) nestedPartial(acc, in any) (any, error) {
	if in == nil {
		return acc, nil
	}
	rows, _ := acc.([]any)
	m := newOrdered()
	for _, e := range slices.Concat(rows, in.([]any)) {
		if e == nil {
			continue
		}
		k, ok, err := a.keyText(e.([]any), a.fn.nestedKey)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		merged := make([]any, len(a.t.Elem.Fields))
		if have, ok := m.vals[k]; ok {
			copy(merged, have.([]any))
		}
		for i, v := range e.([]any) {
			if v != nil {
				merged[i] = v
			}
		}
		m.put(k, merged)
	}
	return m.list(), nil
}

func (a *refAgg) collect(acc, in any) any {
	if acc == nil && in == nil {
		return nil
	}
	rows, _ := acc.([]any)
	added, _ := in.([]any)
	if !a.fn.distinct {
		return append(slices.Clone(rows), slices.Clone(added)...)
	}
	out := []any{}
	nested := a.t.Elem.IsNested()
	for i, e := range slices.Concat(rows, added) {
		known := slices.ContainsFunc(out, func(x any) bool { return showValue(x) == showValue(e) })
		if !known || nested && i < len(rows) {
			out = append(out, e)
		}
	}
	return out
}

func (a *refAgg) mergeMap(acc, in any) any {
	m := newOrdered()
	for _, e := range acc.([]any) {
		m.put(showValue(e.([]any)[0]), e)
	}
	for _, e := range in.([]any) {
		k, v := showValue(e.([]any)[0]), e.([]any)[1]
		if a.fn.name == "merge_map" {
			m.put(k, e)
			continue
		}
		at := a.fn.timeField(*a.t.Elem)
		if v == nil {
			m.remove(k)
			continue
		}
		if v.([]any)[at] == nil {
			continue
		}
		have, ok := m.vals[k]
		if ok {
			old := have.([]any)[1]
			if old != nil && old.([]any)[at] != nil && v.([]any)[at].(string) <= old.([]any)[at].(string) {
				continue
			}
		}
		m.put(k, e)
	}
	return m.list()
}

func (a *refAgg) removeElements(acc, in []any) (any, error) {
	switch {
	case a.fn.name == "merge_map":
		if len(in) == 0 {
			return acc, nil
		}
		m := newOrdered()
		for _, e := range acc {
			m.put(showValue(e.([]any)[0]), e)
		}
		for _, e := range in {
			m.remove(showValue(e.([]any)[0]))
		}
		return m.list(), nil
	case a.fn.name == "collect":
		gone := slices.Clone(in)
		return slices.DeleteFunc(slices.Clone(acc), func(e any) bool {
			i := slices.IndexFunc(gone, func(g any) bool { return showValue(g) == showValue(e) })
			if i >= 0 {
				gone = slices.Delete(gone, i, i+1)
			}
			return i >= 0
		}), nil
	case len(a.fn.nestedKey) == 0:
		return slices.DeleteFunc(slices.Clone(acc), func(e any) bool {
			return e == nil || slices.ContainsFunc(in, func(g any) bool { return g != nil && showValue(g) == showValue(e) })
		}), nil
	}
	m := newOrdered()
	for _, e := range acc {
		if e == nil {
			continue
		}
		k, ok, err := a.keyText(e.([]any), a.fn.nestedKey)
		if err != nil {
			return nil, err
		}
		if ok {
			m.put(k, e)
		}
	}
	for _, e := range in {
		if e == nil {
			continue
		}
		k, ok, err := a.keyText(e.([]any), a.fn.nestedKey)
		if err != nil {
			return nil, err
		}
		if ok {
			m.remove(k)
		}
	}
	return m.list(), nil
}
