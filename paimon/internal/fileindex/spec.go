package fileindex

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/types"
)

// The types of indexes.
const (
	Bloom       = "bloom-filter"
	Bitmap      = "bitmap"
	BSI         = "bsi"
	RangeBitmap = "range-bitmap"
)

// Spec is one index that a table's options ask for.
type Spec struct {
	Type string
	// Column is a column's name.
	Column string
	// Key is the key of a MAP column whose values are indexed, if Nested.
	Key     string
	Nested  bool
	Options map[string]string
}

// Name is what the container calls the column.
func (s *Spec) Name() string {
	if s.Nested {
		return s.Column + "[" + s.Key + "]"
	}
	return s.Column
}

const (
	prefix        = "file-index."
	columnsSuffix = ".columns"
)

// Parse reads `file-index.<type>.columns` and `file-index.<type>.<column>.<option>`.
// Source: org.apache.paimon.fileindex.FileIndexOptions.
func Parse(m options.Map) ([]Spec, error) {
	var out []Spec
	for key, names := range m {
		kind, ok := strings.CutSuffix(strings.TrimPrefix(key, prefix), columnsSuffix)
		if !ok || !strings.HasPrefix(key, prefix) {
			continue
		}
		for _, name := range strings.Split(names, ",") {
			name = strings.TrimSpace(name)
			if name == "" {
				return nil, errs.Invalid("Wrong option in %s, should not have empty column", key)
			}
			s := Spec{Type: kind, Column: name, Options: map[string]string{}}
			if at := strings.IndexByte(name, '['); at >= 0 && strings.HasSuffix(name, "]") {
				s.Column, s.Key, s.Nested = name[:at], name[at+1:len(name)-1], true
			}
			if !slices.ContainsFunc(out, func(o Spec) bool { return o.Type == kind && o.Name() == s.Name() }) {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b Spec) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name(), b.Name()))
	})
	for key, v := range m {
		if err := setOption(out, key, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// setOption gives an option of an index to its Spec: that of the column itself
// goes before that of the whole MAP column.
func setOption(specs []Spec, key, v string) error {
	parts := strings.Split(strings.TrimPrefix(key, prefix), ".")
	if !strings.HasPrefix(key, prefix) || strings.HasSuffix(key, columnsSuffix) || len(parts) != 3 {
		return nil
	}
	kind, column, name := parts[0], parts[1], parts[2]
	found := false
	for i := range specs {
		s := &specs[i]
		switch {
		case s.Type != kind:
		case s.Name() == column:
			s.Options[name], found = v, true
		case s.Nested && s.Column == column:
			found = true
			if _, own := s.Options[name]; !own {
				s.Options[name] = v
			}
		}
	}
	if !found {
		return errs.Invalid("Wrong option in %q, can't found column %q in %q", key, column, prefix+kind+columnsSuffix)
	}
	return nil
}

// Validate holds the indexes that options ask for against the columns.
func Validate(m options.Map, fields []types.Field) error {
	specs, err := Parse(m)
	if err != nil {
		return err
	}
	_, err = NewBuilder(specs, fields)
	return err
}

// builder makes one index of one column.
type builder interface {
	// add takes the rows of a batch; it does not keep the column.
	add(c *column)
	// bytes gives the index; nil for none.
	bytes() []byte
}

func newBuilder(kind string, t types.Type, o map[string]string) (builder, error) {
	make, ok := map[string]func(domain, types.Type, settings) (builder, error){Bloom: newBloom, Bitmap: newBitmap, BSI: newBSI, RangeBitmap: newRange}[kind]
	if !ok {
		return nil, errs.Invalid("Can't find file index for type: %s; there are %s, %s, %s and %s", kind, Bitmap, Bloom, BSI, RangeBitmap)
	}
	d, ok := domainOf(t)
	if !ok || !supports(kind, t) {
		return nil, errs.Unsupported("Does not support type %s", t.AsNullable().SQL())
	}
	return make(d, t, settings{m: o, err: new(error)})
}

// supports reports whether Java builds an index of this kind on a type.
func supports(kind string, t types.Type) bool {
	binary := t.Root == types.Binary || t.Root == types.Varbinary
	switch kind {
	case Bloom:
		return t.Root != types.Boolean && t.Root != types.Decimal
	case Bitmap:
		return !binary && t.Root != types.Decimal
	}
	return true
}

// settings are the options of one index.
type settings struct {
	m   map[string]string
	err *error
}

func (s settings) number(key string, def float64) float64 {
	v, ok := s.m[key]
	if !ok {
		return def
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil {
		*s.err = errs.Invalid("option %s = '%s': want a number", key, v)
	}
	return n
}

func (s settings) integer(key string, def int64) int64 {
	v, ok := s.m[key]
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32)
	if err != nil {
		*s.err = errs.Invalid("option %s = '%s': want a whole number", key, v)
	}
	return n
}

func (s settings) size(key string, def int64) int64 {
	v, ok := s.m[key]
	if !ok {
		return def
	}
	n, err := options.ParseBytes(v)
	if err != nil {
		*s.err = errs.Invalid("option %s = '%s': want a size such as 16 kb", key, v)
	}
	return n
}
