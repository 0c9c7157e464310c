package mysqlwire

import (
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// variable is a system variable as clients see it.
type variable struct {
	value    string
	null     bool
	boolean  bool // ON and OFF in SHOW VARIABLES, 1 and 0 in SELECT
	readOnly bool
	numeric  bool // SET takes whole numbers from 0 only
}

// The variables that change what this package does.
const (
	varAutocommit       = "autocommit"
	varTimeZone         = "time_zone"
	varSQLMode          = "sql_mode"
	varSelectLimit      = "sql_select_limit"
	varMaxExecutionTime = "max_execution_time"
	varQueryTimeout     = "query_timeout"
	varNetWriteTimeout  = "net_write_timeout"
	varWaitTimeout      = "wait_timeout"
)

// unlimited is sql_select_limit without a limit, as MySQL prints it.
const unlimited = "18446744073709551615"

// defaultVariables lists what drivers and tools ask for or set. Names that are
// not here are an error in SELECT and are given to the Session in SET.
func defaultVariables(o Options, addr net.Addr) map[string]variable {
	vars := map[string]variable{}
	add := func(v variable, pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			v.value = pairs[i+1]
			vars[pairs[i]] = v
		}
	}
	add(variable{},
		"character_set_client", "utf8mb4", "character_set_connection", "utf8mb4", "character_set_results", "utf8mb4",
		"character_set_database", "utf8mb4", "character_set_server", "utf8mb4", "character_set_filesystem", "binary",
		"collation_connection", "utf8mb4_general_ci", "collation_database", "utf8mb4_general_ci",
		"collation_server", "utf8mb4_general_ci", "default_storage_engine", "PAIMON", "init_connect", "",
		varSQLMode, "STRICT_TRANS_TABLES", varTimeZone, zoneName(o.TimeZone),
		"transaction_isolation", "REPEATABLE-READ", "tx_isolation", "REPEATABLE-READ", "lc_time_names", "en_US",
		"session_track_system_variables", "", "session_track_transaction_info", "OFF",
		"block_encryption_mode", "aes-128-ecb", "completion_type", "NO_CHAIN")
	add(variable{readOnly: true},
		"character_set_system", "utf8mb3", "version", o.ServerVersion, "version_comment", "Tarn lakehouse (Apache Paimon tables)",
		"version_compile_os", "Linux", "version_compile_machine", "x86_64", "license", "Apache-2.0",
		"protocol_version", "10", "lower_case_file_system", "OFF", "system_time_zone", zoneName(o.TimeZone),
		"port", portOf(addr), "bind_address", hostOf(addr), "hostname", hostName(), "datadir", "", "basedir", "",
		"lower_case_table_names", "0", "default_authentication_plugin", pluginNative, "secure_file_priv", "", "server_uuid", "",
		"max_user_connections", "0", "max_connections", strconv.Itoa(o.MaxConnections), "language", "english",
		"default_password_lifetime", "0", "max_prepared_stmt_count", strconv.Itoa(o.MaxStatements))
	add(variable{numeric: true},
		"auto_increment_increment", "1", "auto_increment_offset", "1", "max_allowed_packet", strconv.Itoa(o.MaxPacket),
		"net_buffer_length", "16384", "net_read_timeout", seconds(o.ReadTimeout), varNetWriteTimeout, seconds(o.WriteTimeout),
		varWaitTimeout, seconds(o.IdleTimeout), "interactive_timeout", seconds(o.IdleTimeout), "lock_wait_timeout", "86400",
		"innodb_lock_wait_timeout", "50", "query_cache_size", "0", "group_concat_max_len", "1024",
		varMaxExecutionTime, "0", varQueryTimeout, seconds(o.QueryTimeout), varSelectLimit, unlimited,
		"net_retry_count", "10", "div_precision_increment", "4", "information_schema_stats_expiry", "86400")
	add(variable{boolean: true},
		varAutocommit, "ON", "sql_auto_is_null", "OFF", "sql_safe_updates", "OFF", "sql_big_selects", "ON", "sql_notes", "ON",
		"sql_warnings", "OFF", "sql_quote_show_create", "ON", "foreign_key_checks", "ON", "unique_checks", "ON",
		"transaction_read_only", "OFF", "tx_read_only", "OFF", "session_track_schema", "ON", "profiling", "OFF")
	add(variable{boolean: true, readOnly: true},
		"performance_schema", "OFF", "have_ssl", onOff(o.TLS != nil), "have_openssl", onOff(o.TLS != nil), "have_query_cache", "OFF",
		"have_profiling", "OFF", "read_only", "OFF", "super_read_only", "OFF", "local_infile", "OFF", "log_bin", "OFF",
		"skip_networking", "OFF", "skip_name_resolve", "ON", "innodb_read_only", "OFF")
	add(variable{readOnly: true}, "query_cache_type", "OFF")
	return vars
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

func zoneName(loc *time.Location) string {
	if loc == time.Local {
		return "SYSTEM"
	}
	return loc.String()
}

func portOf(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return port
}

func hostOf(addr net.Addr) string {
	host, _, _ := net.SplitHostPort(addr.String())
	return host
}

func hostName() string {
	name, _ := os.Hostname() // "" is a fair answer when the system has none
	return name
}

// sessionVariables are the variables of one connection.
type sessionVariables struct {
	defaults map[string]variable
	changed  map[string]variable
	zone     *time.Location // of time_zone
}

func (v *sessionVariables) get(name string) (variable, bool) {
	if found, ok := v.changed[name]; ok {
		return found, true
	}
	found, ok := v.defaults[name]
	return found, ok
}

func (v *sessionVariables) on(name string) bool {
	found, _ := v.get(name)
	return found.value == "ON"
}

// override gives a numeric variable, counted in unit, as the client set it, or
// standard when it did not, or set 0.
func (v *sessionVariables) override(name string, unit, standard time.Duration) time.Duration {
	changed, ok := v.changed[name]
	if !ok {
		return standard
	}
	n, err := strconv.ParseUint(changed.value, 10, 64)
	if err != nil || n == 0 {
		return standard
	}
	return time.Duration(min(n, uint64(240*time.Hour/unit))) * unit
}

// selectLimit is the most rows that a SELECT returns.
func (v *sessionVariables) selectLimit() uint64 {
	limit, _ := v.get(varSelectLimit)
	n, err := strconv.ParseUint(limit.value, 10, 64)
	if err != nil {
		return math.MaxUint64
	}
	return n
}

// queryTimeout is the time a statement may take; 0 means no limit.
func (v *sessionVariables) queryTimeout(limit time.Duration) time.Duration {
	for _, d := range []time.Duration{
		v.override(varMaxExecutionTime, time.Millisecond, 0),
		v.override(varQueryTimeout, time.Second, 0),
	} {
		if d > 0 && (limit == 0 || d < limit) {
			limit = d
		}
	}
	return limit
}

func (v *sessionVariables) names() []string {
	names := make([]string, 0, len(v.defaults))
	for name := range v.defaults {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// normalize checks a new value of a variable and gives its stored form.
func normalize(name string, old variable, value string) (variable, error) {
	fresh := old
	fresh.value, fresh.null = value, false
	wrong := func() error {
		return Errorf(CodeWrongVariableValue, "Variable '%s' can't be set to the value of '%s'", name, clip(value, 200))
	}
	switch {
	case old.boolean:
		switch strings.ToUpper(value) {
		case "1", "ON", "TRUE":
			fresh.value = "ON"
		case "0", "OFF", "FALSE":
			fresh.value = "OFF"
		default:
			return fresh, wrong()
		}
	case old.numeric:
		if value == "-1" && name == varSelectLimit {
			fresh.value = unlimited
		} else if _, err := strconv.ParseUint(value, 10, 64); err != nil {
			return fresh, Errorf(CodeWrongVariableType, "Incorrect argument type to variable '%s': '%s' is not a whole number from 0", name, clip(value, 200))
		}
	case strings.HasPrefix(name, "character_set_"):
		if !isSupportedCharset(value) {
			return fresh, Errorf(CodeUnknownCharset, "Unknown character set: '%s': Tarn sends and reads utf8mb4 only", clip(value, 200))
		}
	case name == varSQLMode:
		// These change what a statement means; the dialects do not follow them.
		for _, mode := range []string{"ANSI", "ANSI_QUOTES", "PIPES_AS_CONCAT", "NO_BACKSLASH_ESCAPES"} {
			if slices.Contains(strings.Split(strings.ToUpper(value), ","), mode) {
				return fresh, wrong()
			}
		}
	}
	return fresh, nil
}

func isSupportedCharset(name string) bool {
	switch strings.ToLower(name) {
	case "utf8mb4", "utf8", "utf8mb3", "ascii", "us-ascii", "binary":
		return true
	}
	return false
}

// parseZone reads SYSTEM, an offset such as +08:00, or an IANA name.
func parseZone(name string, system *time.Location) (*time.Location, error) {
	unknown := func() error {
		return Errorf(CodeUnknownTimeZone, "Unknown or incorrect time zone: '%s'", clip(name, 200))
	}
	if strings.EqualFold(name, "SYSTEM") || name == zoneName(system) {
		return system, nil
	}
	if name == "" || strings.EqualFold(name, "LOCAL") {
		return nil, unknown()
	}
	if name[0] != '+' && name[0] != '-' {
		loc, err := time.LoadLocation(name)
		if err != nil {
			return nil, unknown()
		}
		return loc, nil
	}
	hours, minutes, ok := strings.Cut(name[1:], ":")
	h, errH := strconv.ParseUint(hours, 10, 8)
	m, errM := strconv.ParseUint(minutes, 10, 8)
	if !ok || errH != nil || errM != nil || h > 14 || m > 59 {
		return nil, unknown()
	}
	offset := int(h*3600 + m*60)
	if name[0] == '-' {
		offset = -offset
	}
	return time.FixedZone(name, offset), nil
}
