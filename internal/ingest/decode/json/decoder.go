// Package json reads JSON lines, one object a row, into Arrow columns, by the
// rules of Flink's json format: unknown members are ignored, absent ones are
// null, numbers may be written as strings, and any value fits a STRING column.
// Numbers keep all their digits.
//
// Where Flink would store something else than the text says, it is an error
// here: a fraction for an integer (Flink cuts it), a number too large for its
// DECIMAL (null in Flink), a text that is no boolean (false in Flink).
package json

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Options are the options of Flink's json format that matter for reading. The
// zero value has their defaults.
type Options struct {
	// FailOnMissing makes an absent member an error: fail-on-missing-field.
	FailOnMissing bool
	// IgnoreParseErrors makes wrong values null, and leaves out lines that are
	// no objects: ignore-parse-errors.
	IgnoreParseErrors bool
	// ISO reads timestamps as 2006-01-31T15:04:05 and not with a space:
	// timestamp-format.standard = ISO-8601.
	ISO bool
}

// ParseOptions reads the options that begin with prefix ("json." or
// "debezium-json."), and leaves the others alone. An unknown one is an error.
func ParseOptions(options map[string]string, prefix string) (Options, error) {
	var o Options
	for key, v := range options {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		var err error
		switch name {
		case "fail-on-missing-field":
			o.FailOnMissing, err = Bool(v)
		case "ignore-parse-errors":
			o.IgnoreParseErrors, err = Bool(v)
		case "timestamp-format.standard":
			o.ISO, err = standard(v)
		case "map-null-key.mode", "map-null-key.literal", "encode.decimal-as-plain-number", "encode.ignore-null-fields", "decode.json-parser.enabled":
			// These are for writing, or choose between two ways to the same result.
		default:
			err = errs.Invalid("unknown option; known are fail-on-missing-field, ignore-parse-errors and timestamp-format.standard")
		}
		if err != nil {
			return o, fmt.Errorf("option %q: %w", key, err)
		}
	}
	if o.FailOnMissing && o.IgnoreParseErrors {
		return o, errs.Invalid("options %sfail-on-missing-field and %signore-parse-errors: not both can be true", prefix, prefix)
	}
	return o, nil
}

// Bool reads the value of an option.
func Bool(v string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errs.Invalid("%q: want true or false", v)
}

func standard(v string) (iso bool, err error) {
	switch strings.ToUpper(strings.TrimSpace(v)) {
	case "SQL":
		return false, nil
	case "ISO-8601":
		return true, nil
	}
	return false, errs.Invalid("%q: want SQL or ISO-8601", v)
}

// Decoder reads lines of objects; every line is a +I.
type Decoder struct {
	row     *Row
	rows    *decode.Rows
	skipped int
}

var _ decode.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder of rows with these columns. A type that JSON
// cannot hold is an error.
func NewDecoder(fields []types.Field, o Options) (*Decoder, error) {
	rows := decode.NewRows(fields)
	row, err := NewRow(fields, rows, o)
	if err != nil {
		rows.Release()
		return nil, err
	}
	return &Decoder{row: row, rows: rows}, nil
}

// Decode implements decode.Decoder. An empty line is no row.
func (d *Decoder) Decode(line []byte) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	mark := d.rows.Mark()
	err := d.row.Append(line, types.Insert)
	if err == nil {
		return nil
	}
	d.rows.Undo(mark)
	if d.row.o.IgnoreParseErrors {
		d.skipped++
		return nil
	}
	return err
}

// Len implements decode.Decoder.
func (d *Decoder) Len() int { return d.rows.Len() }

// Flush implements decode.Decoder.
func (d *Decoder) Flush() (decode.Chunk, error) {
	batch, kinds, err := d.rows.Flush()
	c := decode.Chunk{Rows: batch, Kinds: kinds, Skipped: d.skipped, Nulled: d.row.TakeNulled()}
	d.skipped = 0
	return c, err
}

// Release implements decode.Decoder.
func (d *Decoder) Release() { d.rows.Release() }

// Row appends JSON objects as rows.
type Row struct {
	rows    *decode.Rows
	members *members
	o       *rules
}

// NewRow compiles the way from objects to the columns of rows.
func NewRow(fields []types.Field, rows *decode.Rows, o Options) (*Row, error) {
	r := &Row{rows: rows, o: &rules{Options: o}}
	var err error
	if r.members, err = newMembers(fields, rows.Columns(), r.o); err != nil {
		return nil, err
	}
	return r, nil
}

// Append reads an object and adds it as a row. After a SyntaxError nothing was
// added; after any other error a row was added that is to be undone.
func (r *Row) Append(text []byte, kind types.RowKind) error {
	if err := r.members.object.Scan(text); err != nil {
		return err
	}
	err := r.members.append()
	r.rows.Add(kind)
	return err
}

// TakeNulled gives how many wrong values became null since the last call.
func (r *Row) TakeNulled() int {
	n := r.o.nulled
	r.o.nulled = 0
	return n
}

func inColumn(err error, name string) error { return fmt.Errorf("column %q: %w", name, err) }
