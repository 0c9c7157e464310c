package mysqlwire

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/tarndb/tarn/paimon/errs"
)

// MySQL error codes that this package and its sessions use.
const (
	CodeTooManyConnections uint16 = 1040
	CodeOutOfResources     uint16 = 1041
	CodeBadHandshake       uint16 = 1043
	CodeAccessDenied       uint16 = 1045
	CodeNoDatabase         uint16 = 1046
	CodeUnknownCommand     uint16 = 1047
	CodeUnknownDatabase    uint16 = 1049
	CodeTableExists        uint16 = 1050
	CodeServerShutdown     uint16 = 1053
	CodeUnknownColumn      uint16 = 1054
	CodeSyntax             uint16 = 1064
	CodeEmptyQuery         uint16 = 1065
	CodeUnknownThread      uint16 = 1094
	CodeKillDenied         uint16 = 1095
	CodeUnknown            uint16 = 1105
	CodeUnknownCharset     uint16 = 1115
	CodeUnknownTable       uint16 = 1146
	CodePacketTooLarge     uint16 = 1153
	CodePacketsOutOfOrder  uint16 = 1156
	CodeUnknownVariable    uint16 = 1193
	CodeWrongParameters    uint16 = 1210
	CodeWrongVariableType  uint16 = 1232
	CodeWrongVariableValue uint16 = 1231
	CodeNotSupported       uint16 = 1235
	CodeReadOnlyVariable   uint16 = 1238
	CodeUnknownStatement   uint16 = 1243
	CodeUnknownTimeZone    uint16 = 1298
	CodeInterrupted        uint16 = 1317
	CodeMalformedPacket    uint16 = 1835
	CodeTooManyStatements  uint16 = 1461
	CodeDataOutOfRange     uint16 = 1690
	CodeQueryTimeout       uint16 = 3024
)

// sqlStates gives the SQLSTATE of codes that do not have the general HY000.
var sqlStates = map[uint16]string{
	CodeTooManyConnections: "08004", CodeBadHandshake: "08S01", CodeAccessDenied: "28000",
	CodeNoDatabase: "3D000", CodeUnknownCommand: "08S01", CodeUnknownDatabase: "42000",
	CodeTableExists: "42S01", CodeServerShutdown: "08S01", CodeUnknownColumn: "42S22",
	CodeSyntax: "42000", CodeEmptyQuery: "42000", CodeUnknownCharset: "42000",
	CodeUnknownTable: "42S02", CodePacketTooLarge: "08S01", CodePacketsOutOfOrder: "08S01",
	CodeWrongVariableValue: "42000", CodeWrongVariableType: "42000", CodeNotSupported: "42000",
	CodeInterrupted: "70100", CodeTooManyStatements: "42000", CodeDataOutOfRange: "22003",
}

// Error is an error with a MySQL code. A Session returns it, or any error with
// its method MySQLCode, to choose what the client's driver sees.
type Error struct {
	Code    uint16
	State   string // SQLSTATE of five characters; "" takes the code's own
	Message string
	Err     error // cause, or nil
}

func (e *Error) Error() string {
	if e.Err != nil && e.Message == "" {
		return e.Err.Error()
	}
	return e.Message
}
func (e *Error) Unwrap() error { return e.Err }

// MySQLCode gives the code and SQLSTATE that are sent.
func (e *Error) MySQLCode() (code uint16, state string) { return e.Code, e.State }

// Errorf returns an Error with a code. A %w in format keeps its cause.
func Errorf(code uint16, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Causes of a cancelled statement; context.Cause tells them apart.
var (
	errKilled     = errors.New("query execution was interrupted")
	errTimedOut   = errors.New("query execution was interrupted: the time limit was exceeded (query timeout, max_execution_time)")
	errShutdown   = errors.New("server is shutting down")
	errClientGone = errors.New("client went away")
)

// connError is a failure after which the connection cannot be used.
type connError struct{ err error }

func (e *connError) Error() string { return e.err.Error() }
func (e *connError) Unwrap() error { return e.err }

// mysqlError classifies what a statement failed with. ctx is the statement's:
// when it ended, the reason of that matters more than what the engine said.
func mysqlError(ctx context.Context, err error) (code uint16, state, message string) {
	code, message = CodeUnknown, err.Error()
	var coded interface{ MySQLCode() (uint16, string) }
	switch cause := context.Cause(ctx); {
	case cause != nil && errors.Is(cause, errTimedOut):
		code, message = CodeQueryTimeout, errTimedOut.Error()
	case cause != nil && errors.Is(cause, errShutdown):
		code, message = CodeServerShutdown, errShutdown.Error()
	case cause != nil:
		code, message = CodeInterrupted, errKilled.Error()
	case errors.As(err, &coded):
		code, state = coded.MySQLCode()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		code = CodeInterrupted
	case errors.Is(err, errs.ErrUnsupported):
		code = CodeNotSupported
	case errors.Is(err, errs.ErrNotFound):
		code = CodeUnknownTable
	case errors.Is(err, errs.ErrExists):
		code = CodeTableExists
	}
	if len(state) != 5 {
		state = "HY000"
		if s, ok := sqlStates[code]; ok {
			state = s
		}
	}
	return code, state, clip(message, 4096)
}

// clip cuts s to at most n bytes at a character's boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
