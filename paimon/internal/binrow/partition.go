package binrow

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// DefaultPartition stands for NULL and blank values in partition paths unless
// the option partition.default-name says otherwise.
const DefaultPartition = "__DEFAULT_PARTITION__"

// Partitioner turns partition rows into text and back. It may be shared.
// Source: org.apache.paimon.utils.InternalRowPartitionComputer.
type Partitioner struct {
	fields  []types.Field
	def     string
	legacy  bool
	encoded []types.Type
}

// NewPartitioner makes a Partitioner of the partition columns. defaultName ""
// means DefaultPartition; legacy is the option partition.legacy-name (default
// true in Paimon), which prints dates as day numbers.
func NewPartitioner(fields []types.Field, defaultName string, legacy bool) *Partitioner {
	if defaultName == "" {
		defaultName = DefaultPartition
	}
	p := &Partitioner{fields: make([]types.Field, len(fields)), def: defaultName, legacy: legacy}
	for i, f := range fields {
		f.Type = f.Type.AsNullable()
		p.fields[i] = f
		p.encoded = append(p.encoded, f.Type)
	}
	return p
}

// Path gives the directory of a partition relative to the table, escaped:
// "dt=2025-01-01/hh=3", "" when unpartitioned.
func (p *Partitioner) Path(row []byte) (string, error) {
	values, err := p.Values(row)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, f := range p.fields {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(EscapePath(f.Name))
		b.WriteByte('=')
		b.WriteString(EscapePath(values[i]))
	}
	return b.String(), nil
}

// Values gives the text of every partition column as paths show it, before
// escaping; the default name for NULL and blank text.
func (p *Partitioner) Values(row []byte) ([]string, error) { return p.values(row, p.legacy) }

func (p *Partitioner) values(row []byte, legacy bool) ([]string, error) {
	if len(p.fields) == 0 {
		return nil, nil
	}
	batch, err := Rows(p.fields, [][]byte{row})
	if err != nil {
		return nil, fmt.Errorf("read partition: %w", err)
	}
	defer batch.Release()
	out := make([]string, len(p.fields))
	for i, f := range p.fields {
		col := batch.Column(i)
		if col.IsNull(0) {
			out[i] = p.def
			continue
		}
		text, err := valueText(f.Type, col, legacy)
		if err != nil {
			return nil, fmt.Errorf("partition column %s: %w", f.Name, err)
		}
		if blank(text) {
			text = p.def
		}
		out[i] = text
	}
	return out, nil
}

// blank reports whether Java finds only white space in text.
func blank(text string) bool {
	for _, r := range text {
		// no-break spaces are no white space to Java, unlike to Go
		java := unicode.IsSpace(r) && r != 0x85 && r != 0xa0 && r != 0x2007 && r != 0x202f || r >= 0x1c && r <= 0x1f
		if !java {
			return false
		}
	}
	return true
}

// String gives a partition for people: "dt=2025-01-01/hh=3", dates readable,
// nothing escaped. A damaged row shows its error.
func (p *Partitioner) String(row []byte) string {
	values, err := p.values(row, false)
	if err != nil {
		return "<" + err.Error() + ">"
	}
	return PartitionString(p.fields, values)
}

// PartitionString joins names and values: "dt=2025-01-01/hh=3".
func PartitionString(fields []types.Field, values []string) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.Name + "=" + values[i]
	}
	return strings.Join(parts, "/")
}

// Row builds the partition row of a spec that names every partition column and
// nothing else. Values are read as the column's type; both path forms of
// dates and times are taken, and the default name is NULL. errs.ErrInvalid
// names the column.
func (p *Partitioner) Row(spec map[string]string) ([]byte, error) {
	if len(p.fields) == 0 && len(spec) == 0 {
		return Empty, nil
	}
	names := make([]string, len(p.fields))
	for i, f := range p.fields {
		names[i] = f.Name
		if _, ok := spec[f.Name]; !ok {
			return nil, errs.Invalid("partition %v does not name column %s; the table is partitioned by %s", spec, f.Name, strings.Join(names[:i+1], ", "))
		}
	}
	if len(spec) != len(p.fields) {
		return nil, errs.Invalid("partition %v: the table is partitioned by (%s)", spec, strings.Join(names, ", "))
	}
	cols := make([]arrow.Array, len(p.fields))
	for i, f := range p.fields {
		col, err := p.Value(f, spec[f.Name])
		if err != nil {
			return nil, err
		}
		defer col.Release()
		cols[i] = col
	}
	return NewEncoder(p.encoded).Append(nil, cols, 0), nil
}

// Value reads the text of one partition column as an array of one value
// (Release it); the default name is NULL.
func (p *Partitioner) Value(f types.Field, text string) (arrow.Array, error) {
	b := array.NewBuilder(memory.DefaultAllocator, f.Type.Arrow())
	defer b.Release()
	if text == p.def {
		b.AppendNull()
	} else if err := parseValue(b, f.Type, text); err != nil {
		return nil, errs.Invalid("partition column %s: %q is no %s: %v", f.Name, text, f.Type.AsNullable(), err)
	}
	return b.NewArray(), nil
}

// ParsePartition reads "dt=2025-01-01/hh=3" (or "dt=2025-01-01,hh=3") into a
// spec. Escapes (%2F) are resolved.
func ParsePartition(text string) (map[string]string, error) {
	spec := map[string]string{}
	text = strings.Trim(text, "/")
	if text == "" {
		return spec, nil
	}
	sep := "/"
	if !strings.Contains(text, "/") {
		sep = ","
	}
	for _, part := range strings.Split(text, sep) {
		k, v, ok := strings.Cut(part, "=")
		k = UnescapePath(strings.TrimSpace(k))
		if !ok || k == "" {
			return nil, errs.Invalid("partition %q: %q is not of the form column=value", text, part)
		}
		if _, twice := spec[k]; twice {
			return nil, errs.Invalid("partition %q names column %s twice", text, k)
		}
		spec[k] = UnescapePath(v)
	}
	return spec, nil
}

// escaped are the ASCII characters that paths do not show, besides control
// characters. Source: org.apache.paimon.utils.PartitionPathUtils.
const escaped = "\"#%'*/:=?\\\x7f{}[]^"

// EscapePath escapes a path element as Paimon does: %XX for control characters
// and those of URLs; spaces and all beyond ASCII stay.
func EscapePath(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 || strings.IndexByte(escaped, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// UnescapePath undoes EscapePath. A % that starts no escape stays.
func UnescapePath(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if hi, lo := hexDigit(text[i+1]), hexDigit(text[i+2]); hi >= 0 && lo >= 0 {
				b.WriteRune(rune(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
