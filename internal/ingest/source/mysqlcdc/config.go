package mysqlcdc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
)

// StartupMode says where a source without a position starts.
type StartupMode string

// The startup modes of Flink CDC's scan.startup.mode.
const (
	StartInitial   StartupMode = "initial"         // snapshot, then the binlog
	StartEarliest  StartupMode = "earliest-offset" // the oldest binlog kept
	StartLatest    StartupMode = "latest-offset"   // changes from now on
	StartSpecific  StartupMode = "specific-offset" // a file and offset, or a GTID set
	StartTimestamp StartupMode = "timestamp"       // transactions committed at or after a time
)

// Config names a table of a MySQL or MariaDB server and how to read it. The
// names of the options are those of Flink CDC's mysql-cdc connector. Start from
// DefaultConfig or ParseOptions.
type Config struct {
	Hostname string // hostname
	Port     int    // port; default 3306
	Username string // username
	Password Secret // password
	Database string // database-name; one database, not a pattern
	Table    string // table-name; one table, not a pattern

	// ServerID is the id under which a reader shows as a replica, which must be
	// unique among all replicas of the server: server-id, "5400", or a range
	// "5400-5408" up to ServerIDLast, of which a reader takes one that no other
	// reader of Tarn has. 0 takes a random one.
	ServerID, ServerIDLast uint32

	Startup          StartupMode // scan.startup.mode; default initial
	SpecificFile     string      // scan.startup.specific-offset.file
	SpecificPos      uint64      // scan.startup.specific-offset.pos; bytes
	SpecificGTID     string      // scan.startup.specific-offset.gtid-set
	StartupTimestamp time.Time   // scan.startup.timestamp-millis

	// Zone is the wall clock to which TIMESTAMP columns are turned:
	// server-time-zone; default UTC. DATETIME columns are taken as they are.
	Zone *time.Location

	ChunkSize      int           // scan.incremental.snapshot.chunk.size; rows, default 8096
	FetchSize      int           // scan.snapshot.fetch.size; accepted, without effect: chunks are streamed
	ConnectTimeout time.Duration // connect.timeout; default 30 s
	ConnectRetries int           // connect.max-retries; further tries of Open, default 3. Next tries for as long as its context lasts
	Heartbeat      time.Duration // heartbeat.interval; default 30 s

	// OnLoss, when set, hears that the connection was lost and in how long it is
	// made again. It has no option.
	OnLoss func(err error, retryIn time.Duration)

	// MaxBatchRows ends a batch; changes of one batch, default 4096. It has no
	// option.
	MaxBatchRows int
}

// Secret is a text that does not print.
type Secret string

// String hides the secret.
func (Secret) String() string { return "******" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "******" }

// MarshalText hides the secret from JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("******"), nil }

// DefaultConfig has the default of every option that has one.
func DefaultConfig() Config {
	return Config{
		Port: 3306, Startup: StartInitial, Zone: time.UTC, ChunkSize: 8096, FetchSize: 1024,
		ConnectTimeout: 30 * time.Second, ConnectRetries: 3, Heartbeat: 30 * time.Second, MaxBatchRows: 4096,
	}
}

// option is one key that ParseOptions knows. set is nil for a key that only
// tunes how Flink distributes work: it is accepted and has no effect. refuse
// is set for a key that would change results and is not supported.
type option struct {
	key    string
	set    func(c *Config, v string) error
	refuse string
}

func optionTable() []option {
	return []option{
		{key: "hostname", set: text(func(c *Config) *string { return &c.Hostname })},
		{key: "port", set: number(1, 65535, func(c *Config, n int64) { c.Port = int(n) })},
		{key: "username", set: text(func(c *Config) *string { return &c.Username })},
		{key: "password", set: func(c *Config, v string) error { c.Password = Secret(v); return nil }},
		{key: "database-name", set: text(func(c *Config) *string { return &c.Database })},
		{key: "table-name", set: text(func(c *Config) *string { return &c.Table })},
		{key: "server-id", set: setServerID},
		{key: "server-time-zone", set: setZone},
		{key: "scan.startup.mode", set: setStartup},
		{key: "scan.startup.specific-offset.file", set: text(func(c *Config) *string { return &c.SpecificFile })},
		{key: "scan.startup.specific-offset.pos", set: number(4, 1<<62, func(c *Config, n int64) { c.SpecificPos = uint64(n) })},
		{key: "scan.startup.specific-offset.gtid-set", set: text(func(c *Config) *string { return &c.SpecificGTID })},
		{key: "scan.startup.timestamp-millis", set: number(0, 1<<52, func(c *Config, n int64) { c.StartupTimestamp = time.UnixMilli(n) })},
		{key: "scan.incremental.snapshot.chunk.size", set: number(1, 1<<24, func(c *Config, n int64) { c.ChunkSize = int(n) })},
		{key: "scan.snapshot.fetch.size", set: number(1, 1<<20, func(c *Config, n int64) { c.FetchSize = int(n) })},
		{key: "connect.timeout", set: duration(func(c *Config) *time.Duration { return &c.ConnectTimeout })},
		{key: "connect.max-retries", set: number(0, 1<<20, func(c *Config, n int64) { c.ConnectRetries = int(n) })},
		{key: "heartbeat.interval", set: duration(func(c *Config) *time.Duration { return &c.Heartbeat })},
		{key: "connector"},
		{key: "connection.pool.size"},
		{key: "scan.incremental.snapshot.enabled", set: only("true", "the snapshot is always incremental")},
		{key: "scan.incremental.snapshot.backfill.skip", set: only("false", "skipping the correction of chunks would double rows")},
		{key: "scan.newly-added-table.enabled", set: only("false", "a source reads one table")},
		{key: "scan.read-changelog-as-append-only.enabled", set: only("false", "the source gives a changelog")},
		{key: "scan.incremental.close-idle-reader.enabled"},
		{key: "chunk-key.even-distribution.factor.upper-bound"},
		{key: "chunk-key.even-distribution.factor.lower-bound"},
		{key: "chunk-meta.group.size"},
		{key: "scan.incremental.snapshot.chunk.key-column", refuse: "chunks always follow the whole primary key; leave the option out"},
		{key: "scan.startup.specific-offset.skip-events", refuse: "start at a transaction boundary instead"},
		{key: "scan.startup.specific-offset.skip-rows", refuse: "start at a transaction boundary instead"},
	}
}

// ParseOptions reads the options of a mysql-cdc table. An unknown option is an
// error that names the nearest known one; no error shows the password.
func ParseOptions(options map[string]string) (Config, error) {
	c := DefaultConfig()
	table := optionTable()
	keys := make([]string, 0, len(options))
	for k := range options {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		i := slices.IndexFunc(table, func(o option) bool { return o.key == k })
		if i < 0 {
			return c, unknownOption(k, table)
		}
		if table[i].refuse != "" {
			return c, errs.Unsupported("mysql-cdc option %q: not supported: %s", k, table[i].refuse)
		}
		if table[i].set == nil {
			continue
		}
		if err := table[i].set(&c, options[k]); err != nil {
			return c, fmt.Errorf("mysql-cdc option %q: %w", k, err)
		}
	}
	return c, c.Validate()
}

// Validate checks what can be checked without the server.
func (c Config) Validate() error {
	for _, need := range []struct{ key, value string }{
		{"hostname", c.Hostname}, {"username", c.Username}, {"database-name", c.Database}, {"table-name", c.Table},
	} {
		if need.value == "" {
			return errs.Invalid("mysql-cdc option %q is required", need.key)
		}
	}
	for _, name := range []struct{ key, value string }{{"database-name", c.Database}, {"table-name", c.Table}} {
		if strings.ContainsAny(name.value, "*|()[]^") || strings.Contains(name.value, `\.`) {
			return errs.Unsupported("mysql-cdc option %q: %q looks like a pattern: not supported, name one table", name.key, name.value)
		}
	}
	switch c.Startup {
	case StartInitial, StartEarliest, StartLatest:
	case StartSpecific:
		if c.SpecificGTID == "" && (c.SpecificFile == "" || c.SpecificPos == 0) {
			return errs.Invalid("mysql-cdc option \"scan.startup.mode\" = specific-offset: needs scan.startup.specific-offset.file and .pos, or scan.startup.specific-offset.gtid-set")
		}
	case StartTimestamp:
		if c.StartupTimestamp.IsZero() {
			return errs.Invalid("mysql-cdc option \"scan.startup.mode\" = timestamp: needs scan.startup.timestamp-millis")
		}
	default:
		return errs.Invalid("mysql-cdc option \"scan.startup.mode\": unknown mode %q", string(c.Startup))
	}
	if c.Port < 1 || c.ChunkSize < 1 || c.FetchSize < 1 || c.MaxBatchRows < 1 || c.Zone == nil || c.ConnectTimeout <= 0 || c.Heartbeat <= 0 {
		return errs.Invalid("mysql-cdc: port, sizes, intervals and time zone must be set: start from DefaultConfig")
	}
	return nil
}

// String names the source without its password.
func (c Config) String() string {
	return fmt.Sprintf("mysql-cdc %s@%s:%d/%s.%s (%s)", c.Username, c.Hostname, c.Port, c.Database, c.Table, c.Startup)
}

// GoString is String, so that no format shows the password.
func (c Config) GoString() string { return c.String() }

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v == "" {
			return errs.Invalid("is empty")
		}
		*field(c) = v
		return nil
	}
}

func number(low, high int64, set func(*Config, int64)) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil || n < low || n > high {
			return errs.Invalid("%q: want a whole number from %d to %d", v, low, high)
		}
		set(c, n)
		return nil
	}
}

func only(want, why string) func(*Config, string) error {
	return func(_ *Config, v string) error {
		if !strings.EqualFold(strings.TrimSpace(v), want) {
			return errs.Unsupported("%q is not supported, only %s: %s", v, want, why)
		}
		return nil
	}
}

// duration reads "30s", "500 ms", "1min", or a bare number of milliseconds, as
// Flink does.
func duration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		s := strings.ToLower(strings.TrimSpace(v))
		digits := strings.TrimLeft(s, "0123456789")
		n, err := strconv.ParseInt(s[:len(s)-len(digits)], 10, 64)
		units := map[string]time.Duration{
			"": time.Millisecond, "ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond,
			"s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
			"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
			"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
		}
		unit, known := units[strings.TrimSpace(digits)]
		if err != nil || !known || n <= 0 || n > int64(1000*time.Hour/unit) {
			return errs.Invalid("%q: want a time such as 30s, 500ms or 1min", v)
		}
		*field(c) = time.Duration(n) * unit
		return nil
	}
}

func setServerID(c *Config, v string) error {
	first, last, isRange := strings.Cut(strings.TrimSpace(v), "-")
	a, err := strconv.ParseUint(strings.TrimSpace(first), 10, 32)
	b := a
	if err == nil && isRange {
		b, err = strconv.ParseUint(strings.TrimSpace(last), 10, 32)
	}
	if err != nil || a == 0 || b < a {
		return errs.Invalid("%q: want an id such as 5400 or a range such as 5400-5408", v)
	}
	c.ServerID, c.ServerIDLast = uint32(a), uint32(b)
	return nil
}

func setZone(c *Config, v string) error {
	if len(v) == 6 && (v[0] == '+' || v[0] == '-') {
		if t, err := time.Parse("-07:00", v); err == nil {
			_, off := t.Zone()
			c.Zone = time.FixedZone(v, off)
			return nil
		}
	}
	zone, err := time.LoadLocation(v)
	if err != nil || v == "" || v == "Local" {
		return errs.Invalid("%q: want a zone such as UTC, Asia/Shanghai or +08:00", v)
	}
	c.Zone = zone
	return nil
}

func setStartup(c *Config, v string) error {
	m := StartupMode(strings.ToLower(strings.TrimSpace(v)))
	switch m {
	case StartInitial, StartEarliest, StartLatest, StartSpecific, StartTimestamp:
		c.Startup = m
		return nil
	case "snapshot":
		return errs.Unsupported("mode \"snapshot\" is not supported; use \"initial\", which goes on with the binlog")
	}
	return errs.Invalid("unknown mode %q, want initial, earliest-offset, latest-offset, specific-offset or timestamp", v)
}

func unknownOption(key string, table []option) error {
	if strings.HasPrefix(key, "debezium.") || strings.HasPrefix(key, "jdbc.properties.") {
		return errs.Unsupported("mysql-cdc option %q: not supported: there is no Debezium and no JDBC driver inside; leave it out", key)
	}
	best, distance := "", 1<<30
	for _, o := range table {
		if d := options.EditDistance(key, o.key, distance); d < distance {
			best, distance = o.key, d
		}
	}
	if distance <= max(3, len(key)/3) {
		return errs.Invalid("mysql-cdc option %q: unknown; did you mean %q?", key, best)
	}
	return errs.Invalid("mysql-cdc option %q: unknown", key)
}
