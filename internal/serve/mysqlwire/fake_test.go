package mysqlwire

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"github.com/tarndb/tarn/paimon/errs"
)

// fakeBackend stands for the query engine, which is another package. It knows
// a few statements; see fakeSession.Query.
type fakeBackend struct {
	mu      sync.Mutex
	open    int
	seen    []string   // statements that reached a session
	ended   chan error // causes of statements that waited for their context
	batches int        // batches that "numbers" made
	plain   bool       // sessions do not implement VariableSetter
}

func newFakeBackend() *fakeBackend { return &fakeBackend{ended: make(chan error, 16)} }

func (b *fakeBackend) NewSession(_ context.Context, user, database string) (Session, error) {
	if database == "missing" {
		return nil, Errorf(CodeUnknownDatabase, "Unknown database 'missing'")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open++
	s := &fakeSession{backend: b, user: user, database: database}
	if b.plain {
		return struct{ Session }{s}, nil
	}
	return s, nil
}

func (b *fakeBackend) sessions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

func (b *fakeBackend) statements() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.seen...)
}

type fakeSession struct {
	backend        *fakeBackend
	user, database string
}

func (s *fakeSession) Database() string { return s.database }

func (s *fakeSession) SetDatabase(_ context.Context, name string) error {
	if name == "missing" {
		return Errorf(CodeUnknownDatabase, "Unknown database '%s'", name)
	}
	s.database = name
	return nil
}

func (s *fakeSession) SetVariable(_ context.Context, name, value string) error {
	if value == "Antarctica/Troll" {
		return errs.Unsupported("%s %s", name, value)
	}
	return nil
}

func (s *fakeSession) Close() error {
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	s.backend.open--
	return nil
}

func (s *fakeSession) Describe(_ context.Context, sql string) ([]Column, int, error) {
	switch {
	case strings.HasPrefix(sql, "select echo"):
		n := strings.Count(sql, "?")
		return echoColumns(n), n, nil
	case strings.Contains(sql, "types"):
		return columnsOf(typesTable()), 0, nil
	case strings.Contains(sql, "unnest([1,2,3])"):
		return []Column{{Name: "unnest", Type: arrow.PrimitiveTypes.Int32}}, 0, nil
	case strings.HasPrefix(sql, "fail"):
		return nil, 0, Errorf(CodeSyntax, "line 1, column 1: fail")
	}
	return nil, strings.Count(sql, "?"), nil
}

// Query knows: select echo ?,... | types | numbers N | blob BYTES | odd (a type
// that MySQL has not) | unnest..., and wait | fail KIND |
// insert | use DB | set ... | panic.
func (s *fakeSession) Query(ctx context.Context, sql string, params []any) (Result, error) {
	s.backend.mu.Lock()
	s.backend.seen = append(s.backend.seen, sql)
	s.backend.mu.Unlock()
	fields := strings.Fields(sql)
	switch strings.ToLower(fields[0]) {
	case "select":
		return s.selectFrom(fields, params)
	case "wait":
		<-ctx.Done()
		s.backend.ended <- context.Cause(ctx)
		return nil, ctx.Err()
	case "fail":
		return nil, fakeError(fields[1])
	case "insert":
		return &fakeResult{affected: 3}, nil
	case "use":
		return &fakeResult{}, s.SetDatabase(ctx, strings.Trim(fields[1], "`"))
	case "panic":
		panic("the session is broken")
	case "set":
		return &fakeResult{}, nil
	}
	return nil, Errorf(CodeSyntax, "line 1, column 1: unexpected %q", fields[0])
}

func (s *fakeSession) selectFrom(fields []string, params []any) (Result, error) {
	last := fields[len(fields)-1]
	switch {
	case fields[1] == "echo" && len(params) > 0:
		return &fakeResult{columns: echoColumns(len(params)), batches: []arrow.RecordBatch{echoBatch(params)}}, nil
	case fields[1] == "types":
		batch := typesTable()
		return &fakeResult{columns: columnsOf(batch), batches: []arrow.RecordBatch{batch}}, nil
	case fields[1] == "numbers":
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return nil, err
		}
		return &numbersResult{backend: s.backend, left: n}, nil
	case fields[1] == "blob":
		n, err := strconv.Atoi(last)
		if err != nil {
			return nil, err
		}
		return single("blob", arrow.BinaryTypes.String, func(b array.Builder) {
			b.(*array.StringBuilder).Append(strings.Repeat("x", n))
		}), nil
	case fields[1] == "odd":
		return single("odd", arrow.FixedWidthTypes.MonthDayNanoInterval, func(b array.Builder) { b.AppendNull() }), nil
	case strings.Contains(fields[1], "unnest([1,2,3])"):
		return single("unnest", arrow.PrimitiveTypes.Int32, func(b array.Builder) {
			b.(*array.Int32Builder).AppendValues([]int32{1, 2, 3}, nil)
		}), nil
	}
	return nil, errs.Kinded(errs.ErrNotFound, "table %s: not found", last)
}

func fakeError(kind string) error {
	switch kind {
	case "syntax":
		return Errorf(CodeSyntax, "line 1, column 6: unexpected end")
	case "table":
		return fmt.Errorf("read: %w", errs.Kinded(errs.ErrNotFound, "table db.t: not found"))
	case "exists":
		return errs.Kinded(errs.ErrExists, "table db.t exists")
	case "unsupported":
		return errs.Unsupported("window TUMBLE")
	case "state":
		return &Error{Code: 1146, State: "42S02", Message: "Table 'db.t' doesn't exist"}
	}
	return fmt.Errorf("disk full: %s", strings.Repeat("ä", 5000))
}

type fakeResult struct {
	columns  []Column
	batches  []arrow.RecordBatch
	affected uint64
}

func (r *fakeResult) Columns() []Column { return r.columns }
func (r *fakeResult) Affected() uint64  { return r.affected }
func (r *fakeResult) Close() error      { return nil }
func (r *fakeResult) Next(context.Context) (arrow.RecordBatch, error) {
	if len(r.batches) == 0 {
		return nil, io.EOF
	}
	b := r.batches[0]
	r.batches = r.batches[1:]
	return b, nil
}

// numbersResult streams 0, 1, 2, ... with a text beside each.
type numbersResult struct {
	backend    *fakeBackend
	next, left int64
}

const numbersBatch = 4096

func (r *numbersResult) Columns() []Column {
	return []Column{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "t", Type: arrow.BinaryTypes.String}}
}
func (r *numbersResult) Affected() uint64 { return 0 }
func (r *numbersResult) Close() error     { return nil }
func (r *numbersResult) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if r.left == 0 {
		return nil, io.EOF
	}
	r.backend.mu.Lock()
	r.backend.batches++
	r.backend.mu.Unlock()
	n, t := array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for i := min(r.left, numbersBatch); i > 0; i-- {
		n.Append(r.next)
		t.Append("row number " + strconv.FormatInt(r.next, 10))
		r.next++
		r.left--
	}
	return record([]string{"n", "t"}, n.NewArray(), t.NewArray()), nil
}

func record(names []string, arrays ...arrow.Array) arrow.RecordBatch {
	fields := make([]arrow.Field, len(names))
	for i, name := range names {
		fields[i] = arrow.Field{Name: name, Type: arrays[i].DataType(), Nullable: true}
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(arrays[0].Len()))
}

func single(name string, dt arrow.DataType, fill func(array.Builder)) Result {
	b := array.NewBuilder(memory.DefaultAllocator, dt)
	fill(b)
	batch := record([]string{name}, b.NewArray())
	return &fakeResult{columns: columnsOf(batch), batches: []arrow.RecordBatch{batch}}
}

func columnsOf(batch arrow.RecordBatch) []Column {
	var columns []Column
	for _, f := range batch.Schema().Fields() {
		columns = append(columns, Column{Name: f.Name, Type: f.Type, Nullable: f.Nullable, Table: "t"})
	}
	return columns
}

func echoColumns(n int) []Column {
	var columns []Column
	for i := range n {
		columns = append(columns, Column{Name: fmt.Sprintf("p%d", i), Type: arrow.BinaryTypes.String, Nullable: true})
	}
	return columns
}

// echoBatch shows each parameter's Go type and value.
func echoBatch(params []any) arrow.RecordBatch {
	var names []string
	var arrays []arrow.Array
	for i, p := range params {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		if at, ok := p.(time.Time); ok {
			p = at.Format("2006-01-02 15:04:05.999999")
		}
		if d, ok := p.(arrow.Date32); ok {
			p = d.FormattedString()
		}
		b.Append(fmt.Sprintf("%T %v", params[i], p))
		names, arrays = append(names, fmt.Sprintf("p%d", i)), append(arrays, b.NewArray())
	}
	return record(names, arrays...)
}

// typesTable has one column of each type and three rows: values, nulls, and
// extremes.
func typesTable() arrow.RecordBatch {
	fields, rows := typesFields(), []string{
		`{"bool":true,"i8":-8,"i16":-16,"i32":-32,"i64":-64,"u8":8,"u16":16,"u32":32,"u64":64,"f32":1.5,"f64":0.1,
		  "dec":"123.45","dec38":"-1.00000000000000000001","str":"äöü 'quoted' \"x\"","bin":"AAEC/w==","date":"2025-06-01",
		  "time":"13:14:15.678","ts0":"2025-06-01 10:11:12","ts3":"2025-06-01 10:11:12.345","ts6":"2025-06-01 10:11:12.345678",
		  "ts9":"2025-06-01 10:11:12.345678901","ltz":"2025-06-01 10:11:12.345","list":[1,null,3],
		  "map":[{"key":"a","value":1},{"key":"b","value":null}],
		  "row":{"a":1,"b":"x\"y","c":"1.50","d":"2025-06-01 10:11:12.345"},"rows":[{"code":"R1","fee":"9.90"},null]}`,
		`{}`,
		`{"bool":false,"i8":127,"i16":32767,"i32":2147483647,"i64":"9223372036854775807","u8":255,"u16":65535,"u32":4294967295,
		  "u64":"18446744073709551615","f32":3.4e38,"f64":-1e-300,"dec":"-0.01","dec38":"99999999999999999.99999999999999999999",
		  "str":"","bin":"","date":"1969-12-31","time":"00:00:00","ts0":"1969-12-31 23:59:59","ts3":"1970-01-01 00:00:00",
		  "ts6":"9999-12-31 23:59:59.999999","ts9":"1900-01-01 00:00:00","ltz":"2025-01-01 00:00:00","list":[],"map":[],
		  "row":{"a":null,"b":null,"c":null,"d":null},"rows":[]}`,
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for _, row := range rows {
		if err := b.UnmarshalJSON([]byte(row)); err != nil {
			panic(err)
		}
	}
	return b.NewRecordBatch()
}

func typesFields() []arrow.Field {
	ts := func(u arrow.TimeUnit, zone string) arrow.DataType {
		return &arrow.TimestampType{Unit: u, TimeZone: zone}
	}
	field := func(name string, dt arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: dt, Nullable: true}
	}
	p := arrow.PrimitiveTypes
	return []arrow.Field{
		field("bool", arrow.FixedWidthTypes.Boolean),
		field("i8", p.Int8), field("i16", p.Int16), field("i32", p.Int32), field("i64", p.Int64),
		field("u8", p.Uint8), field("u16", p.Uint16), field("u32", p.Uint32), field("u64", p.Uint64),
		field("f32", p.Float32), field("f64", p.Float64),
		field("dec", &arrow.Decimal128Type{Precision: 10, Scale: 2}),
		field("dec38", &arrow.Decimal128Type{Precision: 38, Scale: 20}),
		field("str", arrow.BinaryTypes.String), field("bin", arrow.BinaryTypes.Binary),
		field("date", p.Date32), field("time", arrow.FixedWidthTypes.Time32ms),
		field("ts0", ts(arrow.Second, "")), field("ts3", ts(arrow.Millisecond, "")),
		field("ts6", ts(arrow.Microsecond, "")), field("ts9", ts(arrow.Nanosecond, "")),
		field("ltz", ts(arrow.Millisecond, "UTC")),
		field("list", arrow.ListOf(p.Int32)), field("map", arrow.MapOf(arrow.BinaryTypes.String, p.Int64)),
		field("row", arrow.StructOf(field("a", p.Int32), field("b", arrow.BinaryTypes.String),
			field("c", &arrow.Decimal128Type{Precision: 10, Scale: 2}), field("d", ts(arrow.Millisecond, "")))),
		field("rows", arrow.ListOf(arrow.StructOf(field("code", arrow.BinaryTypes.String),
			field("fee", &arrow.Decimal128Type{Precision: 10, Scale: 2})))),
	}
}

// testServer is a server on a free port with its backend.
type testServer struct {
	*Server
	backend *fakeBackend
	stop    func() error // ends Run and gives its error
	errs    chan error   // what OnError was told
}

func startServer(t testing.TB, opts Options) *testServer {
	return startServerWith(t, opts, newFakeBackend())
}

func startServerWith(t testing.TB, opts Options, backend *fakeBackend) *testServer {
	t.Helper()
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	ts := &testServer{backend: backend, errs: make(chan error, 1024)}
	if opts.OnError == nil {
		opts.OnError = func(_ uint32, err error) {
			select {
			case ts.errs <- err:
			default:
			}
		}
	}
	srv, err := New(opts, backend)
	require.NoError(t, err)
	ts.Server = srv
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	ts.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		require.NoError(t, ts.stop())
		require.Zero(t, backend.sessions(), "sessions left open")
		require.Zero(t, srv.budget.used.Load(), "bytes left in the budget")
	})
	return ts
}

// dsn names the server for the Go driver.
func (s *testServer) dsn(user, params string) string {
	return fmt.Sprintf("%s@tcp(%s)/%s", user, s.Addr(), params)
}

// connect opens one connection of the Go driver.
func (s *testServer) connect(t testing.TB, user, params string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("mysql", s.dsn(user, params))
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// codeOf gives the MySQL code of an error of the Go driver.
func codeOf(err error) uint16 {
	if e, ok := err.(*driver.MySQLError); ok {
		return e.Number
	}
	return 0
}

// table reads all rows as text, NULL for nulls.
func table(t testing.TB, rows *sql.Rows, err error) (columns []string, out [][]string) {
	t.Helper()
	require.NoError(t, err)
	defer rows.Close()
	columns, err = rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		raw := make([]sql.NullString, len(columns))
		ptrs := make([]any, len(columns))
		for i := range raw {
			ptrs[i] = &raw[i]
		}
		require.NoError(t, rows.Scan(ptrs...))
		row := make([]string, len(columns))
		for i, v := range raw {
			row[i] = "NULL"
			if v.Valid {
				row[i] = v.String
			}
		}
		out = append(out, row)
	}
	require.NoError(t, rows.Err())
	return columns, out
}
