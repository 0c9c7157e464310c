package merge

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// The options of merge engines.
const (
	removeOnDelete    = "partial-update.remove-record-on-delete"
	removeOnGroup     = "partial-update.remove-record-on-sequence-group"
	aggRemoveOnDelete = "aggregation.remove-record-on-delete"
	sequenceField     = "sequence.field"
	fieldsPrefix      = "fields."
	groupSuffix       = ".sequence-group"
	defaultFunction   = "fields.default-aggregate-function"
)

// config is what the options say, with columns as indexes.
type config struct {
	name           string
	ignoreDelete   bool
	removeOnDelete bool // of the engine in use
	grouped        bool // the table has sequence groups, read or not
	groups         []seqGroup
	group          []int // per column: index of its group, -1 outside
	isKey          []bool
	isSeq          []bool      // sequence column of a group
	functions      []*function // per column; nil: none
}

// seqGroup is one `fields.….sequence-group`.
type seqGroup struct {
	index   int
	seq     []int // its sequence columns, in order
	removes bool  // a -D of it removes the row
}

// function is a column's aggregate function with its options.
type function struct {
	name          string
	ignoreRetract bool
	distinct      bool
	delimiter     string   // listagg
	nestedKey     []string // nested_update, nested_partial_update
	nestedSeq     []string
	nullStrategy  string // merge, ignore or error
	countLimit    int    // nested_update; maxInt for none
	tsField       string // merge_map_with_keytime
}

func parseConfig(s Schema, options map[string]string) (*config, error) {
	name, err := engineName(options)
	if err != nil {
		return nil, err
	}
	c := &config{name: name, group: make([]int, len(s.Fields)), isSeq: make([]bool, len(s.Fields)),
		isKey: make([]bool, len(s.Fields)), functions: make([]*function, len(s.Fields))}
	for i, f := range s.Fields {
		c.group[i] = -1
		c.isKey[i] = slices.Contains(s.PrimaryKey, f.Name)
	}
	if c.ignoreDelete, err = ignoreDelete(options); err != nil {
		return nil, err
	}
	sequence, err := parseSequenceField(s, options, name)
	if err != nil {
		return nil, err
	}
	switch name {
	case PartialUpdate:
		err = c.parsePartialUpdate(s, options)
	case Aggregation:
		err = c.parseAggregation(s, options, sequence)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func fieldIndex(fields []types.Field, name string) int {
	return slices.IndexFunc(fields, func(f types.Field) bool { return f.Name == name })
}

// flag reads a boolean option; false when it is not set.
func flag(options map[string]string, key string) (bool, error) {
	v, ok := options[key]
	if !ok {
		return false, nil
	}
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errs.Invalid("option %s: %q is neither true nor false", key, v)
}

// ignoreDelete reads `ignore-delete` or one of its older names.
func ignoreDelete(options map[string]string) (bool, error) {
	for _, key := range []string{"ignore-delete", "first-row.ignore-delete", "deduplicate.ignore-delete", "partial-update.ignore-delete"} {
		if _, ok := options[key]; ok {
			return flag(options, key)
		}
	}
	return false, nil
}

// parseSequenceField checks `sequence.field` as SchemaValidation does.
func parseSequenceField(s Schema, options map[string]string, engine string) ([]string, error) {
	v, ok := options[sequenceField]
	if !ok || v == "" {
		return nil, nil
	}
	names := strings.Split(v, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
		if fieldIndex(s.Fields, names[i]) < 0 {
			return nil, errs.Invalid("option %s: no column %q", sequenceField, names[i])
		}
		if slices.Contains(names[:i], names[i]) {
			return nil, errs.Invalid("option %s: column %q is named twice", sequenceField, names[i])
		}
		if _, ok := options[fieldsPrefix+names[i]+".aggregate-function"]; ok {
			return nil, errs.Invalid("option %s: column %q has an aggregate function too; remove one of them", sequenceField, names[i])
		}
	}
	if engine == FirstRow {
		return nil, errs.Invalid("option %s cannot be used with merge-engine %s", sequenceField, FirstRow)
	}
	return names, nil
}

func isGroupOption(key string) bool {
	return strings.HasPrefix(key, fieldsPrefix) && strings.HasSuffix(key, groupSuffix) && len(key) > len(fieldsPrefix)+len(groupSuffix)-1
}

func (c *config) parsePartialUpdate(s Schema, options map[string]string) error {
	keys := make([]string, 0, len(options))
	for k := range options {
		if isGroupOption(k) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		if err := c.parseGroup(s, k, options[k]); err != nil {
			return err
		}
	}
	if err := c.parseRemovals(s, options); err != nil {
		return err
	}
	for i, f := range s.Fields {
		if c.isSeq[i] || c.isKey[i] {
			continue
		}
		fn, err := parseFunction(f, options)
		if err != nil {
			return err
		}
		if fn != nil && fn.name != "last_non_null_value" && c.group[i] < 0 {
			return errs.Invalid("column %q: aggregate function %s needs a sequence group in merge-engine %s; add the column to a fields.<sequence column>.sequence-group", f.Name, fn.name, PartialUpdate)
		}
		c.functions[i] = fn
	}
	return nil
}

func (c *config) parseGroup(s Schema, key, value string) error {
	g := seqGroup{index: len(c.groups)}
	names := strings.Split(strings.TrimSuffix(strings.TrimPrefix(key, fieldsPrefix), groupSuffix), ",")
	for i, name := range append(names, strings.Split(value, ",")...) {
		f := fieldIndex(s.Fields, name)
		switch {
		case f < 0:
			return errs.Invalid("option %s: no column %q in the table", key, name)
		case c.isKey[f]:
			return errs.Invalid("option %s: column %q belongs to the primary key, which cannot be in a sequence group", key, name)
		case c.group[f] == g.index && i >= len(names):
			if c.isSeq[f] {
				continue // a group may name its own sequence columns
			}
			return errs.Invalid("option %s: column %q is named twice", key, name)
		case c.group[f] >= 0:
			return errs.Invalid("option %s: column %q is already in another sequence group", key, name)
		case i < len(names) && !columnar.HasOrder(s.Fields[f].Type):
			return errs.Invalid("option %s: column %q has type %s, which has no order", key, name, s.Fields[f].Type)
		}
		c.group[f] = g.index
		if i < len(names) {
			c.isSeq[f] = true
			g.seq = append(g.seq, f)
		}
	}
	c.groups = append(c.groups, g)
	c.grouped = true
	return nil
}

func (c *config) parseRemovals(s Schema, options map[string]string) error {
	var err error
	if c.removeOnDelete, err = flag(options, removeOnDelete); err != nil {
		return err
	}
	remove, onGroup := options[removeOnGroup]
	switch {
	case c.removeOnDelete && c.ignoreDelete:
		return errs.Invalid("options ignore-delete and %s contradict each other; remove one", removeOnDelete)
	case onGroup && c.ignoreDelete:
		return errs.Invalid("options ignore-delete and %s contradict each other; remove one", removeOnGroup)
	case c.removeOnDelete && len(c.groups) > 0:
		return errs.Invalid("option %s cannot be used with sequence groups; use %s", removeOnDelete, removeOnGroup)
	case !onGroup:
		return nil
	}
	for _, name := range strings.Split(remove, ",") {
		f := fieldIndex(s.Fields, name)
		if f < 0 || !c.isSeq[f] {
			return errs.Invalid("option %s: %q is not a sequence column of a sequence group", removeOnGroup, name)
		}
		c.groups[c.group[f]].removes = true
	}
	return nil
}

func (c *config) parseAggregation(s Schema, options map[string]string, sequence []string) error {
	var err error
	if c.removeOnDelete, err = flag(options, aggRemoveOnDelete); err != nil {
		return err
	}
	for i, f := range s.Fields {
		var fn *function
		switch {
		case slices.Contains(sequence, f.Name):
			fn = &function{name: "last_value"}
			if fn.ignoreRetract, err = flag(options, fieldsPrefix+f.Name+".ignore-retract"); err != nil {
				return err
			}
		case c.isKey[i]:
			continue
		default:
			if fn, err = parseFunction(f, options); err != nil {
				return err
			}
			if fn == nil {
				fn = &function{name: "last_non_null_value"}
				if fn.ignoreRetract, err = flag(options, fieldsPrefix+f.Name+".ignore-retract"); err != nil {
					return err
				}
			}
		}
		if fn.ignoreRetract && c.removeOnDelete {
			return errs.Invalid("options %s and fields.%s.ignore-retract contradict each other; remove one", aggRemoveOnDelete, f.Name)
		}
		c.functions[i] = fn
	}
	return nil
}

// parseFunction reads the aggregate function of a column; nil when it has none.
func parseFunction(f types.Field, options map[string]string) (*function, error) {
	prefix := fieldsPrefix + f.Name + "."
	name, ok := options[prefix+"aggregate-function"]
	if !ok {
		if name, ok = options[defaultFunction]; !ok {
			return nil, nil
		}
	}
	fn := &function{name: name, delimiter: ",", nullStrategy: "merge", countLimit: int(^uint(0) >> 1), tsField: options[prefix+"ts-field"]}
	if name == "first_not_null_value" {
		fn.name = "first_non_null_value"
	}
	var err error
	if fn.ignoreRetract, err = flag(options, prefix+"ignore-retract"); err != nil {
		return nil, err
	}
	if fn.distinct, err = flag(options, prefix+"distinct"); err != nil {
		return nil, err
	}
	if d, ok := options[prefix+"list-agg-delimiter"]; ok {
		fn.delimiter = d
	}
	if v, ok := options[prefix+"count-limit"]; ok {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32)
		if err != nil {
			return nil, errs.Invalid("option %scount-limit: %q is not a number", prefix, v)
		}
		fn.countLimit = int(n)
	}
	fn.nestedKey = nameList(options[prefix+"nested-key"])
	fn.nestedSeq = nameList(options[prefix+"nested-sequence-field"])
	if v, ok := options[prefix+"nested-key-null-strategy"]; ok {
		fn.nullStrategy = strings.ToLower(strings.TrimSpace(v))
		if !slices.Contains([]string{"merge", "ignore", "error"}, fn.nullStrategy) {
			return nil, errs.Invalid("option %snested-key-null-strategy: %q is not merge, ignore or error", prefix, v)
		}
		if len(fn.nestedKey) == 0 {
			return nil, errs.Invalid("option %snested-key-null-strategy needs %snested-key", prefix, prefix)
		}
	}
	if len(fn.nestedSeq) > 0 && len(fn.nestedKey) == 0 {
		return nil, errs.Invalid("option %snested-sequence-field needs %snested-key", prefix, prefix)
	}
	return fn, fn.check(f)
}

func nameList(v string) []string {
	if v == "" {
		return nil
	}
	names := strings.Split(v, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// project gives the fields and the configuration for the columns at.
func (c *config) project(fields []types.Field, at []int) ([]types.Field, *config) {
	out := *c
	n := len(at)
	chosen := make([]types.Field, n)
	out.group, out.isKey, out.isSeq = make([]int, n), make([]bool, n), make([]bool, n)
	out.functions = make([]*function, n)
	for i, f := range at {
		chosen[i], out.group[i], out.isKey[i] = fields[f], c.group[f], c.isKey[f]
		out.isSeq[i], out.functions[i] = c.isSeq[f], c.functions[f]
	}
	out.groups = nil
	for _, g := range c.groups {
		p := seqGroup{index: len(out.groups), removes: g.removes}
		for _, f := range g.seq {
			if k := slices.Index(at, f); k >= 0 {
				p.seq = append(p.seq, k)
			}
		}
		for i := range out.group {
			if len(p.seq) > 0 && c.group[at[i]] == g.index {
				out.group[i] = p.index
			}
		}
		if len(p.seq) > 0 {
			out.groups = append(out.groups, p)
		}
	}
	return chosen, &out
}
