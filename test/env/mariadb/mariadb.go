// Package mariadb starts a real MariaDB server for tests and demos: its own
// data directory, a loopback port and a socket, nothing shared with a server
// that may already run on the machine.
package mariadb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ErrNotInstalled reports that no MariaDB server program was found.
var ErrNotInstalled = errors.New("mariadb: no mariadbd or mysqld found on PATH or in /usr/sbin; install it (Debian, Ubuntu: apt-get install mariadb-server; then stop the system service, it is not used)")

// RootPassword is the password of root@127.0.0.1 on servers that Start makes.
const RootPassword = "tarn-test-root"

// Options configure a server. The zero value gives row-based binlogs with full
// row images on a free port, in a fresh temporary directory.
type Options struct {
	// Dir holds data, socket and log; empty means a temporary directory that
	// Close removes. A Dir with data is reused as it is.
	Dir string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Args are added to the command line, after (so above) the defaults, for
	// example "--binlog-row-image=MINIMAL" or "--skip-log-bin".
	Args []string
	// StartTimeout bounds Start and Restart; 0 means 60 s.
	StartTimeout time.Duration
}

// Server is one running server process. Its methods are safe for concurrent
// use.
type Server struct {
	opts    Options
	program string
	tempDir bool

	mu   sync.Mutex
	proc *exec.Cmd
	done chan struct{} // closed when proc has been waited for
	log  *os.File
}

// Start makes the data directory if needed and runs a server until it answers.
// It returns ErrNotInstalled when there is no server program.
func Start(ctx context.Context, opts Options) (*Server, error) {
	program, err := find("mariadbd", "mysqld")
	if err != nil {
		return nil, ErrNotInstalled
	}
	if opts.StartTimeout == 0 {
		opts.StartTimeout = time.Minute
	}
	s := &Server{opts: opts, program: program}
	if opts.Dir == "" {
		if s.opts.Dir, err = os.MkdirTemp("", "tarn-mariadb-"); err != nil {
			return nil, fmt.Errorf("make server directory: %w", err)
		}
		s.tempDir = true
	}
	if s.opts.Port == 0 {
		if s.opts.Port, err = freePort(); err != nil {
			return nil, err
		}
	}
	if err := s.initialise(ctx); err != nil {
		s.removeDir()
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// Port is the TCP port on 127.0.0.1. It stays the same over restarts.
func (s *Server) Port() int { return s.opts.Port }

// Socket is the path of the Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.opts.Dir, "s.sock") }

// DSN is a go-sql-driver address of the given user over TCP.
func (s *Server) DSN(user, password, database string) string {
	return s.address(user, password, database).FormatDSN()
}

func (s *Server) address(user, password, database string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = user, password, database
	c.Net, c.Addr = "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.opts.Port))
	c.MultiStatements = true
	c.Logger = &mysql.NopLogger{} // a restart of the server is not news
	return c
}

// Open gives a connection pool of root. The caller closes it.
func (s *Server) Open(database string) (*sql.DB, error) {
	connector, err := mysql.NewConnector(s.address("root", RootPassword, database))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Stop ends the server in an orderly way and waits for it. The data stays.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Kill ends the server at once, as a crash would. The data stays.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Restart starts a stopped server again on the same port and data.
func (s *Server) Restart(ctx context.Context) error { return s.launch(ctx) }

// Close ends the server; a temporary directory is removed, so that its server
// need not stop in an orderly way.
func (s *Server) Close() error {
	if !s.tempDir {
		return s.Stop()
	}
	err := s.Kill()
	s.removeDir()
	return err
}

func (s *Server) removeDir() {
	if s.tempDir {
		_ = os.RemoveAll(s.opts.Dir)
	}
}

func (s *Server) dataDir() string { return filepath.Join(s.opts.Dir, "data") }

// initialise fills an empty data directory by the server's own bootstrap
// scripts. Root's password is set by the init file, unseen by the binlog.
func (s *Server) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(s.dataDir(), "mysql")); err == nil {
		return nil
	}
	install, err := find("mariadb-install-db", "mysql_install_db")
	if err != nil {
		return ErrNotInstalled
	}
	args := []string{
		"--no-defaults", "--datadir=" + s.dataDir(), "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	// A directory for temporary files of its own: servers that are set up at the
	// same time would remove each other's.
	if err := os.MkdirAll(s.tmpDir(), 0o700); err != nil {
		return fmt.Errorf("make server directory: %w", err)
	}
	cmd := exec.CommandContext(ctx, install, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+s.tmpDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("initialise data directory %s with %s: %w: %s", s.dataDir(), install, err, tail(out))
	}
	init := "SET sql_log_bin = 0;\n" +
		"CREATE OR REPLACE USER root@127.0.0.1 IDENTIFIED BY '" + RootPassword + "';\n" +
		"GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION;\n"
	return os.WriteFile(s.initFile(), []byte(init), 0o600)
}

func (s *Server) tmpDir() string { return filepath.Join(s.opts.Dir, "tmp") }

func (s *Server) initFile() string { return filepath.Join(s.opts.Dir, "init.sql") }

func (s *Server) arguments() []string {
	args := []string{
		"--no-defaults", "--datadir=" + s.dataDir(), "--tmpdir=" + s.tmpDir(), "--socket=" + s.Socket(),
		"--pid-file=" + filepath.Join(s.opts.Dir, "server.pid"),
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(s.opts.Port),
		"--skip-name-resolve", "--init-file=" + s.initFile(),
		"--server-id=1", "--log-bin=bin", "--binlog-format=ROW", "--binlog-row-image=FULL",
		"--character-set-server=utf8mb4", "--default-time-zone=+00:00",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=8M", "--performance-schema=OFF",
		"--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--log-warnings=1",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	return append(args, s.opts.Args...)
}

func (s *Server) launch(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		return errors.New("start server: it is running")
	}
	log, err := os.OpenFile(filepath.Join(s.opts.Dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open server log: %w", err)
	}
	cmd := exec.Command(s.program, s.arguments()...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		_ = log.Close()
		return fmt.Errorf("start %s: %w", s.program, err)
	}
	s.proc, s.log, s.done = cmd, log, make(chan struct{})
	go func(done chan struct{}) { // ended and awaited by end()
		_ = cmd.Wait()
		close(done)
	}(s.done)
	return s.awaitReady(ctx, s.done)
}

func (s *Server) awaitReady(ctx context.Context, done chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.StartTimeout)
	defer cancel()
	db, err := s.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("start %s: it ended at once: %s", s.program, s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("start %s: no answer on port %d (%v): %s", s.program, s.opts.Port, err, s.logTail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) end(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	_ = s.proc.Process.Signal(sig) // an error means that it has ended
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = s.proc.Process.Kill()
		<-s.done
	}
	s.proc = nil
	return s.log.Close()
}

func (s *Server) logTail() string {
	b, err := os.ReadFile(filepath.Join(s.opts.Dir, "server.log"))
	if err != nil {
		return err.Error()
	}
	return tail(b)
}

func tail(b []byte) string {
	b = bytes.TrimSpace(b)
	if len(b) > 1500 {
		b = b[len(b)-1500:]
	}
	return strings.ToValidUTF8(string(b), "?")
}

func find(names ...string) (string, error) {
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p, nil
		}
		for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/bin"} {
			p := filepath.Join(dir, n)
			if st, err := os.Stat(p); err == nil && st.Mode()&0o111 != 0 {
				return p, nil
			}
		}
	}
	return "", ErrNotInstalled
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
