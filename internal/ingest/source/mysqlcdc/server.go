package mysqlcdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dolthub/vitess/go/mysql"

	"github.com/tarndb/tarn/paimon/errs"
)

// explain turns errors of connecting and of replication into ones that say
// what to do. It keeps the cause.
func explain(cfg Config, doing string, err error) error {
	if err == nil {
		return nil
	}
	where := fmt.Sprintf("%s:%d", cfg.Hostname, cfg.Port)
	code := 0
	var se *serverError
	var ve *mysql.SQLError
	switch {
	case errors.As(err, &se):
		code = int(se.code)
	case errors.As(err, &ve):
		code = ve.Num
	}
	switch code {
	case 1045, 1698:
		return errs.Invalid("%s: server %s refuses user %q: check the options username and password, and that the user may connect from this host: %w", doing, where, cfg.Username, err)
	case 1227, 1044, 1142, 1143:
		return fmt.Errorf("%s: user %q lacks a privilege: GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO that user: %w", doing, cfg.Username, err)
	case 1236:
		return explainDump(cfg, doing, err)
	case 2002, 2003:
		return fmt.Errorf("%s: no connection to %s: check the options hostname and port, and that the server runs: %w", doing, where, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// explainDump explains the error with which servers refuse a binlog position.
func explainDump(cfg Config, doing string, err error) error {
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "purged") || strings.Contains(text, "could not find first log") ||
		strings.Contains(text, "could not find gtid state") || strings.Contains(text, "not in the master's binlog"):
		return errs.Kinded(errs.ErrNotFound, "%s of %s.%s: the binlog at the wanted position is gone (purged, or the server was reset): start from a new snapshot (no position, scan.startup.mode=initial), and keep binlogs longer (binlog_expire_logs_seconds): %w", doing, cfg.Database, cfg.Table, err)
	case strings.Contains(text, "same server_uuid") || strings.Contains(text, "same server_id"):
		return fmt.Errorf("%s: another reader uses the same server-id: give each source its own server-id: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// checkServer checks the settings that a changelog needs.
func checkServer(ctx context.Context, c *conn, cfg Config) error {
	v, err := c.row(ctx, "SELECT @@global.log_bin, @@global.binlog_format, @@global.binlog_row_image")
	if err != nil {
		return explain(cfg, "read server settings", err)
	}
	if on := strings.ToUpper(*v[0]); on != "1" && on != "ON" {
		return errs.Invalid("the binlog of %s:%d is disabled (log_bin=OFF): start the server with --log-bin and --server-id", cfg.Hostname, cfg.Port)
	}
	if !strings.EqualFold(*v[1], "ROW") {
		return errs.Invalid("binlog_format of %s:%d is %s: SET GLOBAL binlog_format=ROW, also in its configuration file, and reconnect the writers", cfg.Hostname, cfg.Port, *v[1])
	}
	if !strings.EqualFold(*v[2], "FULL") {
		return errs.Invalid("binlog_row_image of %s:%d is %s: SET GLOBAL binlog_row_image=FULL, also in its configuration file, and reconnect the writers", cfg.Hostname, cfg.Port, *v[2])
	}
	return nil
}

// readLayout reads the columns and primary key of the table as they are now.
func (s *mysqlSource) readLayout(ctx context.Context, c *conn) (*layout, error) {
	where := fmt.Sprintf(" WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s", quoteText(s.cfg.Database), quoteText(s.cfg.Table))
	found, err := c.row(ctx, "SELECT ENGINE, TABLE_TYPE FROM information_schema.TABLES"+where)
	if err != nil {
		return nil, explain(s.cfg, "look up table "+s.table(), err)
	}
	if found == nil {
		return nil, errs.Kinded(errs.ErrNotFound, "table %s is not on %s:%d, or user %q has no SELECT privilege on it: check database-name and table-name, or GRANT SELECT",
			s.table(), s.cfg.Hostname, s.cfg.Port, s.cfg.Username)
	}
	if found[1] != nil && *found[1] == "VIEW" {
		return nil, errs.Unsupported("%s is a view: its changes are not in the binlog; read its tables", s.table())
	}
	if found[1] != nil && strings.Contains(*found[1], "VERSIONED") {
		return nil, errs.Unsupported("table %s is system-versioned: its history rows would look like rows: not supported", s.table())
	}
	rows, err := c.rows(ctx, "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_OCTET_LENGTH FROM information_schema.COLUMNS"+where+" ORDER BY ORDINAL_POSITION")
	if err != nil {
		return nil, explain(s.cfg, "read columns of table "+s.table(), err)
	}
	keys, err := c.rows(ctx, "SELECT COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE"+where+" AND CONSTRAINT_NAME = 'PRIMARY' ORDER BY ORDINAL_POSITION")
	if err != nil {
		return nil, explain(s.cfg, "read primary key of table "+s.table(), err)
	}
	columns := make([]column, len(rows))
	for i, r := range rows {
		columns[i] = readColumn(r)
	}
	key := make([]string, len(keys))
	for i, k := range keys {
		key[i] = *k[0]
	}
	l, err := newLayout(s, columns, key)
	if err != nil {
		return nil, err
	}
	l.engine = textOr(found[0], "")
	return l, nil
}

func textOr(s *string, other string) string {
	if s == nil {
		return other
	}
	return *s
}

func numberOr(s *string) int {
	n, err := strconv.Atoi(textOr(s, "0"))
	if err != nil {
		return 0
	}
	return n
}

func readColumn(r []*string) column {
	c := column{
		name: *r[0], dataType: strings.ToLower(*r[1]), columnType: *r[2],
		charset: strings.ToLower(textOr(r[3], "")), collation: strings.ToLower(textOr(r[4], "")),
		precision: numberOr(r[5]), scale: numberOr(r[6]), fsp: numberOr(r[7]), bytes: numberOr(r[8]),
	}
	c.unsigned = strings.Contains(strings.ToLower(c.columnType), "unsigned")
	if c.dataType == "enum" || c.dataType == "set" {
		c.labels = parseLabels(c.columnType)
	}
	return c
}

// end is where the server's binlog ends.
func (s *mysqlSource) end(ctx context.Context, c *conn) (fileOffset, error) {
	at, _, err := s.binlogEnd(ctx, c)
	return at, err
}

// status is where the server's binlog ends, with the GTID state there.
func (s *mysqlSource) status(ctx context.Context, c *conn) (fileOffset, string, error) {
	at, gtid, err := s.binlogEnd(ctx, c)
	if err == nil && c.mariadb() {
		gtid, err = s.mariaGTIDAt(ctx, c, at)
	}
	return at, gtid, err
}

// binlogEnd is where the binlog ends; a MySQL server adds its GTID set.
func (s *mysqlSource) binlogEnd(ctx context.Context, c *conn) (fileOffset, string, error) {
	row, err := c.row(ctx, "SHOW MASTER STATUS")
	var se *serverError
	if errors.As(err, &se) && se.code == 1064 { // MySQL 8.4 renamed it
		row, err = c.row(ctx, "SHOW BINARY LOG STATUS")
	}
	if err != nil {
		return fileOffset{}, "", explain(s.cfg, "read the end of the binlog", err)
	}
	if len(row) < 2 || row[0] == nil || row[1] == nil {
		return fileOffset{}, "", errs.Invalid("server %s:%d shows no binlog position: is log_bin on?", s.cfg.Hostname, s.cfg.Port)
	}
	pos, err := strconv.ParseUint(*row[1], 10, 64)
	if err != nil {
		return fileOffset{}, "", fmt.Errorf("read the end of the binlog: position %q", *row[1])
	}
	at := fileOffset{file: *row[0], pos: pos}
	if !c.mariadb() && len(row) > 4 && row[4] != nil {
		return at, strings.ReplaceAll(*row[4], "\n", ""), nil
	}
	return at, "", nil
}

// mariaGTIDAt asks a MariaDB server for the GTID state at a boundary; "" when
// it knows none.
func (s *mysqlSource) mariaGTIDAt(ctx context.Context, c *conn, at fileOffset) (string, error) {
	row, err := c.row(ctx, fmt.Sprintf("SELECT BINLOG_GTID_POS(%s, %d)", quoteText(at.file), at.pos))
	if err != nil {
		return "", explain(s.cfg, "read the GTID at "+at.String(), err)
	}
	return textOr(row[0], ""), nil
}

// binlogs lists the binlog files that the server keeps, the oldest first.
func (s *mysqlSource) binlogs(ctx context.Context, c *conn) ([]string, error) {
	rows, err := c.rows(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return nil, explain(s.cfg, "list binlogs", err)
	}
	if len(rows) == 0 {
		return nil, errs.Invalid("server %s:%d lists no binlogs: is log_bin on?", s.cfg.Hostname, s.cfg.Port)
	}
	files := make([]string, len(rows))
	for i, r := range rows {
		files[i] = *r[0]
	}
	return files, nil
}
