package ordersim

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Expected is what the tables of the lake hold: the four ODS tables as the
// business database has them, and the wide table as the partial-update of the
// four changelogs (without Options.Settled: when all changes of each were seen).
// It is folded change by change into plain maps.
type Expected struct {
	tables []Table
	rows   [tableCount]map[string]Row
	wide   map[string]*wideRow
}

// wideRow is a row of dwd.enrich_order.
type wideRow struct {
	cells   Row // of wideColumns
	refunds map[string]Row
}

// WideTable is the name of the wide table.
const WideTable = "dwd.enrich_order"

func newExpected() *Expected {
	e := &Expected{tables: Tables(), wide: map[string]*wideRow{}}
	for i := range e.rows {
		e.rows[i] = map[string]Row{}
	}
	return e
}

// wideColumns are the columns of the wide table before those of refunds.
func wideColumns() []Column {
	return []Column{
		{"order_id", Text}, {"product", Text}, {"qid", Text}, {"order_create_time", Moment}, {"order_end_time", Moment},
		{"order_status", Integer}, {"order_real_fee", Money}, {"sku_id", Integer},
		{"mid", Text}, {"client_type", Text}, {"android_id", Text}, {"idfa", Text}, {"client_version", Text}, {"os_name", Text}, {"ip", Text},
		{"coupon_code", Text}, {"coupon_batch", Text}, {"coupon_type", Integer}, {"coupon_status", Integer}, {"coupon_discount", Text},
	}
}

// wideOf says which columns of a business table go where in the wide table.
// The job does not fill the wide table's qid.
func wideOf(table int) map[int]int {
	switch table {
	case Orders:
		return map[int]int{1: 1, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7}
	case Devices:
		return map[int]int{1: 8, 2: 9, 3: 10, 4: 11, 5: 12, 6: 13, 7: 14}
	case Coupons:
		return map[int]int{1: 15, 3: 16, 5: 17, 6: 18, 7: 19}
	}
	return nil
}

// nestedColumns are the columns of order_refund_info in refund_info.
func nestedColumns() []int { return []int{1, 3, 4, 5, 6, 7} }

// apply folds in a transaction that is committed.
func (e *Expected) apply(tx *Tx) error {
	for _, op := range tx.Ops {
		if err := e.change(op); err != nil {
			return err
		}
	}
	return nil
}

func (e *Expected) change(op Op) error {
	t, rows := e.tables[op.Table], e.rows[op.Table]
	if op.Before != nil {
		key := op.Before[t.Key].Text
		if have := rows[key]; !slices.Equal(have, op.Before) {
			return fmt.Errorf("simulate %s: row %s changes from %v, but it is %v", t.Name, key, op.Before, have)
		}
		delete(rows, key)
	}
	if op.After == nil {
		return nil // retractions leave the wide table alone; see the package comment
	}
	key := op.After[t.Key].Text
	if have, ok := rows[key]; ok {
		return fmt.Errorf("simulate %s: row %s is inserted, but it is there: %v", t.Name, key, have)
	}
	rows[key] = op.After
	e.widen(op.Table, op.After)
	return nil
}

// widen merges a row into the wide table: non-null columns overwrite; refunds
// replace the element of their key.
func (e *Expected) widen(table int, r Row) {
	id := r[orderID].Text
	w := e.wide[id]
	if w == nil {
		w = &wideRow{cells: make(Row, len(wideColumns())), refunds: map[string]Row{}}
		w.cells[0] = text(id)
		e.wide[id] = w
	}
	for from, to := range wideOf(table) {
		if r[from].Valid {
			w.cells[to] = r[from]
		}
	}
	if table == Refunds {
		w.refunds[r[refundCode].Text] = r
	}
}

// Names gives the tables: "ods.order_info" and so on, then WideTable.
func (e *Expected) Names() []string {
	var out []string
	for _, t := range e.tables {
		out = append(out, "ods."+t.Name)
	}
	return append(out, WideTable)
}

// Len is the number of rows of a table; -1 when there is no such table.
func (e *Expected) Len(table string) int {
	if table == WideTable {
		return len(e.wide)
	}
	for i, t := range e.tables {
		if table == "ods."+t.Name {
			return len(e.rows[i])
		}
	}
	return -1
}

// each calls f for the rows of a table in the order of their keys.
func (e *Expected) each(table string, f func(printer) error) error {
	if table == WideTable {
		for _, id := range slices.Sorted(maps.Keys(e.wide)) {
			if err := f(e.wide[id]); err != nil {
				return err
			}
		}
		return nil
	}
	for i, t := range e.tables {
		if table != "ods."+t.Name {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(e.rows[i])) {
			if err := f(tableRow{t, e.rows[i][key]}); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("simulator: no table %q; there are %v", table, e.Names())
}

// WriteJSON writes a table as one JSON object a line, sorted by key: columns
// in schema order, decimals as text with their digits, times as
// 2006-01-02T15:04:05.000, elements of refund_info sorted by their text.
func (e *Expected) WriteJSON(table string, w io.Writer) error {
	var line []byte
	return e.each(table, func(r printer) error {
		line = append(r.json(line[:0]), '\n')
		_, err := w.Write(line)
		return err
	})
}
