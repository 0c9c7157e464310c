// Package mysqlwire serves Tarn over the MySQL client protocol, so that any
// MySQL client, driver or BI tool can query the lake (port 9030, as StarRocks).
//
// One connection goes this way:
//
//  1. server.go accepts it within a limit and gives it an id for KILL.
//  2. handshake.go and auth.go greet the client, optionally raise TLS, and
//     check a password (mysql_native_password or caching_sha2_password).
//  3. conn.go reads one command at a time. A reader goroutine waits for the
//     next packet's header while a command runs: that is how a client that
//     went away is noticed and its query cancelled.
//  4. lexer.go cuts the text into statements. local.go answers session chatter
//     (variables, SET, SHOW WARNINGS, KILL, ...); all else goes to the Session.
//  5. resultset.go and encode*.go turn Arrow batches into text or binary rows,
//     column by column typed, straight into the send buffer: a slow client
//     holds one buffer and stops the engine, it never makes a queue grow.
//
// The protocol is written here and not taken from a library: the vitess server
// parses COM_STMT_PREPARE with MySQL's own grammar before a handler sees it,
// which refuses StarRocks SQL, it keeps its packet functions private, reads
// packets without a limit, and builds a value per cell.
package mysqlwire

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
)

// Backend opens a session for each client that passed authentication. It must
// be safe for concurrent use.
type Backend interface {
	// NewSession opens a session of user in database, which is "" when the
	// client named none. An unknown database is an Error with CodeUnknownDatabase.
	// ctx ends with the connection.
	NewSession(ctx context.Context, user, database string) (Session, error)
}

// Session runs the statements of one connection, one at a time. It need not be
// safe for concurrent use. Every method must return soon after its ctx ends.
type Session interface {
	// Query runs one statement without a trailing semicolon. params hold one
	// value for each ? in it, of the types nil, int64, uint64, float64, string,
	// []byte, arrow.Date32 (DATE), time.Time (DATETIME, wall clock in UTC) or
	// time.Duration (TIME); they are valid until the Result is closed.
	// A statement without rows has done its work when Query returns.
	Query(ctx context.Context, sql string, params []any) (Result, error)
	// Describe gives the columns that sql would return (none for a statement
	// without rows) and the number of its ? parameters, without running it.
	Describe(ctx context.Context, sql string) (columns []Column, params int, err error)
	// Database is the current database, "" for none.
	Database() string
	// SetDatabase changes the current database.
	SetDatabase(ctx context.Context, name string) error
	// Close ends the session; it is called once, after its last Result closed.
	Close() error
}

// VariableSetter may be implemented by a Session that wants to know session
// variables which change results: "time_zone" (an IANA name or an offset such
// as +08:00) and "sql_mode". Its error refuses the SET statement. Without it
// only the server's own time zone can be set.
type VariableSetter interface {
	SetVariable(ctx context.Context, name, value string) error
}

// Result streams the outcome of one statement.
type Result interface {
	// Columns describes the batches; nil for a statement without rows.
	Columns() []Column
	// Next returns the next batch, or io.EOF. The batch belongs to the caller,
	// which releases it. Its columns match Columns in number and type.
	Next(ctx context.Context) (arrow.RecordBatch, error)
	// Affected is the number of rows changed, for a statement without rows.
	Affected() uint64
	// Close stops the statement if it still runs and frees it.
	Close() error
}

// Column is one column of a result.
type Column struct {
	Name     string
	Type     arrow.DataType
	Nullable bool
	// Schema, Table and Key (part of the primary key) are optional: clients
	// show them, none of them needs them.
	Schema, Table string
	Key           bool
}
