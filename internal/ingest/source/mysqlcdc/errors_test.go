package mysqlcdc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
)

// Each thing that is wrong at the start has an error that names it and the way
// out, and none shows the password.
func TestOpenErrors(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable, "CREATE TABLE nokey (id INT)", "CREATE TABLE myisam (id INT PRIMARY KEY) ENGINE=MyISAM",
		"CREATE VIEW v AS SELECT * FROM t", "CREATE TABLE enumkey (id ENUM('a') PRIMARY KEY)",
		"CREATE TABLE wide (id INT PRIMARY KEY, s VARCHAR(10), d6 DATETIME(6), g VARCHAR(10) CHARACTER SET gbk, big DECIMAL(50,2), u UUID, p POINT)",
		"CREATE OR REPLACE USER weak@127.0.0.1 IDENTIFIED BY 'weak-pw'", "CREATE OR REPLACE USER half@127.0.0.1 IDENTIFIED BY 'half-pw'",
		"GRANT SELECT ON *.* TO weak@127.0.0.1", "GRANT SELECT, BINLOG MONITOR ON *.* TO half@127.0.0.1")
	f := func(want string, table string, columns []string, set func(*Config), key ...string) {
		t.Helper()
		cfg := db.config(table)
		cfg.ConnectRetries = 0
		if set != nil {
			set(&cfg)
		}
		if len(key) == 0 {
			key = []string{"id"}
		}
		_, err := openErr(t, cfg, schema(t, columns...), "", key...)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), string(cfg.Password))
	}
	id := []string{"id INT NOT NULL"}
	f("has no primary key", "nokey", id, nil)
	f("has the primary key (id), but (s) is declared", "t", plainSchema(t), nil, "s")
	f("is not on 127.0.0.1", "absent", id, nil)
	f(`has no column "nope"`, "t", []string{"id INT", "nope INT"}, nil)
	f("is a view", "v", id, nil)
	f("storage engine MyISAM", "myisam", id, nil)
	f("is not supported; use scan.startup.mode=latest-offset", "enumkey", []string{"id STRING"}, nil)
	f(`column "s" VARCHAR(10) of the source table does not fit the declared type INT: declare STRING`, "wide", []string{"id INT", "s INT"}, nil)
	f("does not fit the declared type TIMESTAMP(3): declare TIMESTAMP(6)", "wide", []string{"id INT", "d6 TIMESTAMP(3)"}, nil)
	f("has the character set gbk: not supported; convert the column to utf8mb4", "wide", []string{"id INT", "g STRING"}, nil)
	f("declare STRING (more than 38 digits)", "wide", []string{"id INT", "big DECIMAL(38,2)"}, nil)
	f("this source type is not supported", "wide", []string{"id INT", "u STRING"}, nil)
	f("this source type is not supported", "wide", []string{"id INT", "p BYTES"}, nil)
	f("MySQL has no values of type ARRAY<INT>", "t", []string{"id INT", "s ARRAY<INT>"}, nil)
	f("check the options username and password", "t", id, func(c *Config) { c.Password = "wrong-password" })
	f("check the options hostname and port", "t", id, func(c *Config) { c.Port = 1 })
	f("GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT", "t", id, func(c *Config) { c.Username, c.Password, c.Startup = "weak", "weak-pw", StartLatest })
	f("GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT", "t", id, func(c *Config) { c.Username, c.Password = "half", "half-pw" })
	f("is gone", "t", id, func(c *Config) { c.Startup, c.SpecificFile, c.SpecificPos = StartSpecific, "bin.999999", 4 })
	f("want domain-server-sequence", "t", id, func(c *Config) { c.Startup, c.SpecificGTID = StartSpecific, "nonsense" })
}

func TestBadPositions(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable)
	f := func(position change.Position, want string) {
		t.Helper()
		_, err := openErr(t, db.config("t"), schema(t, plainSchema(t)...), position, "id")
		require.ErrorContains(t, err, want)
	}
	f("garbage", "read mysql-cdc position")
	f(`{"v":1}`, "names no place in the binlog")
	f(`{"v":9,"file":"bin.000001","pos":4}`, "another version")
	f(`{"v":1,"file":"bin.000001","pos":4,"snapshot":{"key":["1","2"]}}`, "a key of 2 columns")
	f(`{"v":1,"file":"bin.000001","pos":4,"snapshot":{"key":["x"]}}`, "start from a new snapshot")
	f(`{"v":1,"file":"bin.000001","pos":4,"gtid":"0-1-99999999"}`, "is gone")
}

// Settings of the server that a changelog needs.
func TestServerSettings(t *testing.T) {
	db := ownDB(t, "--skip-log-bin")
	db.exec(plainTable)
	_, err := openErr(t, db.config("t"), schema(t, plainSchema(t)...), "", "id")
	require.ErrorContains(t, err, "is disabled (log_bin=OFF)")
	db = sharedDB(t)
	db.exec(plainTable)
	t.Cleanup(func() { db.exec("SET GLOBAL binlog_format = ROW, GLOBAL binlog_row_image = FULL") })
	for _, c := range []struct{ set, want string }{
		{"SET GLOBAL binlog_format = MIXED", "binlog_format of 127.0.0.1"},
		{"SET GLOBAL binlog_format = ROW, GLOBAL binlog_row_image = MINIMAL", "SET GLOBAL binlog_row_image=FULL"},
	} {
		db.exec(c.set)
		_, err := openErr(t, db.config("t"), schema(t, plainSchema(t)...), "", "id")
		require.ErrorContains(t, err, c.want)
	}
}

// A value that does not fit is an error that names row, column and value, both
// in the snapshot and in the binlog.
func TestOverflow(t *testing.T) {
	db := sharedDB(t)
	f := func(column, declared, good, bad, want string) {
		t.Helper()
		db.exec("CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, v "+column+")", "INSERT INTO t VALUES (1, "+good+")")
		r := open(t, db.config("t"), schema(t, "id INT", "v "+declared), "", "id")
		take(t, r, 1)
		db.exec("INSERT INTO t VALUES (2, " + bad + ")")
		err := nextError(t, r)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "bin.0000")
		require.NoError(t, r.Close())
		r = open(t, db.config("t"), schema(t, "id INT", "v "+declared), "", "id")
		err = nextError(t, r)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, `row with key ("2")`)
		require.NoError(t, r.Close())
	}
	f("BIGINT", "INT", "7", "3000000000", `column "v" BIGINT(20): value 3000000000 is out of range of the declared type INT`)
	f("BIGINT UNSIGNED", "BIGINT", "7", "18446744073709551615", "value 18446744073709551615 is out of range")
	f("DECIMAL(12,2)", "DECIMAL(4,2)", "12.34", "-123.45", "value -123.45 is out of range of the declared type DECIMAL(4, 2)")
	f("VARCHAR(20)", "VARCHAR(3)", "'中文字'", "'abcd'", "a text of 4 characters is too long")
	f("VARBINARY(20)", "VARBINARY(2)", "x'0102'", "x'010203'", "3 bytes are too many")
	f("TIME", "TIME(0)", "'10:00:00'", "'-00:00:01'", "value -00:00:01 is out of range")
	f("INT NULL", "INT NOT NULL", "1", "NULL", "NULL in a column declared NOT NULL")
}
