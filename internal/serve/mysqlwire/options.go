package mysqlwire

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
)

// DefaultAddr is where Tarn listens for MySQL clients: StarRocks's port, on
// this machine only.
const DefaultAddr = "127.0.0.1:9030"

// Options configures a Server. The zero value is a server for this machine
// alone, with user root and no password, as a fresh StarRocks.
type Options struct {
	// Addr is the host:port to listen on; default DefaultAddr. Port 0 takes a
	// free one (see Server.Addr). An address that other machines can reach
	// needs Users, all with passwords.
	Addr string
	// Users maps a name to a password, or to a hash as MySQL's PASSWORD()
	// prints it ("*" and 40 hex digits). Empty means root without a password.
	// A hash allows mysql_native_password only: MySQL 9's own command-line
	// client needs the password itself.
	Users map[string]string
	// TLS, when set, lets clients switch to TLS.
	TLS *tls.Config
	// ServerVersion is what clients are told; default "8.0.33-tarn". Drivers
	// read features out of its number.
	ServerVersion string
	// TimeZone shows timestamps with local time zone until a client sets
	// time_zone; default UTC.
	TimeZone *time.Location

	// MaxConnections bounds clients at one time; default 512.
	MaxConnections int
	// MaxPacket bounds one command, in bytes; default 64 MiB.
	MaxPacket int
	// MaxMemory bounds what the commands, prepared statements and long
	// parameters of all connections hold, in bytes; default 512 MiB, at least
	// MaxPacket.
	MaxMemory int64
	// MaxStatements bounds prepared statements of one connection; default 1024.
	MaxStatements int

	// HandshakeTimeout bounds greeting, TLS and authentication; default 10 s.
	HandshakeTimeout time.Duration
	// IdleTimeout closes a connection without a command; default 8 h. Clients
	// change it with SET wait_timeout.
	IdleTimeout time.Duration
	// ReadTimeout bounds the arrival of a command after its first bytes, and
	// grows by a second for each 256 KiB; default 30 s.
	ReadTimeout time.Duration
	// WriteTimeout bounds one send to a client that does not read; default
	// 60 s. Clients change it with SET net_write_timeout.
	WriteTimeout time.Duration
	// QueryTimeout bounds one statement; 0 means no limit. Clients can lower
	// it with SET max_execution_time (ms) or query_timeout (s).
	QueryTimeout time.Duration
	// ShutdownGrace is what running statements get to end after they were
	// cancelled, before their connections are cut; default 5 s.
	ShutdownGrace time.Duration

	// OnQuery, when set, is told of every statement after it ended. It is
	// called from many goroutines and must not block.
	OnQuery func(QueryEvent)
	// OnError, when set, is told of failures that no client saw: lost
	// connections within a result, refused handshakes, panics of a session.
	OnError func(connection uint32, err error)
}

// QueryEvent describes a statement that ended.
type QueryEvent struct {
	Connection uint32
	User       string
	Database   string
	SQL        string
	Prepared   bool // ran through COM_STMT_EXECUTE
	Local      bool // answered by this package, not by the Session
	Start      time.Time
	Duration   time.Duration
	Rows       uint64 // rows sent, or rows affected
	Err        error
}

func (o Options) withDefaults() Options {
	setDefault(&o.Addr, DefaultAddr)
	setDefault(&o.ServerVersion, "8.0.33-tarn")
	setDefault(&o.TimeZone, time.UTC)
	setDefault(&o.MaxConnections, 512)
	setDefault(&o.MaxPacket, 64<<20)
	setDefault(&o.MaxMemory, 512<<20)
	setDefault(&o.MaxStatements, 1024)
	setDefault(&o.HandshakeTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 8*time.Hour)
	setDefault(&o.ReadTimeout, 30*time.Second)
	setDefault(&o.WriteTimeout, time.Minute)
	setDefault(&o.ShutdownGrace, 5*time.Second)
	o.MaxMemory = max(o.MaxMemory, int64(o.MaxPacket))
	if len(o.Users) == 0 {
		o.Users = map[string]string{"root": ""}
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate refuses options that cannot work or would leave the lake open to
// the network. It returns the accounts by name.
func (o Options) validate() (map[string]account, error) {
	limits := map[string]int64{
		"MaxConnections": int64(o.MaxConnections), "MaxPacket": int64(o.MaxPacket),
		"MaxStatements": int64(o.MaxStatements), "HandshakeTimeout": int64(o.HandshakeTimeout),
		"IdleTimeout": int64(o.IdleTimeout), "ReadTimeout": int64(o.ReadTimeout),
		"WriteTimeout": int64(o.WriteTimeout), "QueryTimeout": int64(o.QueryTimeout),
		"ShutdownGrace": int64(o.ShutdownGrace),
	}
	for name, v := range limits {
		if v < 0 {
			return nil, errs.Invalid("mysql server: %s is negative (%d)", name, v)
		}
	}
	accounts := make(map[string]account, len(o.Users))
	for name, secret := range o.Users {
		a, err := newAccount(secret)
		if err != nil {
			return nil, fmt.Errorf("mysql server: user %q: %w", name, err)
		}
		accounts[name] = a
	}
	loopback, err := isLoopback(o.Addr)
	if err != nil {
		return nil, err
	}
	if loopback {
		return accounts, nil
	}
	for name, a := range accounts {
		if a.empty {
			return nil, errs.Invalid("mysql server: address %s can be reached from other machines, and user %q has no password: "+
				"give every user a password, or listen on %s", o.Addr, name, DefaultAddr)
		}
	}
	return accounts, nil
}

func isLoopback(addr string) (bool, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false, errs.Invalid("mysql server: address %q is not host:port: %v", addr, err)
	}
	if host == "" {
		return false, nil // every interface
	}
	resolved, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return false, errs.Invalid("mysql server: address %q: %v", addr, err)
	}
	return resolved.IP.IsLoopback(), nil
}
