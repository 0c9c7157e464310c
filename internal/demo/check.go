package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/ast"
)

// null stands for NULL in cells.
const null = `\N`

// answer is a result as text.
type answer struct {
	columns []string
	numbers []bool // which columns are numbers
	rows    [][]string
}

// collect reads all rows of a result.
func collect(r *query.Result) (a answer, err error) {
	for _, c := range r.Columns {
		a.columns = append(a.columns, c.Name)
		a.numbers = append(a.numbers, c.Type != nil && (arrow.IsInteger(c.Type.ID()) || arrow.IsDecimal(c.Type.ID())))
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		a.rows = append(a.rows, cells(b)...)
		b.Release()
	}
}

func cells(b arrow.RecordBatch) [][]string {
	rows := make([][]string, b.NumRows())
	for i := range rows {
		rows[i] = make([]string, b.NumCols())
		for c := range rows[i] {
			rows[i][c] = null
			if col := b.Column(c); col.IsValid(i) {
				rows[i][c] = col.ValueStr(i)
			}
		}
	}
	return rows
}

// ask gives the answer to a query in Flink's dialect.
func (d *demo) ask(ctx context.Context, q string) (a answer, err error) {
	err = d.sql(ctx, "check.sql", "SET 'execution.runtime-mode' = 'batch'; "+q, func(_ ast.Statement, r *query.Result) error {
		if len(r.Columns) > 0 {
			a, err = collect(r)
		}
		return err
	})
	return a, err
}

// lines gives the rows as lines, sorted.
func (a answer) lines() []string {
	out := make([]string, len(a.rows))
	for i, r := range a.rows {
		out[i] = strings.Join(r, "|")
	}
	slices.Sort(out)
	return out
}

// print shows the first rows.
func (a answer) print(out io.Writer, most int) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	var configs []table.ColumnConfig
	for i, number := range a.numbers {
		if number {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight})
		}
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(cellsOf(a.columns))
	for _, r := range a.rows[:min(most, len(a.rows))] {
		t.AppendRow(cellsOf(r))
	}
	fmt.Fprintln(out, t.Render())
	if len(a.rows) > most {
		fmt.Fprintf(out, "the first %d of %d rows\n", most, len(a.rows))
	}
}

func cellsOf(list []string) table.Row {
	row := make(table.Row, len(list))
	for i, s := range list {
		row[i] = s
	}
	return row
}

// check prints whether lines are what they must be, and fails if not.
func (d *demo) check(what string, want, have []string) error {
	d.checks++
	if err := difference(want, have); err != nil {
		fmt.Fprintf(d.Out, "check  %s: DIFFERENT: %v\n", what, err)
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Fprintf(d.Out, "check  %s: %d rows, equal\n", what, len(have))
	return nil
}

// difference says how two sorted lists differ; nil when they do not.
func difference(want, have []string) error {
	for i := range max(len(want), len(have)) {
		switch {
		case i >= len(have) || i < len(want) && want[i] < have[i]:
			return fmt.Errorf("%d rows, expected %d; missing is %q", len(have), len(want), want[i])
		case i >= len(want) || want[i] > have[i]:
			return fmt.Errorf("%d rows, expected %d; too many is %q", len(have), len(want), have[i])
		}
	}
	return nil
}
