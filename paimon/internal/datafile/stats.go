package datafile

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// StatsOptions says which column statistics data files keep.
type StatsOptions struct {
	// Mode is the default: "none", "counts", "full", "truncate(n)"; default
	// "truncate(16)". Table options "metadata.stats-mode" and, resolved by the
	// caller for the writer's level, "metadata.stats-mode.per.level".
	Mode string
	// FieldModes maps column names to their own mode. Table options
	// "fields.<column>.stats-mode".
	FieldModes map[string]string
	// KeepFirst leaves the columns after the first n without statistics; nil
	// or negative keeps all. Table option
	// "metadata.stats-keep-first-n-columns".
	KeepFirst *int
	// Full stores an entry for every column, also those without statistics:
	// table option "metadata.stats-dense-store" = false.
	Full bool
}

const (
	systemStats = 128 // code points kept of key bounds
	defaultMode = "truncate(16)"
)

// statsMode is a parsed mode. The zero value keeps nothing.
type statsMode struct {
	counts bool
	bounds bool
	limit  int // code points of text; 0 keeps all
}

// parseMode reads a mode.
// Source: org.apache.paimon.statistics.SimpleColStatsCollector.from.
func parseMode(text string) (statsMode, error) {
	switch mode := strings.ToUpper(text); {
	case mode == "NONE":
		return statsMode{}, nil
	case mode == "COUNTS":
		return statsMode{counts: true}, nil
	case mode == "FULL":
		return statsMode{counts: true, bounds: true}, nil
	case strings.HasPrefix(mode, "TRUNCATE(") && strings.HasSuffix(mode, ")"):
		n, err := strconv.Atoi(mode[len("TRUNCATE(") : len(mode)-1])
		if err == nil && n > 0 {
			return statsMode{counts: true, bounds: true, limit: n}, nil
		}
	}
	return statsMode{}, errs.Invalid("statistics mode %q: want none, counts, full or truncate(n)", text)
}

// modes gives the mode of every file column. keys names the table columns
// whose statistics stand in for those of _KEY_ columns (thin mode).
// Source: org.apache.paimon.utils.StatsCollectorFactories.
func (o StatsOptions) modes(fields []types.Field, keys map[string]bool) ([]statsMode, error) {
	standard, err := parseMode(cmp.Or(o.Mode, defaultMode))
	if err != nil {
		return nil, err
	}
	out := make([]statsMode, len(fields))
	kept := 0
	for i, f := range fields {
		own, hasOwn := o.FieldModes[f.Name]
		switch {
		case hasOwn:
			if out[i], err = parseMode(own); err != nil {
				return nil, errs.Invalid("fields.%s.stats-mode: %w", f.Name, err)
			}
			kept++
		case isSystem(f.Name) || keys[f.Name]:
			out[i] = statsMode{counts: true, bounds: true, limit: systemStats}
		default:
			if o.KeepFirst == nil || *o.KeepFirst < 0 || kept < *o.KeepFirst {
				out[i] = standard
			}
			kept++
		}
	}
	return out, nil
}

// keyedModes gives the mode of every column of a keyed file. Java makes no
// exception for system columns where it counts row by row, so that Avro files
// of level 0 can be without statistics at all.
// Source: org.apache.paimon.utils.StatsCollectorFactories.createStatsFactoriesForAvro.
func (o StatsOptions) keyedModes(format string, fields []types.Field, keys map[string]bool) ([]statsMode, error) {
	out, err := o.modes(fields, keys)
	if err != nil || format != "avro" {
		return out, err
	}
	for i, f := range fields {
		if _, hasOwn := o.FieldModes[f.Name]; hasOwn {
			continue
		}
		out[i] = statsMode{}
		if o.KeepFirst == nil || *o.KeepFirst < 0 || i < *o.KeepFirst {
			out[i], _ = parseMode(cmp.Or(o.Mode, defaultMode)) // modes has parsed it
		}
	}
	return out, nil
}

// columnStats are the kept statistics of one column; nil parts are unknown.
type columnStats struct {
	nulls    *int64
	min, max arrow.Array // one row each, NULL where unknown
}

func (c columnStats) none() bool { return c.nulls == nil }

func (c columnStats) release() {
	c.min.Release()
	c.max.Release()
}

// convert applies the mode to what the format knows.
func (m statsMode) convert(t types.Type, s format.ColumnStats) columnStats {
	var out columnStats
	if s.Known && m.counts {
		n := s.NullCount
		out.nulls = &n
	}
	if !s.Known || !m.bounds || t.Root == types.Binary || t.Root == types.Varbinary || t.Root == types.Blob {
		s.HasBounds = false
	}
	if s.HasBounds && m.limit > 0 && (t.Root == types.Char || t.Root == types.Varchar) {
		var ok bool
		s.Bytes[0] = truncateMin(s.Bytes[0], m.limit)
		s.Bytes[1], ok = truncateMax(s.Bytes[1], m.limit)
		s.HasBounds = ok
	}
	out.min, out.max = BoundArray(t, s, 0), BoundArray(t, s, 1)
	return out
}

// cut gives the bytes of the first n code points.
func cut(v []byte, n int) int {
	end := 0
	for ; n > 0 && end < len(v); n-- {
		_, k := utf8.DecodeRune(v[end:])
		end += k
	}
	return end
}

func truncateMin(v []byte, n int) []byte { return v[:cut(v, n)] }

// truncateMax gives a text of at most n code points that is no less than v;
// false when there is none.
// Source: org.apache.paimon.statistics.TruncateSimpleColStatsCollector.
func truncateMax(v []byte, n int) ([]byte, bool) {
	end := cut(v, n)
	if end == len(v) {
		return v, true
	}
	if !utf8.Valid(v[:end]) {
		return nil, false
	}
	for end > 0 {
		r, k := utf8.DecodeLastRune(v[:end])
		end -= k
		if r++; r == 0xD800 {
			r = 0xE000 // surrogates are no characters
		}
		if r <= utf8.MaxRune {
			return utf8.AppendRune(append([]byte(nil), v[:end]...), r), true
		}
	}
	return nil, false
}

// BoundArray makes the one-row array of a bound, NULL where there is none; i is
// 0 for the least value.
func BoundArray(t types.Type, s format.ColumnStats, i int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	if !s.HasBounds {
		b.AppendNull()
		return b.NewArray()
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(string(s.Bytes[i]))
	case *array.BooleanBuilder:
		b.Append(s.Ints[i] != 0)
	case *array.Int8Builder:
		b.Append(int8(s.Ints[i]))
	case *array.Int16Builder:
		b.Append(int16(s.Ints[i]))
	case *array.Int32Builder:
		b.Append(int32(s.Ints[i]))
	case *array.Int64Builder:
		b.Append(s.Ints[i])
	case *array.Date32Builder:
		b.Append(arrow.Date32(s.Ints[i]))
	case *array.Time32Builder:
		b.Append(arrow.Time32(s.Ints[i]))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(s.Ints[i]))
	case *array.Float32Builder:
		b.Append(float32(s.Floats[i]))
	case *array.Float64Builder:
		b.Append(s.Floats[i])
	case *array.Decimal128Builder:
		if t.Precision <= 18 {
			b.Append(decimal128.FromI64(s.Ints[i]))
		} else {
			b.Append(decimalOf(s.Bytes[i]))
		}
	default:
		b.AppendNull()
	}
	return b.NewArray()
}

// decimalOf reads big-endian two's complement.
func decimalOf(v []byte) decimal128.Num {
	var n decimal128.Num
	if len(v) > 0 && int8(v[0]) < 0 {
		n = decimal128.New(-1, ^uint64(0))
	}
	for _, b := range v {
		n = decimal128.New(n.HighBits()<<8|int64(n.LowBits()>>56), n.LowBits()<<8|uint64(b))
	}
	return n
}

// encodeStats gives the statistics of columns as manifests store them. dense
// leaves columns without any out and names the others; nil names stand for
// all columns.
// Source: org.apache.paimon.stats.SimpleStatsConverter.
func encodeStats(fields []types.Field, cols []columnStats, dense bool) (spec.SimpleStats, []string) {
	var ts []types.Type
	var mins, maxs []arrow.Array
	names, nulls := []string{}, []*int64{}
	for i, c := range cols {
		if dense && c.none() {
			continue
		}
		names = append(names, fields[i].Name)
		ts = append(ts, fields[i].Type.AsNullable())
		mins, maxs = append(mins, c.min), append(maxs, c.max)
		nulls = append(nulls, c.nulls)
	}
	out := spec.SimpleStats{
		Min:        binrow.NewEncoder(ts).Append(nil, mins, 0),
		Max:        binrow.NewEncoder(ts).Append(nil, maxs, 0),
		NullCounts: nulls,
	}
	if len(names) == len(fields) {
		names = nil
	}
	return out, names
}
