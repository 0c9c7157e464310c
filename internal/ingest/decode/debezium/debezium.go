// Package debezium reads Debezium change events in JSON into an exact
// changelog, by the rules of Flink's debezium-json format: c and r give +I,
// u gives -U and +U, d gives -D. An empty line or null (a tombstone) gives
// nothing.
//
// Values are read by the rules of package json. Debezium's default forms of
// some types are not text: have it write decimal.handling.mode=string and
// times as strings, or declare such columns as they are written.
package debezium

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/internal/ingest/decode/json"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Options are the options of Flink's debezium-json format that matter for
// reading. The zero value has their defaults.
type Options struct {
	JSON json.Options
	// SchemaInclude: events are inside {"schema": …, "payload": …}, as Debezium
	// writes with converter.schemas.enable: debezium-json.schema-include.
	SchemaInclude bool
}

const prefix = "debezium-json."

// ParseOptions reads the options that begin with "debezium-json.", and leaves
// the others alone. An unknown one is an error.
func ParseOptions(options map[string]string) (Options, error) {
	var o Options
	rest := make(map[string]string, len(options))
	for key, v := range options {
		switch name, ours := strings.CutPrefix(key, prefix); {
		case ours && name == "schema-include":
			var err error
			if o.SchemaInclude, err = json.Bool(v); err != nil {
				return o, fmt.Errorf("option %q: %w", key, err)
			}
		case ours && name == "fail-on-missing-field":
			return o, errs.Invalid("option %q: unknown; debezium-json has no such option", key)
		case ours:
			rest[key] = v
		}
	}
	var err error
	o.JSON, err = json.ParseOptions(rest, prefix)
	return o, err
}

// The members of the envelope and of its source that are looked at.
const (
	memberBefore = iota
	memberAfter
	memberOp
	memberSource
	memberTime
	memberPayload // present only when the option schema-include is wrong
)

// Decoder reads lines of events.
type Decoder struct {
	o       Options
	outer   *json.Object // {"schema", "payload"}
	event   *json.Object
	source  *json.Object
	row     *json.Row
	rows    *decode.Rows
	newest  int64 // ms since the epoch; 0 when no event told
	skipped int
}

var _ decode.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder of rows with these columns.
func NewDecoder(fields []types.Field, o Options) (*Decoder, error) {
	rows := decode.NewRows(fields)
	row, err := json.NewRow(fields, rows, o.JSON)
	if err != nil {
		rows.Release()
		return nil, err
	}
	return &Decoder{
		o: o, row: row, rows: rows,
		outer:  json.NewObject("payload"),
		event:  json.NewObject("before", "after", "op", "source", "ts_ms", "payload"),
		source: json.NewObject("ts_ms"),
	}, nil
}

// Decode implements decode.Decoder.
func (d *Decoder) Decode(line []byte) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || string(line) == "null" {
		return nil
	}
	mark := d.rows.Mark()
	err := d.decode(line)
	if err == nil {
		return nil
	}
	d.rows.Undo(mark)
	if d.o.JSON.IgnoreParseErrors {
		d.skipped++
		return nil
	}
	return err
}

func (d *Decoder) decode(line []byte) error {
	if d.o.SchemaInclude {
		if err := d.outer.Scan(line); err != nil {
			return err
		}
		switch payload := d.outer.Get(0); {
		case payload == nil:
			return errs.Invalid("the event has no \"payload\": %s (set 'debezium-json.schema-include' = 'false' when events come without schema)", decode.Show(line))
		case payload[0] == 'n':
			return nil
		default:
			line = payload
		}
	}
	if err := d.event.Scan(line); err != nil {
		return err
	}
	if err := d.changes(line); err != nil {
		return err
	}
	d.noteTime()
	return nil
}

// changes adds the rows of the event scanned last.
func (d *Decoder) changes(line []byte) error {
	op, ok := d.event.Text(memberOp)
	if !ok {
		return d.noOp(line)
	}
	switch op {
	case "c", "r":
		return d.add(memberAfter, types.Insert)
	case "u":
		if err := d.add(memberBefore, types.UpdateBefore); err != nil {
			return err
		}
		return d.add(memberAfter, types.UpdateAfter)
	case "d":
		return d.add(memberBefore, types.Delete)
	case "t":
		return errs.Unsupported("op \"t\": the table was truncated, which no row change tells: not supported; load the table anew")
	}
	return errs.Invalid("op %q: want c, r, u or d", op)
}

func (d *Decoder) noOp(line []byte) error {
	if !d.event.Null(memberPayload) && !d.o.SchemaInclude {
		return errs.Invalid("the event has no \"op\" but a \"payload\": set 'debezium-json.schema-include' = 'true'")
	}
	return errs.Invalid("the event has no \"op\": %s", decode.Show(line))
}

func (d *Decoder) add(member int, kind types.RowKind) error {
	side := "after"
	if member == memberBefore {
		side = "before"
	}
	v := d.event.Get(member)
	if d.event.Null(member) {
		if member == memberBefore {
			return errs.Invalid("the %s event has no \"before\": its source must tell whole old rows (PostgreSQL: ALTER TABLE … REPLICA IDENTITY FULL; MySQL: binlog_row_image=FULL)", kindName(kind))
		}
		return errs.Invalid("the event has no \"after\"")
	}
	err := d.row.Append(v, kind)
	var e *decode.ValueError
	if errors.As(err, &e) {
		return fmt.Errorf("in %q: %w", side, err)
	}
	if err != nil {
		return errs.Invalid("%q is %s: want an object", side, decode.Show(v))
	}
	return nil
}

func kindName(kind types.RowKind) string {
	if kind == types.Delete {
		return "delete"
	}
	return "update"
}

// noteTime keeps the newest commit time: source.ts_ms, else the time at which
// Debezium made the event.
func (d *Decoder) noteTime() {
	ms, ok := d.event.Int(memberTime)
	if !d.event.Null(memberSource) && d.source.Scan(d.event.Get(memberSource)) == nil {
		if at, told := d.source.Int(0); told {
			ms, ok = at, true
		}
	}
	if ok {
		d.newest = max(d.newest, ms)
	}
}

// Len implements decode.Decoder.
func (d *Decoder) Len() int { return d.rows.Len() }

// Flush implements decode.Decoder.
func (d *Decoder) Flush() (decode.Chunk, error) {
	batch, kinds, err := d.rows.Flush()
	c := decode.Chunk{Rows: batch, Kinds: kinds, Skipped: d.skipped, Nulled: d.row.TakeNulled()}
	if d.newest > 0 {
		c.Newest = time.UnixMilli(d.newest)
	}
	d.newest, d.skipped = 0, 0
	return c, err
}

// Release implements decode.Decoder.
func (d *Decoder) Release() { d.rows.Release() }
