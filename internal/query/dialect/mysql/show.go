package mysql

import "github.com/tarndb/tarn/internal/query/dialect/parse"

// shows are the SHOW statements of MySQL and StarRocks that clients send.
var shows = []parse.ShowForm{
	{Words: "CATALOGS"}, {Words: "DATABASES"}, {Words: "SCHEMAS", As: "DATABASES"},
	{Words: "TABLES"}, {Words: "TABLE STATUS"}, {Words: "VIEWS"}, {Words: "OPEN TABLES"},
	{Words: "COLUMNS", Of: true}, {Words: "FIELDS", As: "COLUMNS", Of: true},
	{Words: "INDEX", Of: true}, {Words: "INDEXES", As: "INDEX", Of: true}, {Words: "KEYS", As: "INDEX", Of: true},
	{Words: "PARTITIONS", Of: true},
	{Words: "CREATE TABLE", Named: true}, {Words: "CREATE VIEW", Named: true}, {Words: "CREATE CATALOG", Named: true},
	{Words: "CREATE DATABASE", Named: true}, {Words: "CREATE SCHEMA", As: "CREATE DATABASE", Named: true},
	{Words: "VARIABLES"}, {Words: "STATUS"}, {Words: "WARNINGS"}, {Words: "ERRORS"}, {Words: "ENGINES"}, {Words: "STORAGE ENGINES", As: "ENGINES"},
	{Words: "COLLATION"}, {Words: "CHARACTER SET"}, {Words: "CHARSET", As: "CHARACTER SET"},
	{Words: "PROCESSLIST"}, {Words: "PLUGINS"}, {Words: "PRIVILEGES"}, {Words: "GRANTS"}, {Words: "TRIGGERS"}, {Words: "EVENTS"},
	{Words: "PROCEDURE STATUS"}, {Words: "FUNCTION STATUS"}, {Words: "FUNCTIONS"}, {Words: "PROCEDURES"}, {Words: "JOBS"},
	{Words: "MASTER STATUS"}, {Words: "SLAVE STATUS"}, {Words: "REPLICA STATUS"}, {Words: "BINARY LOGS"},
	{Words: "FRONTENDS"}, {Words: "BACKENDS"}, {Words: "COMPUTE NODES"}, {Words: "RESOURCES"}, {Words: "LOAD"}, {Words: "PROFILELIST"},
	{Words: "MATERIALIZED VIEWS"},
}
