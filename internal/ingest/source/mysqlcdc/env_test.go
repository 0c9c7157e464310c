package mysqlcdc

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon/types"
	"github.com/tarndb/tarn/test/env/mariadb"
)

// shared is the server of all tests that leave its settings alone; each test
// has a database of its own in it.
var shared struct {
	once   sync.Once
	server *mariadb.Server
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func startShared() (*mariadb.Server, error) {
	return mariadb.Start(context.Background(), mariadb.Options{})
}

// testDB is a database of a test, and the configuration to read it.
type testDB struct {
	*sql.DB
	t      *testing.T
	server *mariadb.Server
	name   string
}

func sharedDB(t *testing.T) *testDB {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = startShared() })
	require.NoError(t, shared.err)
	return newDB(t, shared.server)
}

func ownDB(t *testing.T, args ...string) *testDB {
	t.Helper()
	s, err := mariadb.Start(context.Background(), mariadb.Options{Args: args})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return newDB(t, s)
}

func newDB(t *testing.T, s *mariadb.Server) *testDB {
	name := "t_" + strings.ToLower(strings.NewReplacer("/", "_", "-", "_").Replace(t.Name()))
	admin, err := s.Open("")
	require.NoError(t, err)
	_, err = admin.Exec("CREATE OR REPLACE DATABASE " + name)
	require.NoError(t, err)
	require.NoError(t, admin.Close())
	db, err := s.Open(name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return &testDB{DB: db, t: t, server: s, name: name}
}

func (d *testDB) exec(statements ...string) {
	d.t.Helper()
	for _, s := range statements {
		_, err := d.Exec(s)
		require.NoError(d.t, err, s)
	}
}

func (d *testDB) config(table string) Config {
	c := DefaultConfig()
	c.Hostname, c.Port, c.Username, c.Password = "127.0.0.1", d.server.Port(), "root", mariadb.RootPassword
	c.Database, c.Table = d.name, table
	return c
}

// schema makes fields from "name TYPE" texts.
func schema(t testing.TB, columns ...string) []types.Field {
	t.Helper()
	out := make([]types.Field, len(columns))
	for i, c := range columns {
		name, text, _ := strings.Cut(c, " ")
		typ, err := types.Parse(text)
		require.NoError(t, err)
		out[i] = types.Field{ID: i, Name: name, Type: typ}
	}
	return out
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, cfg Config, fields []types.Field, from change.Position, key ...string) source.Reader {
	t.Helper()
	r, err := openErr(t, cfg, fields, from, key...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func openErr(t *testing.T, cfg Config, fields []types.Field, from change.Position, key ...string) (source.Reader, error) {
	t.Helper()
	s, err := New(cfg, fields, key)
	if err != nil {
		return nil, err
	}
	return s.Open(testContext(t), from)
}

// rowText shows row i of a batch: "+I a, b, (null)".
func rowText(b change.Batch, i int) string {
	out := make([]string, b.Rows.NumCols())
	for c := range out {
		out[c] = b.Rows.Column(c).ValueStr(i)
		if d, ok := b.Rows.Column(c).(*array.Decimal128); ok && d.IsValid(i) {
			out[c] = d.Value(i).ToString(d.DataType().(*arrow.Decimal128Type).Scale)
		}
	}
	return b.Kind(i).String() + " " + strings.Join(out, ", ")
}

// take reads until n rows have come and shows them.
func take(t *testing.T, r source.Reader, n int) []string {
	t.Helper()
	var out []string
	for len(out) < n {
		b, err := r.Next(testContext(t))
		require.NoError(t, err, "after %d rows: %v", len(out), out)
		for i := range int(b.Rows.NumRows()) {
			out = append(out, rowText(b, i))
		}
		b.Release()
	}
	return out
}

// nextError reads until an error comes.
func nextError(t *testing.T, r source.Reader) error {
	t.Helper()
	for {
		b, err := r.Next(testContext(t))
		if err != nil {
			return err
		}
		b.Release()
	}
}

// state is a table built from a changelog, checked at each row.
type state struct {
	rows    map[string]string // by key, the first column
	applied int
}

func newState() *state { return &state{rows: map[string]string{}} }

func (s *state) clone() *state {
	out := newState()
	for k, v := range s.rows {
		out.rows[k] = v
	}
	return out
}

// apply checks that a batch is an exact changelog over the state.
func (s *state) apply(b change.Batch) error {
	pending := ""
	for i := range int(b.Rows.NumRows()) {
		kind, row, _ := strings.Cut(rowText(b, i), " ")
		key := b.Rows.Column(0).ValueStr(i)
		have, there := s.rows[key]
		s.applied++
		switch {
		case pending != "" && (kind != "+U" || key != pending):
			return fmt.Errorf("row %d: -U of %s is followed by %s %s", i, pending, kind, row)
		case pending == "" && kind == "+U":
			return fmt.Errorf("row %d: +U %s without its -U", i, row)
		case kind == "+I" && there:
			return fmt.Errorf("row %d: +I %s, but there is %s", i, row, have)
		case (kind == "-U" || kind == "-D") && have != row:
			return fmt.Errorf("row %d: %s %s, but there is %q", i, kind, row, have)
		}
		switch kind {
		case "-U":
			pending = key
		case "-D":
			delete(s.rows, key)
		default:
			pending = ""
			s.rows[key] = row
		}
	}
	if pending != "" {
		return fmt.Errorf("the batch ends between -U and +U of %s", pending)
	}
	return nil
}

func seeded(t *testing.T) *rand.Rand {
	seed := time.Now().UnixNano()
	if s := os.Getenv("TARN_SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		require.NoError(t, err)
	}
	t.Logf("repeat with TARN_SEED=%d go test -run '^%s$'", seed, t.Name())
	return rand.New(rand.NewSource(seed))
}
