package ordersim

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// printer is a row that can be shown in the two forms in which results are
// compared.
type printer interface {
	json(dst []byte) []byte
	line(dst []byte) []byte // for the digest
}

// tableRow is a row of an ODS table.
type tableRow struct {
	t Table
	r Row
}

func (r tableRow) json(dst []byte) []byte {
	return append(jsonMembers(append(dst, '{'), r.t.Columns, r.r), '}')
}

func (r tableRow) line(dst []byte) []byte { return lineCells(dst, r.t.Columns, r.r, '|') }

func (w *wideRow) json(dst []byte) []byte {
	dst = jsonMembers(append(dst, '{'), wideColumns(), w.cells)
	if len(w.refunds) == 0 {
		return append(dst, `,"g_refund_seq":null,"refund_info":null}`...)
	}
	dst = append(dst, `,"g_refund_seq":1,"refund_info":[`...)
	elements := w.elements(func(columns []Column, cells Row) []byte {
		return append(jsonMembers([]byte{'{'}, columns, cells), '}')
	})
	return append(append(dst, bytes.Join(elements, []byte{','})...), "]}"...)
}

func (w *wideRow) line(dst []byte) []byte {
	dst = lineCells(dst, wideColumns(), w.cells, '|')
	if len(w.refunds) == 0 {
		return append(dst, `|\N|\N`...)
	}
	elements := w.elements(func(columns []Column, cells Row) []byte {
		return append(lineCells([]byte{'('}, columns, cells, ','), ')')
	})
	return append(append(append(dst, "|1|["...), bytes.Join(elements, []byte{';'})...), ']')
}

// elements shows the refunds, sorted by their text.
func (w *wideRow) elements(show func([]Column, Row) []byte) [][]byte {
	all := Tables()[Refunds].Columns
	var out [][]byte
	for _, r := range w.refunds {
		var columns []Column
		var cells Row
		for _, c := range nestedColumns() {
			columns, cells = append(columns, all[c]), append(cells, r[c])
		}
		out = append(out, show(columns, cells))
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

func jsonMembers(dst []byte, columns []Column, cells Row) []byte {
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(quote(dst, c.Name), ':')
		dst = jsonCell(dst, c.Kind, cells[i], "2006-01-02T15:04:05.000")
	}
	return dst
}

func jsonCell(dst []byte, k Kind, c Cell, layout string) []byte {
	switch {
	case !c.Valid:
		return append(dst, "null"...)
	case k == Text:
		return quote(dst, c.Text)
	case k == Integer:
		return strconv.AppendInt(dst, c.N, 10)
	}
	return quote(dst, c.plain(k, layout))
}

// lineCells shows cells for the digest.
func lineCells(dst []byte, columns []Column, cells Row, separator byte) []byte {
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, separator)
		}
		if !cells[i].Valid {
			dst = append(dst, `\N`...)
			continue
		}
		dst = append(dst, cells[i].plain(c.Kind, time.DateTime+".000")...)
	}
	return dst
}

// plain is the text of a value that is not NULL.
func (c Cell) plain(k Kind, layout string) string {
	switch k {
	case Integer:
		return strconv.FormatInt(c.N, 10)
	case Money:
		sign, n := "", c.N
		if n < 0 {
			sign, n = "-", -n
		}
		return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
	case Moment:
		return time.UnixMilli(c.N).UTC().Format(layout)
	}
	return c.Text
}

// quote appends a JSON string: only quotes, backslashes and control characters
// are escaped.
func quote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// Digest tells whether two tables are equal without their rows: the number of
// rows, and the sum over rows, modulo 2^64 and in hexadecimal, of the first
// eight bytes of the MD5 of a line. A line has the columns in schema order
// joined by '|': \N for NULL, times as 2006-01-02 15:04:05.000, decimals with
// two digits, rows as (a,b), arrays as [x;y] with elements sorted by bytes.
func (e *Expected) Digest(table string) (rows int, md5sum64 string, err error) {
	var sum uint64
	var line []byte
	err = e.each(table, func(r printer) error {
		line = r.line(line[:0])
		h := md5.Sum(line)
		sum += binary.BigEndian.Uint64(h[:8])
		rows++
		return nil
	})
	return rows, fmt.Sprintf("%016x", sum), err
}
