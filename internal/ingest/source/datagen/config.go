package datagen

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/types"
)

type config struct {
	perSecond int64
	rows      int64  // -1 for no end
	seed      *int64 // nil to draw one
	fields    []*field
	rowBytes  int // a guess, to bound batches
}

// field is how the values of a column, or of a part of it, are made.
type field struct {
	path     string // "items.element.price"
	typ      types.Type
	sequence bool
	min, max *big.Int // numbers, unscaled; start and end of a sequence
	fmin     float64  // FLOAT, DOUBLE
	fmax     float64
	length   int
	varied   bool // length is the longest
	maxPast  time.Duration
	nullRate float64
	parts    []*field // ROW's fields, ARRAY's element
}

// maxLength bounds strings, bytes and arrays.
const maxLength = 1 << 20

// given are the options, of which those that were read are noted.
type given struct {
	values map[string]string
	used   map[string]bool
}

func (g *given) get(key string) (string, bool) {
	v, ok := g.values[key]
	if ok {
		g.used[key] = true
	}
	return strings.TrimSpace(v), ok
}

func (g *given) int(key string, def, least int64) (int64, error) {
	text, ok := g.get(key)
	if !ok {
		return def, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least {
		return 0, errs.Invalid("datagen option %q = %q: want a whole number of at least %d", key, text, least)
	}
	return n, nil
}

func parse(values map[string]string, fields []types.Field) (config, error) {
	g := &given{values: values, used: map[string]bool{"connector": true}}
	c := config{}
	var err error
	if c.perSecond, err = g.int("rows-per-second", 10000, 1); err != nil {
		return c, err
	}
	if c.perSecond > 1e9 {
		return c, errs.Invalid("datagen option \"rows-per-second\" = %d: want at most 1000000000", c.perSecond)
	}
	if c.rows, err = g.int("number-of-rows", -1, 0); err != nil {
		return c, err
	}
	if _, err = g.int("scan.parallelism", 1, 1); err != nil { // tunes Flink only
		return c, err
	}
	if text, ok := g.get("seed"); ok {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return c, errs.Invalid("datagen option \"seed\" = %q: want a whole number", text)
		}
		c.seed = &n
	}
	for _, f := range fields {
		p, err := g.field(f.Name, f.Type, true)
		if err != nil {
			return c, err
		}
		c.fields = append(c.fields, p)
		c.rowBytes += p.bytes()
		if p.sequence {
			count := new(big.Int).Sub(p.max, p.min)
			if count.IsInt64() && (c.rows < 0 || count.Int64() < c.rows) {
				c.rows = count.Int64() + 1
			}
		}
	}
	return c, g.unused()
}

func (g *given) unused() error {
	var left []string
	for k := range g.values {
		if !g.used[k] {
			left = append(left, k)
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	return errs.Invalid("datagen option %q: unknown, or without effect on the type of its column; known are rows-per-second, number-of-rows, seed and fields.<column>.kind, min, max, length, var-len, max-past, start, end, null-rate", left[0])
}

// field reads the options of a column, and of its parts.
func (g *given) field(path string, t types.Type, top bool) (*field, error) {
	f := &field{path: path, typ: t}
	kind, _ := g.get("fields." + path + ".kind")
	switch strings.ToLower(kind) {
	case "", "random":
	case "sequence":
		f.sequence = true
		if !top {
			return nil, errs.Unsupported("datagen column %q: a sequence inside a nested type: not supported", path)
		}
		return f, g.sequence(f)
	default:
		return nil, errs.Invalid("datagen option \"fields.%s.kind\" = %q: want random or sequence", path, kind)
	}
	if err := g.nullRate(f); err != nil {
		return nil, err
	}
	return f, g.random(f)
}

func (g *given) nullRate(f *field) error {
	key := "fields." + f.path + ".null-rate"
	text, ok := g.get(key)
	if !ok {
		return nil
	}
	var err error
	if f.nullRate, err = strconv.ParseFloat(text, 64); err != nil || !(f.nullRate >= 0 && f.nullRate <= 1) {
		return errs.Invalid("datagen option %q = %q: want a number from 0 to 1", key, text)
	}
	if f.nullRate > 0 && !f.typ.Nullable {
		return errs.Invalid("datagen option %q: the column is NOT NULL", key)
	}
	return nil
}

func (g *given) random(f *field) error {
	switch f.typ.Root {
	case types.Boolean, types.Date, types.Time:
		return nil
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Decimal:
		return g.bounds(f, "min", "max")
	case types.Float, types.Double:
		return g.floats(f)
	case types.Timestamp, types.TimestampLTZ:
		key := "fields." + f.path + ".max-past"
		text, ok := g.get(key)
		if !ok {
			return nil
		}
		var err error
		if f.maxPast, err = options.ParseDuration(text); err != nil {
			return fmt.Errorf("datagen option %q: %w", key, err)
		}
		return nil
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		return g.length(f, 100)
	case types.Array:
		return g.array(f)
	case types.Row:
		for _, sub := range f.typ.Fields {
			p, err := g.field(f.path+"."+sub.Name, sub.Type, false)
			if err != nil {
				return err
			}
			f.parts = append(f.parts, p)
		}
		return nil
	}
	return errs.Unsupported("datagen column %q: values of type %s: not supported", f.path, f.typ.SQL())
}

func (g *given) array(f *field) error {
	if err := g.length(f, 3); err != nil {
		return err
	}
	p, err := g.field(f.path+".element", *f.typ.Elem, false)
	f.parts = []*field{p}
	return err
}

func (g *given) length(f *field, def int) error {
	fixed := f.typ.Root == types.Char || f.typ.Root == types.Binary
	if declared := f.typ.Precision; f.typ.Root != types.Array && declared < types.MaxLength {
		def = declared
	}
	n, err := g.int("fields."+f.path+".length", int64(def), 0)
	if err != nil {
		return err
	}
	if f.typ.Root != types.Array && n > int64(f.typ.Precision) || fixed && n != int64(f.typ.Precision) {
		return errs.Invalid("datagen option \"fields.%s.length\" = %d does not fit %s", f.path, n, f.typ.SQL())
	}
	if n > maxLength {
		return errs.Invalid("datagen column %q: length %d: want at most %d; set \"fields.%s.length\"", f.path, n, maxLength, f.path)
	}
	f.length = int(n)
	if text, ok := g.get("fields." + f.path + ".var-len"); ok {
		if f.varied, err = strconv.ParseBool(text); err != nil {
			return errs.Invalid("datagen option \"fields.%s.var-len\" = %q: want true or false", f.path, text)
		}
		if f.varied && fixed {
			return errs.Invalid("datagen option \"fields.%s.var-len\": %s has one length", f.path, f.typ.SQL())
		}
	}
	return nil
}

// sequence reads start and end, which a sequence needs.
func (g *given) sequence(f *field) error {
	for _, end := range []string{"start", "end"} {
		if _, ok := g.values["fields."+f.path+"."+end]; !ok {
			return errs.Invalid("datagen column %q is a sequence: it needs \"fields.%s.%s\"", f.path, f.path, end)
		}
	}
	switch f.typ.Root {
	case types.Float, types.Double, types.Char, types.Varchar:
		whole := *f
		whole.typ = types.Of(types.BigInt)
		err := g.bounds(&whole, "start", "end")
		f.min, f.max = whole.min, whole.max
		return err
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return g.bounds(f, "start", "end")
	case types.Decimal: // counts whole numbers
		whole := *f
		whole.typ = types.DecimalOf(f.typ.Precision-f.typ.Scale, 0)
		err := g.bounds(&whole, "start", "end")
		f.min, f.max = whole.min, whole.max
		return err
	}
	return errs.Unsupported("datagen column %q: a sequence of %s: not supported", f.path, f.typ.SQL())
}

// bounds reads the least and the greatest value of a number, unscaled.
func (g *given) bounds(f *field, low, high string) error {
	f.min, f.max = limits(f.typ)
	for _, b := range []struct {
		name string
		to   **big.Int
	}{{low, &f.min}, {high, &f.max}} {
		key := "fields." + f.path + "." + b.name
		text, ok := g.get(key)
		if !ok {
			continue
		}
		n, ok := unscaled(text, f.typ.Scale)
		if !ok || n.Cmp(f.min) < 0 && b.name == low || n.Cmp(f.max) > 0 && b.name == high {
			return errs.Invalid("datagen option %q = %q does not fit %s", key, text, f.typ.SQL())
		}
		*b.to = n
	}
	if f.min.Cmp(f.max) > 0 {
		return errs.Invalid("datagen column %q: \"%s\" is greater than \"%s\"", f.path, low, high)
	}
	return nil
}

// limits gives the range of a type of numbers.
func limits(t types.Type) (low, high *big.Int) {
	if t.Root == types.Decimal {
		high = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Precision)), nil)
		high.Sub(high, big.NewInt(1))
		return new(big.Int).Neg(high), high
	}
	bits := map[types.Root]uint{types.TinyInt: 7, types.SmallInt: 15, types.Int: 31, types.BigInt: 63}[t.Root]
	high = new(big.Int).Lsh(big.NewInt(1), bits)
	low = new(big.Int).Neg(high)
	return low, high.Sub(high, big.NewInt(1))
}

func unscaled(text string, scale int) (*big.Int, bool) {
	if strings.ContainsAny(text, "/eExXpP_") || len(text) > 80 {
		return nil, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, false
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	return r.Num(), r.IsInt()
}

func (g *given) floats(f *field) error {
	f.fmin, f.fmax = floatLimits(f.typ)
	limit := f.fmax
	for _, b := range []struct {
		name string
		to   *float64
	}{{"min", &f.fmin}, {"max", &f.fmax}} {
		key := "fields." + f.path + "." + b.name
		text, ok := g.get(key)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v >= -limit && v <= limit) {
			return errs.Invalid("datagen option %q = %q does not fit %s", key, text, f.typ.SQL())
		}
		*b.to = v
	}
	if f.fmin > f.fmax {
		return errs.Invalid("datagen column %q: \"min\" is greater than \"max\"", f.path)
	}
	return nil
}

// bytes guesses how long a value is.
func (f *field) bytes() int {
	switch f.typ.Root {
	case types.Array:
		return 8 + f.length*f.parts[0].bytes()
	case types.Row:
		n := 1
		for _, p := range f.parts {
			n += p.bytes()
		}
		return n
	}
	return 16 + f.length
}
