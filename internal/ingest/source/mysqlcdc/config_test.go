package mysqlcdc

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func baseOptions() map[string]string {
	return map[string]string{
		"hostname": "db", "username": "u", "password": "s3cr3t-pw", "database-name": "shop", "table-name": "orders",
	}
}

// Every option lands in its field.
func TestParseOptions(t *testing.T) {
	o := baseOptions()
	maps.Copy(o, map[string]string{
		"connector": "mysql-cdc", "port": "3307", "server-id": "5400-5408", "server-time-zone": "Asia/Shanghai",
		"scan.startup.mode": "timestamp", "scan.startup.timestamp-millis": "1700000000123",
		"scan.startup.specific-offset.file": "bin.1", "scan.startup.specific-offset.pos": "99",
		"scan.startup.specific-offset.gtid-set": "0-1-2", "scan.incremental.snapshot.chunk.size": "10",
		"scan.snapshot.fetch.size": "20", "connect.timeout": "5 s", "connect.max-retries": "7", "heartbeat.interval": "250ms",
	})
	c, err := ParseOptions(o)
	require.NoError(t, err)
	require.Equal(t, "Asia/Shanghai", c.Zone.String())
	c.Zone = nil
	require.Equal(t, Config{
		Hostname: "db", Port: 3307, Username: "u", Password: "s3cr3t-pw", Database: "shop", Table: "orders", ServerID: 5400, ServerIDLast: 5408,
		Startup: StartTimestamp, SpecificFile: "bin.1", SpecificPos: 99, SpecificGTID: "0-1-2",
		StartupTimestamp: time.UnixMilli(1700000000123), ChunkSize: 10, FetchSize: 20,
		ConnectTimeout: 5 * time.Second, ConnectRetries: 7, Heartbeat: 250 * time.Millisecond, MaxBatchRows: 4096,
	}, c)
}

func TestParseOptionsErrors(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		o := baseOptions()
		if value == "<absent>" {
			delete(o, key)
		} else {
			o[key] = value
		}
		_, err := ParseOptions(o)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "s3cr3t-pw")
	}
	f("hostname", "<absent>", `option "hostname" is required`)
	f("host-name", "x", `"host-name": unknown; did you mean "hostname"?`)
	f("scan.startup.moed", "x", `did you mean "scan.startup.mode"?`)
	f("entirely-different", "x", `"entirely-different": unknown`)
	f("debezium.snapshot.mode", "never", "not supported")
	f("port", "x", "want a whole number from 1 to 65535")
	f("port", "70000", "want a whole number")
	f("server-id", "9-2", "want an id such as 5400")
	f("server-time-zone", "Mars/Base", "want a zone")
	f("scan.startup.mode", "sometimes", `unknown mode "sometimes"`)
	f("scan.startup.mode", "snapshot", "not supported")
	f("scan.startup.mode", "specific-offset", "needs scan.startup.specific-offset.file")
	f("scan.startup.mode", "timestamp", "needs scan.startup.timestamp-millis")
	f("table-name", "orders_.*", "looks like a pattern")
	f("connect.timeout", "soon", "want a time")
	f("scan.incremental.snapshot.enabled", "false", "only true")
	f("scan.startup.specific-offset.skip-rows", "3", "transaction boundary")
}

// No way of printing a Config shows the password.
func TestPasswordNeverPrints(t *testing.T) {
	c, err := ParseOptions(baseOptions())
	require.NoError(t, err)
	j, err := json.Marshal(c.Password)
	require.NoError(t, err)
	for _, s := range []string{c.String(), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%v", &c), string(j), fmt.Sprintf("%q", c.Password)} {
		require.NotContains(t, s, "s3cr3t-pw")
	}
}
