package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/rowjson"
)

// maxTableRows is how many rows a table on the screen shows; csv and json show
// all.
const maxTableRows = 10000

// printResult prints a result as table, csv or json (one object a line).
func printResult(out io.Writer, r *query.Result, format string) error {
	if len(r.Columns) == 0 {
		if r.Message != "" && format == "table" {
			fmt.Fprintln(out, r.Message)
		}
		return nil
	}
	zone := r.Zone
	if zone == nil {
		zone = time.UTC
	}
	switch format {
	case "csv":
		return printCSV(out, r, zone)
	case "json":
		return printJSON(out, r)
	}
	return printTable(out, r, zone)
}

// checkFormat refuses an unknown --format before anything runs.
func checkFormat(format string) error {
	if format != "table" && format != "csv" && format != "json" {
		return fmt.Errorf("--format %s: want table, csv or json", format)
	}
	return nil
}

// each visits all rows.
func each(r *query.Result, visit func(b arrow.RecordBatch, row int) error) error {
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range int(b.NumRows()) {
			if err := visit(b, i); err != nil {
				b.Release()
				return err
			}
		}
		b.Release()
	}
}

// cell is a value as people read it: text without quotes, times as SQL writes
// them, NULL as given.
func cell(a arrow.Array, i int, null string, zone *time.Location) string {
	if a.IsNull(i) {
		return null
	}
	if t, ok := a.(*array.Timestamp); ok {
		return timestamp(t, i, zone)
	}
	s := string(rowjson.AppendArrow(nil, a, i))
	if len(s) >= 2 && s[0] == '"' {
		if s, ok := unquote(s); ok {
			return s
		}
	}
	return s
}

// timestamp writes a time with the digits of its unit; a time with zone in zone.
func timestamp(a *array.Timestamp, i int, zone *time.Location) string {
	t := a.DataType().(*arrow.TimestampType)
	at := a.Value(i).ToTime(t.Unit)
	if t.TimeZone != "" {
		at = at.In(zone)
	}
	layout := map[arrow.TimeUnit]string{arrow.Millisecond: ".000", arrow.Microsecond: ".000000", arrow.Nanosecond: ".000000000"}[t.Unit]
	return at.Format(time.DateTime + layout)
}

func unquote(s string) (string, bool) {
	r := strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\r`, "\r", `\t`, "\t")
	return r.Replace(s[1 : len(s)-1]), true
}

func printTable(out io.Writer, r *query.Result, zone *time.Location) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	header := table.Row{}
	var configs []table.ColumnConfig
	for i, c := range r.Columns {
		header = append(header, c.Name)
		align := text.AlignLeft
		if numeric(c.Type) {
			align = text.AlignRight
		}
		config := table.ColumnConfig{Number: i + 1, Align: align}
		if len(r.Columns) > 1 {
			config.WidthMax = 60
		}
		configs = append(configs, config)
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	rows := 0
	err := each(r, func(b arrow.RecordBatch, i int) error {
		if rows++; rows > maxTableRows {
			return nil
		}
		row := table.Row{}
		for c := range r.Columns {
			row = append(row, cell(b.Column(c), i, "NULL", zone))
		}
		t.AppendRow(row)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, t.Render())
	switch {
	case rows > maxTableRows:
		fmt.Fprintf(out, "%d rows (the first %d are shown; --format csv or json shows all)\n", rows, maxTableRows)
	case rows == 1:
		fmt.Fprintln(out, "1 row")
	default:
		fmt.Fprintf(out, "%d rows\n", rows)
	}
	return nil
}

func numeric(t arrow.DataType) bool {
	return t != nil && (arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID()))
}

// printCSV writes RFC 4180 with a line of names. NULL is nothing, an empty text
// is "", so that they stay apart.
func printCSV(out io.Writer, r *query.Result, zone *time.Location) error {
	w := bufio.NewWriter(out)
	var line []byte
	for i, c := range r.Columns {
		line = appendCSV(line, i, c.Name, false)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return err
	}
	err := each(r, func(b arrow.RecordBatch, i int) error {
		line = line[:0]
		for c := range r.Columns {
			col := b.Column(c)
			line = appendCSV(line, c, cell(col, i, "", zone), col.IsNull(i))
		}
		_, err := w.Write(append(line, '\n'))
		return err
	})
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	return err
}

func appendCSV(line []byte, at int, v string, null bool) []byte {
	if at > 0 {
		line = append(line, ',')
	}
	if null || v != "" && !strings.ContainsAny(v, ",\"\r\n") && strings.TrimSpace(v) == v {
		return append(line, v...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(v, `"`, `""`)...)
	return append(line, '"')
}

func printJSON(out io.Writer, r *query.Result) error {
	w := bufio.NewWriter(out)
	var line []byte
	err := each(r, func(b arrow.RecordBatch, i int) error {
		line = append(line[:0], '{')
		for c, col := range r.Columns {
			if c > 0 {
				line = append(line, ',')
			}
			line = append(rowjson.Quote(line, col.Name), ':')
			line = rowjson.AppendArrow(line, b.Column(c), i)
		}
		_, err := w.Write(append(line, '}', '\n'))
		return err
	})
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	return err
}
