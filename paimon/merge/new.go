package merge

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
)

// The values of the `merge-engine` option.
const (
	Deduplicate   = "deduplicate"
	PartialUpdate = "partial-update"
	Aggregation   = "aggregation"
	FirstRow      = "first-row"
)

// New makes the engine that a table's options name, deduplicate by default. It
// checks the options as Paimon's SchemaValidation and the factories of its
// merge functions do. Errors: ErrInvalid for options that contradict each
// other or the schema, ErrUnsupported for functions that Tarn lacks, by name.
func New(s Schema, options map[string]string) (Engine, error) {
	c, err := parseConfig(s, options)
	if err != nil {
		return nil, err
	}
	return c.engine(s)
}

// NewProjected makes the engine for batches that hold only some of the table's
// columns, in this order. Columns must include what RequiredColumns names.
func NewProjected(s Schema, options map[string]string, columns []string) (Engine, error) {
	c, err := parseConfig(s, options)
	if err != nil {
		return nil, err
	}
	if missing, err := RequiredColumns(s, options, columns); err != nil || len(missing) > 0 {
		if err == nil {
			err = errs.Invalid("create merge engine: reading %s needs also the columns %s", strings.Join(columns, ", "), strings.Join(missing, ", "))
		}
		return nil, err
	}
	at := make([]int, len(columns))
	for i, name := range columns {
		if at[i] = fieldIndex(s.Fields, name); at[i] < 0 {
			return nil, errs.Invalid("create merge engine: no column %q", name)
		}
	}
	s.Fields, c = c.project(s.Fields, at)
	return c.engine(s)
}

// RequiredColumns names the columns that merging these columns needs besides
// them: the sequence columns of their groups, and with a group that removes
// records all of its sequence columns. Mirrors MergeFunctionFactory's
// adjustReadType.
func RequiredColumns(s Schema, options map[string]string, columns []string) ([]string, error) {
	c, err := parseConfig(s, options)
	if err != nil {
		return nil, err
	}
	have := make(map[string]bool, len(columns))
	for _, name := range columns {
		have[name] = true
	}
	var out []string
	for _, g := range c.groups {
		needed := g.removes
		for i, f := range s.Fields {
			needed = needed || have[f.Name] && c.group[i] == g.index
		}
		for _, f := range g.seq {
			if name := s.Fields[f].Name; needed && !have[name] {
				have[name] = true
				out = append(out, name)
			}
		}
	}
	return out, nil
}

// Inspect tells what the engine that these options name does, without making
// it.
func Inspect(options map[string]string) (Info, error) {
	name, err := engineName(options)
	if err != nil {
		return Info{}, err
	}
	ignore, err := ignoreDelete(options)
	if err != nil {
		return Info{}, err
	}
	info := Info{Name: name, IgnoresDelete: ignore, AcceptsDelete: true}
	switch name {
	case FirstRow:
		info.FirstRow = true
		info.AcceptsDelete = ignore
	case PartialUpdate:
		onDelete, err := flag(options, removeOnDelete)
		if err != nil {
			return Info{}, err
		}
		_, onGroup := options[removeOnGroup]
		groups := false
		for k := range options {
			groups = groups || isGroupOption(k)
		}
		info.Computes = true
		info.AcceptsDelete = ignore || onDelete || groups
		info.RemovesRows = onDelete || onGroup || groups || ignore
	case Aggregation:
		if info.RemovesRows, err = flag(options, aggRemoveOnDelete); err != nil {
			return Info{}, err
		}
		info.Computes = true
	default:
		info.RemovesRows = ignore
	}
	return info, nil
}

func engineName(options map[string]string) (string, error) {
	v, ok := options["merge-engine"]
	if !ok {
		return Deduplicate, nil
	}
	name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(v)), "_", "-")
	switch name {
	case Deduplicate, PartialUpdate, Aggregation, FirstRow:
		return name, nil
	}
	return "", errs.Invalid("option merge-engine: unknown engine %q; known: %s, %s, %s, %s", v, Deduplicate, PartialUpdate, Aggregation, FirstRow)
}

// engine builds the engine of a checked configuration.
func (c *config) engine(s Schema) (Engine, error) {
	if s.Mem == nil {
		s.Mem = memory.DefaultAllocator
	}
	switch c.name {
	case Deduplicate:
		return &deduplicate{columns: len(s.Fields), ignoreDelete: c.ignoreDelete}, nil
	case FirstRow:
		return &firstRow{columns: len(s.Fields), ignoreDelete: c.ignoreDelete}, nil
	}
	return newFold(s, c)
}
