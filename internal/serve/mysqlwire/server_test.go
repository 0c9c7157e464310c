package mysqlwire

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"github.com/tarndb/tarn/paimon/errs"
)

func TestRefusesOpenAddressWithoutPasswords(t *testing.T) {
	hash := "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19" // of "password"
	for _, tc := range []struct {
		name  string
		opts  Options
		wrong string
	}{
		{"every interface", Options{Addr: "0.0.0.0:0"}, "user \"root\" has no password"},
		{"every interface by an empty host", Options{Addr: ":0"}, "can be reached from other machines"},
		{"every interface of IPv6", Options{Addr: "[::]:0"}, "no password"},
		{"one user without", Options{Addr: "0.0.0.0:0", Users: map[string]string{"a": "x", "b": ""}}, `user "b" has no password`},
		{"broken hash", Options{Users: map[string]string{"a": "*123"}}, "40 hex digits"},
		{"no port", Options{Addr: "127.0.0.1"}, "not host:port"},
		{"negative limit", Options{MaxConnections: -1}, "MaxConnections"},
		{"passwords", Options{Addr: "0.0.0.0:0", Users: map[string]string{"a": "x", "b": hash}}, ""},
		{"loopback", Options{Addr: "127.0.0.1:0"}, ""},
		{"loopback by name", Options{Addr: "localhost:0"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv, err := New(tc.opts, newFakeBackend())
			if tc.wrong == "" {
				require.NoError(t, err)
				require.NoError(t, srv.Close())
				return
			}
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, tc.wrong)
		})
	}
}

func TestPasswords(t *testing.T) {
	s := startServer(t, Options{Users: map[string]string{
		"plain": "secret", "hashed": "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "none": "",
	}})
	for _, tc := range []struct {
		user string
		ok   bool
	}{
		{"plain:secret", true}, {"plain:Secret", false}, {"plain", false},
		{"hashed:password", true}, {"hashed:passwort", false}, {"hashed", false},
		{"none", true}, {"none:x", false}, {"nobody", false}, {"nobody:x", false}, {"", false},
	} {
		db, err := sql.Open("mysql", s.dsn(tc.user, ""))
		require.NoError(t, err)
		err = db.Ping()
		if tc.ok {
			require.NoError(t, err, tc.user)
		} else {
			require.EqualValues(t, CodeAccessDenied, codeOf(err), "%s: %v", tc.user, err)
		}
		require.NoError(t, db.Close())
	}
}

func TestUnknownDatabase(t *testing.T) {
	s := startServer(t, Options{})
	db, err := sql.Open("mysql", s.dsn("root", "missing"))
	require.NoError(t, err)
	defer db.Close()
	require.EqualValues(t, CodeUnknownDatabase, codeOf(db.Ping()))
	conn := s.connect(t, "root", "dwd")
	_, err = conn.ExecContext(context.Background(), "USE missing")
	require.EqualValues(t, CodeUnknownDatabase, codeOf(err))
	_, rows := table2(t, conn, "SELECT DATABASE()")
	require.Equal(t, [][]string{{"dwd"}}, rows)
}

func table2(t testing.TB, conn *sql.Conn, query string, args ...any) ([]string, [][]string) {
	t.Helper()
	rows, err := conn.QueryContext(context.Background(), query, args...)
	return table(t, rows, err)
}

func TestErrorCodes(t *testing.T) {
	conn := startServer(t, Options{}).connect(t, "root", "")
	for _, tc := range []struct {
		sql   string
		code  uint16
		state string
	}{
		{"fail syntax", 1064, "42000"}, {"fail table", 1146, "42S02"}, {"fail exists", 1050, "42S01"},
		{"fail unsupported", 1235, "42000"}, {"fail state", 1146, "42S02"}, {"fail other", 1105, "HY000"},
		{"/* nothing */ ;", 1065, "42000"}, {"select odd 1", 1235, "42000"}, {"insert; insert", 1064, "42000"},
		{"SET character_set_results = gbk", 1115, "42000"}, {"SET version = 'x'", 1238, "HY000"},
		{"SELECT @@no_such_variable", 1193, "HY000"}, {"SET time_zone = 'Mars/Base'", 1298, "HY000"},
		{"SET time_zone = 'Antarctica/Troll'", 1235, "42000"}, {"SET autocommit = maybe", 1231, "42000"},
		{"SET sql_mode = 'ANSI_QUOTES'", 1231, "42000"}, {"KILL 4000000000", 1094, "HY000"},
		{"SHOW VARIABLES WHERE Value > 3", 1235, "42000"}, {"SET GLOBAL autocommit = 1", 1235, "42000"},
	} {
		_, err := conn.ExecContext(context.Background(), tc.sql)
		var e *driver.MySQLError
		require.ErrorAs(t, err, &e, tc.sql)
		require.Equal(t, tc.code, e.Number, "%s: %v", tc.sql, err)
		require.Equal(t, tc.state, string(e.SQLState[:]), tc.sql)
	}
	require.NoError(t, conn.PingContext(context.Background()))
}

func TestTooManyConnections(t *testing.T) {
	s := startServer(t, Options{MaxConnections: 2})
	s.connect(t, "root", "")
	second := s.connect(t, "root", "")
	db, err := sql.Open("mysql", s.dsn("root", ""))
	require.NoError(t, err)
	defer db.Close()
	require.EqualValues(t, CodeTooManyConnections, codeOf(db.Ping()))
	require.NoError(t, second.Raw(func(c any) error { return c.(io.Closer).Close() }))
	require.Eventually(t, func() bool { return db.Ping() == nil }, 5*time.Second, 10*time.Millisecond)
}

func TestKillQuery(t *testing.T) {
	s := startServer(t, Options{Users: map[string]string{"root": "", "ann": "", "bob": ""}})
	victim, killer, other := s.connect(t, "ann", ""), s.connect(t, "ann", ""), s.connect(t, "bob", "")
	_, rows := table2(t, victim, "SELECT CONNECTION_ID()")
	id := rows[0][0]
	failed := make(chan error, 1)
	go func() {
		_, err := victim.ExecContext(context.Background(), "wait")
		failed <- err
	}()
	require.Eventually(t, func() bool {
		_, rows := table2(t, killer, "SHOW PROCESSLIST")
		return len(rows) == 2 && strings.Contains(strings.Join(append(rows[0], rows[1]...), " "), "wait")
	}, 5*time.Second, 5*time.Millisecond)
	_, err := other.ExecContext(context.Background(), "KILL QUERY "+id)
	require.EqualValues(t, CodeKillDenied, codeOf(err))
	_, err = killer.ExecContext(context.Background(), "KILL QUERY "+id)
	require.NoError(t, err)
	require.EqualValues(t, CodeInterrupted, codeOf(<-failed))
	require.NoError(t, victim.PingContext(context.Background()), "the connection goes on")
	require.ErrorIs(t, <-s.backend.ended, errKilled)

	_, err = s.connect(t, "root", "").ExecContext(context.Background(), "KILL "+id)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return victim.PingContext(context.Background()) != nil }, 5*time.Second, 5*time.Millisecond)
}

func TestClientLeavesWhileQueryRuns(t *testing.T) {
	s := startServer(t, Options{})
	conn := s.connect(t, "root", "")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := conn.ExecContext(ctx, "wait") // the driver closes its socket when ctx ends
	require.Error(t, err)
	select {
	case cause := <-s.backend.ended:
		require.ErrorIs(t, cause, errClientGone)
	case <-time.After(5 * time.Second):
		t.Fatal("the query goes on after its client left")
	}
}

func TestQueryTimeouts(t *testing.T) {
	s := startServer(t, Options{QueryTimeout: 50 * time.Millisecond})
	conn := s.connect(t, "root", "")
	_, err := conn.ExecContext(context.Background(), "wait")
	require.EqualValues(t, CodeQueryTimeout, codeOf(err))
	require.NoError(t, conn.PingContext(context.Background()))

	free := startServer(t, Options{}).connect(t, "root", "")
	for _, set := range []string{"SET max_execution_time = 40", "SET max_execution_time = DEFAULT, query_timeout = 1"} {
		_, err = free.ExecContext(context.Background(), set)
		require.NoError(t, err)
		_, err = free.ExecContext(context.Background(), "wait")
		require.EqualValues(t, CodeQueryTimeout, codeOf(err), set)
	}
}

func TestShutdownCancelsAndWaits(t *testing.T) {
	s := startServer(t, Options{})
	conn := s.connect(t, "root", "")
	s.connect(t, "root", "") // idle
	failed := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(context.Background(), "wait")
		failed <- err
	}()
	require.Eventually(t, func() bool { return len(s.backend.statements()) == 1 }, 5*time.Second, time.Millisecond)
	start := time.Now()
	require.NoError(t, s.stop())
	require.Less(t, time.Since(start), 2*time.Second, "idle connections must not wait for the grace")
	require.EqualValues(t, CodeServerShutdown, codeOf(<-failed))
	require.Zero(t, s.backend.sessions())
	_, err := net.Dial("tcp", s.Addr().String())
	require.Error(t, err)
}

func TestShutdownCutsClientsThatDoNotRead(t *testing.T) {
	s := startServer(t, Options{ShutdownGrace: 50 * time.Millisecond})
	c := dialRaw(t, s)
	c.login("root", "")
	c.send(0, append([]byte{comQuery}, "select numbers 100000000"...))
	require.Eventually(t, func() bool { return s.backend.made() > 0 }, 5*time.Second, time.Millisecond)
	require.NoError(t, s.stop())
}

func (b *fakeBackend) made() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.batches
}

// A client that does not read stops the engine, and holds one buffer.
func TestBackPressure(t *testing.T) {
	s := startServer(t, Options{ShutdownGrace: 10 * time.Millisecond})
	c := dialRaw(t, s)
	require.NoError(t, c.nc.(*net.TCPConn).SetReadBuffer(64<<10))
	c.login("root", "")
	c.send(0, append([]byte{comQuery}, "select numbers 100000000"...))
	last := -1
	require.Eventually(t, func() bool {
		now := s.backend.made()
		still := now == last
		last = now
		return now > 0 && still
	}, 10*time.Second, 100*time.Millisecond)
	// 100 million rows are 24,000 batches; socket buffers hold some hundred.
	require.Less(t, last, 2000)
}

func TestWriteTimeout(t *testing.T) {
	s := startServer(t, Options{WriteTimeout: 100 * time.Millisecond})
	c := dialRaw(t, s)
	c.login("root", "")
	c.send(0, append([]byte{comQuery}, "select numbers 100000000"...))
	require.Eventually(t, func() bool { return s.backend.sessions() == 0 && s.backend.made() > 0 }, 10*time.Second, 10*time.Millisecond)
	require.ErrorContains(t, <-s.errs, "timeout")
}

func TestHandshakeTimeout(t *testing.T) {
	s := startServer(t, Options{HandshakeTimeout: 50 * time.Millisecond})
	c := dialRaw(t, s)
	c.receive() // greeting
	_, err := c.nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestIdleTimeout(t *testing.T) {
	s := startServer(t, Options{IdleTimeout: 50 * time.Millisecond})
	c := dialRaw(t, s)
	c.login("root", "")
	_, err := c.nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestPanicEndsOneConnectionOnly(t *testing.T) {
	s := startServer(t, Options{})
	good, bad := s.connect(t, "root", ""), s.connect(t, "root", "")
	_, err := bad.ExecContext(context.Background(), "panic")
	require.Error(t, err)
	require.NoError(t, good.PingContext(context.Background()))
	require.ErrorContains(t, <-s.errs, "the session is broken")
}

func TestRunEndsWhenListenerFails(t *testing.T) {
	srv, err := New(Options{Addr: "127.0.0.1:0"}, newFakeBackend())
	require.NoError(t, err)
	require.NoError(t, srv.Close())
	err = srv.Run(context.Background())
	require.True(t, errors.Is(err, net.ErrClosed), "%v", err)
}
