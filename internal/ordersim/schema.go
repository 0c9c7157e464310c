package ordersim

import (
	_ "embed" // for Schema
	"slices"
)

// Schema creates the four business tables in MySQL or MariaDB: statements that
// end in ";\n".
//
//go:embed schema.mysql.sql
var Schema string

// Database is the database of the business tables in CreateTables and Run.
const Database = "shop"

// Kind is how a column's cells are held and shown.
type Kind uint8

// The kinds of columns.
const (
	Text    Kind = iota // STRING
	Integer             // INT
	Money               // DECIMAL(10, 2), in hundredths
	Moment              // TIMESTAMP(3), in ms since 1970-01-01 00:00:00
)

// Column is a column of a business table.
type Column struct {
	Name string
	Kind Kind
}

// Table is a business table. Its key is one text column.
type Table struct {
	Name    string
	Columns []Column
	Key     int
}

// Cell is a value: Text for texts, N for all others. The zero Cell is NULL.
type Cell struct {
	Valid bool
	Text  string
	N     int64
}

// Row has one cell for each column.
type Row []Cell

func text(s string) Cell  { return Cell{Valid: true, Text: s} }
func number(n int64) Cell { return Cell{Valid: true, N: n} }

// The tables by their index in Tables.
const (
	Orders = iota
	Devices
	Coupons
	Refunds
	tableCount
)

// Columns that the simulator looks at, by table.
const (
	orderID = 0

	orderProduct = 1
	orderEnd     = 4
	orderStatus  = 5
	orderFee     = 6
	orderSKU     = 7

	deviceVersion = 5
	deviceOS      = 6
	deviceIP      = 7

	couponCode     = 1
	couponStatus   = 6
	couponDiscount = 7

	refundCode   = 1
	refundStatus = 4
	refundFee    = 5
	refundTime   = 6
	refundWay    = 7
)

// Tables gives the four business tables.
func Tables() []Table {
	return []Table{
		{Name: "order_info", Key: orderID, Columns: []Column{{"order_id", Text}, {"product", Text}, {"qid", Text},
			{"order_create_time", Moment}, {"order_end_time", Moment}, {"order_status", Integer}, {"order_real_fee", Money}, {"sku_id", Integer}}},
		{Name: "order_device_info", Key: orderID, Columns: []Column{{"order_id", Text}, {"mid", Text}, {"client_type", Text},
			{"android_id", Text}, {"idfa", Text}, {"client_version", Text}, {"os_name", Text}, {"ip", Text}}},
		{Name: "order_coupon_info", Key: couponCode, Columns: []Column{{"order_id", Text}, {"coupon_code", Text}, {"qid", Text},
			{"coupon_batch", Text}, {"ctime", Moment}, {"coupon_type", Integer}, {"coupon_status", Integer}, {"coupon_discount", Text}}},
		{Name: "order_refund_info", Key: refundCode, Columns: []Column{{"order_id", Text}, {"refund_mer_trade_code", Text}, {"qid", Text},
			{"refund_type", Integer}, {"refund_status", Integer}, {"refund_fee", Money}, {"refund_time", Moment}, {"refund_way", Integer}}},
	}
}

// with gives a copy of the row with one cell changed.
func (r Row) with(column int, c Cell) Row {
	out := slices.Clone(r)
	out[column] = c
	return out
}

// Op is a change of one row: an insert has no Before, a delete has no After.
type Op struct {
	Table         int // index into Tables
	Before, After Row
}

// Tx is a transaction.
type Tx struct {
	Ops []Op
	// Rollback: the transaction is taken back; none of its changes happen.
	Rollback bool
	// At is when it commits, on the simulator's clock; ms since 1970.
	At int64
}
