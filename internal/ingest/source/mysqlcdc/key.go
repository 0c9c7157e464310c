package mysqlcdc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
)

// The snapshot must know on which side of its cursor a changed row lies, in
// the very order that the server's index has. Numbers, dates and bytes are
// compared here; texts too where the collation is known to order them by code
// or by upper-cased code; for any other text the server is asked.

// rowKey is a primary key, decoded; the bytes of its cells are its own.
type rowKey struct {
	cells []cell
	arena []byte
}

// set copies a cell in.
func (k *rowKey) set(i int, v *cell) {
	k.cells[i] = *v
	if v.kind == cellBytes {
		start := len(k.arena)
		k.arena = append(k.arena, v.b...)
		k.cells[i].b = k.arena[start:len(k.arena):len(k.arena)]
	}
}

func (k *rowKey) clear(n int) {
	k.arena = k.arena[:0]
	if cap(k.cells) < n {
		k.cells = make([]cell, n)
	}
	k.cells = k.cells[:n]
}

func (k *rowKey) clone() rowKey {
	out := rowKey{cells: make([]cell, len(k.cells))}
	for i := range k.cells {
		out.set(i, &k.cells[i])
	}
	return out
}

// encode appends bytes that are equal exactly for equal keys.
func (k *rowKey) encode(out []byte) []byte {
	for i := range k.cells {
		v := &k.cells[i]
		out = append(out, byte(v.kind))
		switch v.kind {
		case cellBytes:
			out = binary.AppendUvarint(out, uint64(len(v.b)))
			out = append(out, v.b...)
		case cellDecimal:
			out = binary.BigEndian.AppendUint64(out, uint64(v.d.HighBits()))
			out = binary.BigEndian.AppendUint64(out, v.d.LowBits())
		default:
			out = binary.BigEndian.AppendUint64(out, uint64(v.i))
		}
	}
	return out
}

// checkKey refuses primary keys that the snapshot cannot walk.
func (l *layout) checkKey() error {
	for _, i := range l.key {
		c := &l.columns[i]
		switch c.family() {
		case famInt, famDecimal, famText, famBytes, famDate, famDatetime, famInstant:
		default:
			return errs.Unsupported("table %s: a snapshot by the primary key column %s is not supported; use scan.startup.mode=latest-offset, or a key of integers, decimals, texts, bytes or dates", l.table, c.describe())
		}
		if err := c.checkCharset(); err != nil {
			return fmt.Errorf("table %s: primary key: %w", l.table, err)
		}
	}
	return nil
}

// keyText gives the key for a position: texts as they are, bytes as hex.
func (l *layout) keyText(k *rowKey) []string {
	out := make([]string, len(k.cells))
	for i := range k.cells {
		c := &l.columns[l.key[i]]
		if c.family() == famBytes {
			out[i] = hex.EncodeToString(k.cells[i].b)
		} else {
			out[i] = string(appendText(nil, &k.cells[i], c))
		}
	}
	return out
}

// parseKey reads what keyText gave.
func (l *layout) parseKey(text []string) (rowKey, error) {
	var k rowKey
	if len(text) != len(l.key) {
		return k, errs.Invalid("the position has a key of %d columns, table %s has one of %d: start from a new snapshot", len(text), l.table, len(l.key))
	}
	k.clear(len(text))
	for i, t := range text {
		c := &l.columns[l.key[i]]
		b, err := []byte(t), error(nil)
		if c.family() == famBytes {
			b, err = hex.DecodeString(t)
		}
		var v cell
		if err == nil {
			err = c.parseText(b, &v)
		}
		if err != nil {
			return k, errs.Invalid("the position has %q as key column %s of table %s: %v: start from a new snapshot", t, c.describe(), l.table, err)
		}
		k.set(i, &v)
	}
	return k, nil
}

// literal gives a value of a key column as SQL, in the column's collation so
// that the index serves the comparison.
func (c *column) literal(v *cell) string {
	switch c.family() {
	case famInt, famDecimal:
		return string(appendText(nil, v, c))
	case famBytes:
		return "X'" + hex.EncodeToString(v.b) + "'"
	case famText:
		return fmt.Sprintf("CONVERT(_utf8mb4 X'%s' USING %s) COLLATE %s", hex.EncodeToString(v.b), c.charset, c.collation)
	}
	return quoteText(string(appendText(nil, v, c)))
}

// after is the condition of the rows whose key is above k, in a form that
// MySQL and MariaDB turn to an index range.
func (l *layout) after(k *rowKey) string {
	var or []string
	prefix := ""
	for i := range k.cells {
		c := &l.columns[l.key[i]]
		name, value := quoteName(c.name), c.literal(&k.cells[i])
		or = append(or, prefix+name+" > "+value)
		prefix += name + " = " + value + " AND "
	}
	first := &l.columns[l.key[0]]
	return quoteName(first.name) + " >= " + first.literal(&k.cells[0]) + " AND (" + strings.Join(or, " OR ") + ")"
}

// keyOrder compares keys in the order of the server's index.
type keyOrder struct {
	ask   func(ctx context.Context, sql string) ([]*string, error)
	cache map[string]int
}

// compare gives the sign of a - b.
func (o *keyOrder) compare(ctx context.Context, l *layout, a, b *rowKey) (int, error) {
	for i := range a.cells {
		c := &l.columns[l.key[i]]
		n, err := o.compareCell(ctx, c, &a.cells[i], &b.cells[i])
		if n != 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

func (o *keyOrder) compareCell(ctx context.Context, c *column, a, b *cell) (int, error) {
	if a.kind != b.kind {
		return 0, fmt.Errorf("compare keys of column %s: a zero date is not supported in a primary key", c.describe())
	}
	switch a.kind {
	case cellUint:
		return cmp.Compare(uint64(a.i), uint64(b.i)), nil
	case cellDecimal:
		return a.d.Cmp(b.d), nil
	case cellBytes:
		if c.family() == famBytes || bytes.Equal(a.b, b.b) {
			return bytes.Compare(a.b, b.b), nil
		}
		if n, ok := compareText(c.collation, a.b, b.b); ok {
			return n, nil
		}
		return o.askServer(ctx, c, a, b)
	}
	return cmp.Compare(a.i, b.i), nil
}

func (o *keyOrder) askServer(ctx context.Context, c *column, a, b *cell) (int, error) {
	sql := "SELECT STRCMP(" + c.literal(a) + ", " + c.literal(b) + ")"
	if n, ok := o.cache[sql]; ok {
		return n, nil
	}
	row, err := o.ask(ctx, sql)
	if err != nil {
		return 0, fmt.Errorf("compare keys of column %s: %w", c.describe(), err)
	}
	if o.cache == nil || len(o.cache) >= 1024 {
		o.cache = map[string]int{}
	}
	n := numberOr(row[0])
	o.cache[sql] = n
	return n, nil
}

// compareText compares texts whose order in the collation is certain. Texts
// end at their trailing spaces in most collations; where every character is
// above the space that is the same as comparing without them.
func compareText(collation string, a, b []byte) (int, bool) {
	_, rule, _ := strings.Cut(collation, "_")
	printable := isPrintable(a) && isPrintable(b)
	switch rule {
	case "nopad_bin", "0900_bin":
		if utf8Collation(collation) || printable {
			return bytes.Compare(a, b), true
		}
	case "bin":
		if printable || utf8Collation(collation) && noControl(a) && noControl(b) {
			return bytes.Compare(bytes.TrimRight(a, " "), bytes.TrimRight(b, " ")), true
		}
	case "general_ci":
		if printable && (utf8Collation(collation) || strings.HasPrefix(collation, "ascii")) {
			return compareUpper(a, b), true
		}
	case "swedish_ci":
		if printable && strings.HasPrefix(collation, "latin1") {
			return compareUpper(a, b), true
		}
	case "unicode_ci", "unicode_520_ci", "0900_ai_ci", "uca1400_ai_ci":
		if isAlphanumeric(a) && isAlphanumeric(b) {
			return compareUpper(a, b), true
		}
	}
	return 0, false
}

func utf8Collation(name string) bool { return strings.HasPrefix(name, "utf8") }

func isPrintable(b []byte) bool {
	for _, ch := range b {
		if ch < 0x20 || ch > 0x7e {
			return false
		}
	}
	return true
}

func noControl(b []byte) bool {
	for _, ch := range b {
		if ch < 0x20 {
			return false
		}
	}
	return true
}

func isAlphanumeric(b []byte) bool {
	for _, ch := range b {
		if (ch < '0' || ch > '9') && (ch < 'A' || ch > 'Z') && (ch < 'a' || ch > 'z') {
			return false
		}
	}
	return true
}

// compareUpper compares ASCII upper-cased, without trailing spaces.
func compareUpper(a, b []byte) int {
	a, b = bytes.TrimRight(a, " "), bytes.TrimRight(b, " ")
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x >= 'a' && x <= 'z' {
			x -= 32
		}
		if y >= 'a' && y <= 'z' {
			y -= 32
		}
		if x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}
