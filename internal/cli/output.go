package cli

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
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
	switch format {
	case "csv":
		return printCSV(out, r)
	case "json":
		return printJSON(out, r)
	}
	return printTable(out, r)
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

// cell is a value as people read it: text without quotes, NULL as given.
func cell(a arrow.Array, i int, null string) string {
	if a.IsNull(i) {
		return null
	}
	s := string(rowjson.AppendArrow(nil, a, i))
	if len(s) >= 2 && s[0] == '"' {
		if s, ok := unquote(s); ok {
			return s
		}
	}
	return s
}

func unquote(s string) (string, bool) {
	r := strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\r`, "\r", `\t`, "\t")
	return r.Replace(s[1 : len(s)-1]), true
}

func printTable(out io.Writer, r *query.Result) error {
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
			row = append(row, cell(b.Column(c), i, "NULL"))
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

func printCSV(out io.Writer, r *query.Result) error {
	w := csv.NewWriter(out)
	row := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		row[i] = c.Name
	}
	if err := w.Write(row); err != nil {
		return err
	}
	err := each(r, func(b arrow.RecordBatch, i int) error {
		for c := range r.Columns {
			row[c] = cell(b.Column(c), i, "")
		}
		return w.Write(row)
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
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
