package mysqlwire

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

var volatile = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// testdata/session: each "run" is sent as COM_QUERY (with "prepare" by
// COM_STMT_PREPARE) over one connection; its output are the rows, or the
// error, and a line for statements that went to the engine's session.
func TestSession(t *testing.T) {
	s := startServer(t, Options{})
	conn := s.connect(t, "root", "dwd?multiStatements=true")
	datadriven.RunTest(t, "testdata/session", func(t *testing.T, d *datadriven.TestData) string {
		before := len(s.backend.statements())
		var b strings.Builder
		var rows *sql.Rows
		var err error
		if d.Cmd == "run" {
			rows, err = conn.QueryContext(context.Background(), d.Input)
		} else {
			stmt, prepareErr := conn.PrepareContext(context.Background(), d.Input)
			require.NoError(t, prepareErr)
			defer stmt.Close()
			rows, err = stmt.Query()
		}
		if err != nil {
			fmt.Fprintf(&b, "%v\n", err)
		} else {
			for more := true; more; more = rows.NextResultSet() {
				columns, err := rows.Columns()
				require.NoError(t, err)
				if len(columns) > 0 {
					fmt.Fprintf(&b, "%s\n", strings.Join(columns, " | "))
				}
				for rows.Next() {
					cells := make([]any, len(columns))
					for i := range cells {
						cells[i] = new(any)
					}
					require.NoError(t, rows.Scan(cells...))
					for i, c := range cells {
						if i > 0 {
							b.WriteString(" | ")
						}
						switch v := (*c.(*any)).(type) {
						case nil:
							b.WriteString("NULL")
						case []byte:
							b.Write(v)
						default:
							fmt.Fprint(&b, v)
						}
					}
					b.WriteByte('\n')
				}
			}
			if err := rows.Err(); err != nil {
				fmt.Fprintf(&b, "%v\n", err)
			}
			require.NoError(t, rows.Close())
		}
		for _, sql := range s.backend.statements()[before:] {
			fmt.Fprintf(&b, "engine: %s\n", strings.TrimSpace(sql))
		}
		return volatile.ReplaceAllString(b.String(), "ADDRESS")
	})
}

// The statements that well-known drivers and tools send when they connect are
// answered without the engine.
func TestDriverGreetings(t *testing.T) {
	s := startServer(t, Options{})
	conn := s.connect(t, "root", "")
	for _, sql := range []string{
		// MySQL Connector/J 8 and 9
		"/* mysql-connector-j-9.4.0 (Revision: x) */SELECT  @@session.auto_increment_increment AS auto_increment_increment, " +
			"@@character_set_client AS character_set_client, @@character_set_connection AS character_set_connection, " +
			"@@character_set_results AS character_set_results, @@character_set_server AS character_set_server, " +
			"@@collation_server AS collation_server, @@collation_connection AS collation_connection, @@init_connect AS init_connect, " +
			"@@interactive_timeout AS interactive_timeout, @@license AS license, @@lower_case_table_names AS lower_case_table_names, " +
			"@@max_allowed_packet AS max_allowed_packet, @@net_write_timeout AS net_write_timeout, " +
			"@@performance_schema AS performance_schema, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, " +
			"@@time_zone AS time_zone, @@transaction_isolation AS transaction_isolation, @@wait_timeout AS wait_timeout",
		"SET character_set_results = NULL", "SET autocommit=1", "SET SQL_SELECT_LIMIT=DEFAULT",
		"SELECT @@session.transaction_read_only", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		// Connector/J 5
		"SHOW VARIABLES WHERE Variable_name ='language' OR Variable_name = 'net_write_timeout' OR Variable_name = 'query_cache_size'",
		"SHOW COLLATION", "SHOW WARNINGS", "/* conn ping */ SELECT @@session.tx_isolation",
		// MariaDB Connector/J
		"set autocommit=1, sql_mode=concat(@@sql_mode,',STRICT_TRANS_TABLES'), session_track_schema=1",
		"set sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES'),NAMES utf8mb4",
		"SELECT @@max_allowed_packet, @@system_time_zone, @@time_zone, @@sql_mode",
		// Python
		"SET AUTOCOMMIT = 0", "SET NAMES utf8mb4", "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_general_ci'", "SET @@session.autocommit = OFF",
		"ROLLBACK", "SELECT @@lower_case_table_names", "select @@version",
		// mysqldump and command-line clients
		"select @@version_comment limit 1", "SELECT DATABASE(), USER() LIMIT 1", "/*!40101 SET NAMES utf8 */", "SET SESSION NET_READ_TIMEOUT= 86400",
		"/*!40100 SET @@SQL_MODE='' */", "SHOW STATUS LIKE 'Ssl_cipher'", "START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */",
		// DBeaver, DataGrip, HeidiSQL, Tableau, Metabase
		"SHOW ENGINES", "SHOW CHARSET", "SHOW PLUGINS", "SHOW VARIABLES LIKE 'lower_case_%'", "SHOW SESSION VARIABLES LIKE 'sql_mode'",
		"SELECT CONNECTION_ID()", "SELECT VERSION()", "SELECT CURRENT_USER", "SET SQL_SAFE_UPDATES=1", "SHOW GLOBAL STATUS",
		"SELECT @@global.time_zone, @@session.time_zone", "SET net_write_timeout=600", "SELECT @@tx_isolation FROM DUAL", "BEGIN", "COMMIT",
		"SHOW CHARACTER SET", "SET SESSION wait_timeout = 28800", "SELECT @@character_set_database, @@collation_database", "COMMIT AND NO CHAIN",
		"SAVEPOINT a", "ROLLBACK TO SAVEPOINT a", "SHOW COUNT(*) WARNINGS", "SHOW ERRORS LIMIT 1",
	} {
		rows, err := conn.QueryContext(context.Background(), sql)
		require.NoError(t, err, sql)
		for rows.Next() {
			continue
		}
		require.NoError(t, rows.Err(), sql)
		require.NoError(t, rows.Close())
	}
	require.Empty(t, s.backend.statements())
}

// Statements about data are never answered here.
func TestDataStatementsReachTheSession(t *testing.T) {
	for _, sql := range []string{
		"SELECT 1", "SELECT @a", "SELECT @@version FROM t", "SELECT DATABASE() WHERE 1", "SELECT VERSION() || 'x'", "SELECT USER() + 1",
		"SELECT * FROM information_schema.tables", "SHOW DATABASES", "SHOW TABLES", "SHOW FULL TABLES FROM `x`", "SHOW COLUMNS FROM t",
		"SHOW CREATE TABLE t", "SHOW KEYS FROM t", "DESCRIBE t", "USE db", "SET @a = 1", "SET 'execution.runtime-mode'='batch'",
		"SET spark.sql.x=1", "KILL QUERY 'abc'", "BEGIN STATEMENT SET", "SELECT @@version, count(*)", "EXPLAIN SELECT 1",
		"SELECT now()", "SELECT 'x", "SHOW VARIABLE", "COMMIT x", "SELECT @@version LIMIT 0", "SELECT version() UNION SELECT 1", "SHOW SESSION TABLES",
	} {
		st, _ := nextStatement(sql)
		require.Nil(t, parseLocal(st), sql)
	}
	// Known by its shape, handed over for a name that is not known here.
	s := startServer(t, Options{})
	conn := s.connect(t, "root", "")
	for _, sql := range []string{"SET pipeline_dop = 4", "SET PASSWORD = 'x'", "SET autocommit = 1, pipeline_dop = 4"} {
		_, err := conn.ExecContext(context.Background(), sql)
		require.NoError(t, err)
	}
	require.Len(t, s.backend.statements(), 3)
}

func TestRowLimitAppliesToSelect(t *testing.T) {
	conn := startServer(t, Options{}).connect(t, "root", "")
	_, err := conn.ExecContext(context.Background(), "SET SQL_SELECT_LIMIT=5000")
	require.NoError(t, err)
	_, rows := table2(t, conn, "select numbers 20000")
	require.Len(t, rows, 5000)
	require.Equal(t, []string{"4999", "row number 4999"}, rows[4999])
	_, err = conn.ExecContext(context.Background(), "SET SQL_SELECT_LIMIT=DEFAULT")
	require.NoError(t, err)
	_, rows = table2(t, conn, "select numbers 20000")
	require.Len(t, rows, 20000)
}

func TestQueryEvents(t *testing.T) {
	events := make(chan QueryEvent, 10)
	s := startServer(t, Options{OnQuery: func(e QueryEvent) { events <- e }})
	conn := s.connect(t, "root", "dwd")
	table2(t, conn, "select numbers 10")
	e := <-events
	require.Equal(t, "select numbers 10", e.SQL)
	require.EqualValues(t, 10, e.Rows)
	require.Equal(t, []string{"root", "dwd"}, []string{e.User, e.Database})
	require.False(t, e.Local || e.Prepared)
	table2(t, conn, "select version()")
	require.True(t, (<-events).Local)
	_, err := conn.ExecContext(context.Background(), "fail syntax")
	require.Error(t, err)
	require.ErrorContains(t, (<-events).Err, "unexpected end")
}

func TestVariableNamesAreSorted(t *testing.T) {
	conn := startServer(t, Options{}).connect(t, "root", "")
	_, rows := table2(t, conn, "SHOW VARIABLES")
	var names []string
	for _, row := range rows {
		names = append(names, row[0])
	}
	require.True(t, slices.IsSorted(names))
	require.Greater(t, len(names), 60)
}
