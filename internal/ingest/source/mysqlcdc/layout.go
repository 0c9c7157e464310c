package mysqlcdc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// layout maps the columns of the source table, in their order there, to the
// declared fields.
type layout struct {
	table   string // for messages: "db.table"
	columns []column
	fields  []types.Field
	field   []int // by column: index in fields, or -1 when not declared
	key     []int // columns of the primary key, in key order
	engine  string
	zone    *time.Location
}

// newLayout checks that every declared field has a column and that the
// primary keys agree. key holds the names of the table's primary key.
func newLayout(s *mysqlSource, columns []column, key []string) (*layout, error) {
	l := &layout{table: s.table(), columns: columns, fields: s.fields, zone: s.cfg.Zone}
	l.field = make([]int, len(columns))
	for i := range l.field {
		l.field[i] = -1
	}
	for f, field := range s.fields {
		i := l.find(field.Name)
		if i < 0 {
			return nil, errs.Invalid("table %s has no column %q, which is declared (it may have been dropped or renamed); its columns are %s: change the declaration, then start from a new snapshot",
				l.table, field.Name, strings.Join(l.names(), ", "))
		}
		l.field[i] = f
	}
	if len(key) == 0 {
		return nil, errs.Invalid("table %s has no primary key: its changes cannot be applied; add one (ALTER TABLE … ADD PRIMARY KEY)", l.table)
	}
	if !slices.EqualFunc(key, s.primaryKey, strings.EqualFold) && !sameNames(key, s.primaryKey) {
		return nil, errs.Invalid("table %s has the primary key (%s), but (%s) is declared: declare PRIMARY KEY (%s) NOT ENFORCED",
			l.table, strings.Join(key, ", "), strings.Join(s.primaryKey, ", "), strings.Join(key, ", "))
	}
	for _, k := range key {
		l.key = append(l.key, l.find(k))
	}
	if slices.Contains(l.key, -1) {
		return nil, fmt.Errorf("read columns of table %s: the primary key (%s) is not among them", l.table, strings.Join(key, ", "))
	}
	return l, nil
}

// sameNames compares keys as sets: the order within a key does not change which
// row is meant.
func sameNames(a, b []string) bool {
	fold := func(in []string) []string {
		out := make([]string, len(in))
		for i, s := range in {
			out[i] = strings.ToLower(s)
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(fold(a), fold(b))
}

func (l *layout) find(name string) int {
	return slices.IndexFunc(l.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
}

func (l *layout) names() []string {
	out := make([]string, len(l.columns))
	for i, c := range l.columns {
		out[i] = c.name
	}
	return out
}

// appenders makes one appender per column; nil for columns not declared.
func (l *layout) appenders(builders []array.Builder) ([]appender, error) {
	out := make([]appender, len(l.columns))
	for i, f := range l.field {
		if f < 0 {
			continue
		}
		var err error
		if out[i], err = fit(&l.columns[i], l.fields[f], builders[f], l.zone); err != nil {
			return nil, fmt.Errorf("table %s: %w", l.table, err)
		}
	}
	return out, nil
}

// forEvent gives the layout of the rows that a table map announces. With
// binlog_row_metadata=FULL the map has the names of its columns and any order
// is followed. Without them the order is that of information_schema now, which
// is right unless several ALTERs lie between the event and now; a difference
// in number or types is an error, a swap of columns of one type is not seen.
func (l *layout) forEvent(m *tableMap) (*layout, error) {
	if m.names != nil {
		return l.byName(m)
	}
	problem := ""
	if len(m.types) != len(l.columns) {
		problem = fmt.Sprintf("the event has %d columns, the table has %d", len(m.types), len(l.columns))
	}
	for i := 0; problem == "" && i < len(l.columns); i++ {
		if c := &l.columns[i]; !c.matches(m.types[i], m.metas[i]) {
			problem = fmt.Sprintf("column %d of the event is not of the type of %s", i+1, c.describe())
		}
	}
	if problem == "" {
		return l, nil
	}
	return nil, errs.Unsupported("the binlog holds changes of %s from before a later ALTER TABLE: %s; set binlog_row_metadata=FULL on the server so that events name their columns, and start from a new snapshot",
		l.table, problem)
}

func (l *layout) byName(m *tableMap) (*layout, error) {
	if slices.Equal(m.names, l.names()) {
		for i := range l.columns {
			if c := &l.columns[i]; l.field[i] >= 0 && !c.matches(m.types[i], m.metas[i]) {
				return nil, errs.Unsupported("the binlog holds changes of %s from before column %s had its type of today; start from a new snapshot", l.table, c.describe())
			}
		}
		return l, nil
	}
	out := &layout{table: l.table, fields: l.fields, zone: l.zone, columns: make([]column, len(m.names)), field: make([]int, len(m.names))}
	declared := 0
	for i, name := range m.names {
		out.columns[i], out.field[i] = column{name: name}, -1
		j := l.find(name)
		if j < 0 {
			continue // dropped since
		}
		out.columns[i] = l.columns[j]
		if out.field[i] = l.field[j]; out.field[i] >= 0 {
			declared++
			if !l.columns[j].matches(m.types[i], m.metas[i]) {
				return nil, errs.Unsupported("the binlog holds changes of %s from before column %s had its type of today; start from a new snapshot", l.table, l.columns[j].describe())
			}
		}
	}
	for _, k := range l.key {
		out.key = append(out.key, out.find(l.columns[k].name))
	}
	if declared < len(l.fields) || slices.Contains(out.key, -1) {
		return nil, errs.Unsupported("the binlog holds changes of %s from before all declared columns existed; start from a new snapshot", l.table)
	}
	return out, nil
}

// matches reports whether values of the binlog type can be those of the column.
func (c *column) matches(typ byte, meta uint16) bool {
	typ, n := valueType(typ, meta)
	switch c.family() {
	case famInt:
		return typ == map[string]byte{"tinyint": tTiny, "smallint": tShort, "mediumint": tInt24, "int": tLong, "bigint": tLongLong, "year": tYear}[c.dataType]
	case famDecimal, famLong:
		return typ == tNewDecimal && n>>8 == c.precision && n&0xff == c.scale
	case famFloat:
		return typ == tFloat
	case famDouble:
		return typ == tDouble
	case famText, famBytes:
		switch c.dataType {
		case "char", "binary":
			return typ == tString
		case "varchar", "varbinary":
			return typ == tVarchar || typ == tVarString
		}
		return typ == tBlob || typ == tTinyBlob || typ == tMediumBlob || typ == tLongBlob
	case famEnum:
		return typ == tEnum
	case famSet:
		return typ == tSet
	case famJSON:
		return typ == tJSON
	case famBit:
		return typ == tBit && n>>8*8+n&0xff == c.precision
	case famDate:
		return typ == tDate || typ == tNewDate
	case famDatetime:
		return typ == tDatetime || typ == tDatetime2 && n == c.fsp
	case famInstant:
		return typ == tTimestamp || typ == tTimestamp2 && n == c.fsp
	case famTime:
		return typ == tTime || typ == tTime2 && n == c.fsp
	}
	return true
}
