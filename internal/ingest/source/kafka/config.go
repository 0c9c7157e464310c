package kafka

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/internal/ingest/decode/debezium"
	"github.com/tarndb/tarn/internal/ingest/decode/json"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/types"
)

// Format is a form of record values.
type Format string

// The formats.
const (
	JSON     Format = "json"
	Debezium Format = "debezium-json"
)

// Mode says where reading starts or, for the bounded modes, ends.
type Mode string

// The modes of scan.startup.mode and scan.bounded.mode.
const (
	Group     Mode = "group-offsets"    // what the group has committed
	Earliest  Mode = "earliest-offset"  // start only
	Latest    Mode = "latest-offset"    // the end, as it is when the source is opened
	Timestamp Mode = "timestamp"        // the first record of that time or later
	Specific  Mode = "specific-offsets" // offsets of one topic
	Unbounded Mode = "unbounded"        // end only: never
)

// Config names topics and says how to read them. Start from DefaultConfig or
// ParseOptions.
type Config struct {
	Topics  []string       // topic
	Pattern *regexp.Regexp // topic-pattern, anchored; nil when Topics are named

	Brokers []string // properties.bootstrap.servers, host:port
	Group   string   // properties.group.id; only read, never committed to

	Startup        Mode            // scan.startup.mode; default group-offsets
	StartupMillis  int64           // scan.startup.timestamp-millis
	StartupOffsets map[int32]int64 // scan.startup.specific-offsets; other partitions start with the group, else at their earliest offset

	Bounded        Mode            // scan.bounded.mode; default unbounded
	BoundedMillis  int64           // scan.bounded.timestamp-millis
	BoundedOffsets map[int32]int64 // scan.bounded.specific-offsets, exclusive; other partitions are not read

	// Discovery is how often new partitions and topics are looked for; 0 for
	// never: scan.topic-partition-discovery.interval, default 5 min.
	Discovery time.Duration

	// Reset is where Group starts in a partition that the group has not
	// committed: "none" (an error), "earliest" or "latest":
	// properties.auto.offset.reset, default none.
	Reset string
	// ReadUncommitted also reads records of open and aborted transactions:
	// properties.isolation.level, default read_committed.
	ReadUncommitted bool

	Security Security // properties.security.protocol, sasl.*, ssl.*

	ClientID string // properties.client.id; default tarn
	Rack     string // properties.client.rack

	FetchMaxBytes          int32         // properties.fetch.max.bytes, of one broker; default 16 MiB
	FetchMaxPartitionBytes int32         // properties.max.partition.fetch.bytes; default 1 MiB
	FetchMinBytes          int32         // properties.fetch.min.bytes; default 1
	FetchMaxWait           time.Duration // properties.fetch.max.wait.ms; default 500 ms

	// ConnectTimeout bounds Open, and every question asked of the brokers while
	// reading: properties.default.api.timeout.ms, default 30 s.
	ConnectTimeout time.Duration

	Format   Format
	json     json.Options
	debezium debezium.Options

	// Ignored lists the options given that have no effect, sorted.
	Ignored []string

	// MaxBatchRows and MaxBatchBytes (of values) end a batch; default 4096 rows
	// and 4 MiB. They have no options.
	MaxBatchRows  int
	MaxBatchBytes int

	// OnLoss, when set, hears that a broker was lost, once until it is there
	// again; the source goes on trying. It is called by another goroutine. It
	// has no option.
	OnLoss func(err error)
	// OnIgnored, when set, hears how many records were left out and values made
	// null by ignore-parse-errors. It has no option.
	OnIgnored func(records, values int)
}

// DefaultConfig has the default of every option that has one.
func DefaultConfig() Config {
	return Config{
		Startup: Group, Bounded: Unbounded, Discovery: 5 * time.Minute, Reset: "none", ClientID: "tarn", Security: Security{Protocol: "PLAINTEXT"},
		FetchMaxBytes: 16 << 20, FetchMaxPartitionBytes: 1 << 20, FetchMinBytes: 1, FetchMaxWait: 500 * time.Millisecond,
		ConnectTimeout: 30 * time.Second, MaxBatchRows: 4096, MaxBatchBytes: 4 << 20,
	}
}

// option is one key that ParseOptions knows. set is nil for a key without an
// effect on reading; refuse says why a key is not supported.
type option struct {
	key    string
	set    func(c *Config, v string) error
	refuse string
}

func optionTable() []option {
	return []option{
		{key: "topic", set: setTopics},
		{key: "topic-pattern", set: setPattern},
		{key: "scan.startup.mode", set: setMode(func(c *Config) *Mode { return &c.Startup }, Group, Earliest, Latest, Timestamp, Specific)},
		{key: "scan.startup.timestamp-millis", set: number(0, 1<<52, func(c *Config, n int64) { c.StartupMillis = n })},
		{key: "scan.startup.specific-offsets", set: setOffsets(func(c *Config) *map[int32]int64 { return &c.StartupOffsets })},
		{key: "scan.bounded.mode", set: setMode(func(c *Config) *Mode { return &c.Bounded }, Unbounded, Group, Latest, Timestamp, Specific)},
		{key: "scan.bounded.timestamp-millis", set: number(0, 1<<52, func(c *Config, n int64) { c.BoundedMillis = n })},
		{key: "scan.bounded.specific-offsets", set: setOffsets(func(c *Config) *map[int32]int64 { return &c.BoundedOffsets })},
		{key: "scan.topic-partition-discovery.interval", set: setDiscovery},
		{key: "scan.parallelism"},
		{key: "value.fields-include", set: setInclude},
		{key: "key.format", refuse: "record keys are not read; leave the option out"},
		{key: "key.fields", refuse: "record keys are not read; leave the option out"},
		{key: "key.fields-prefix", refuse: "record keys are not read; leave the option out"},
		{key: "sink.partitioner"},
		{key: "sink.semantic"},
		{key: "sink.delivery-guarantee"},
		{key: "sink.transactional-id-prefix"},
		{key: "sink.transaction-naming-strategy"},
		{key: "sink.parallelism"},
		{key: "sink.buffer-flush.max-rows"},
		{key: "sink.buffer-flush.interval"},
	}
}

// ParseOptions reads the options of a kafka table. An unknown option is an
// error that names the nearest known one; no error shows a password.
func ParseOptions(given map[string]string) (Config, error) {
	c := DefaultConfig()
	table := append(optionTable(), propertyTable()...)
	format, keys := map[string]string{}, make([]string, 0, len(given))
	for k := range given {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if k == "connector" {
			continue
		}
		i := slices.IndexFunc(table, func(o option) bool { return o.key == k })
		switch {
		case i >= 0 && table[i].refuse != "":
			return c, errs.Unsupported("kafka option %q: not supported: %s", k, table[i].refuse)
		case i >= 0 && table[i].set == nil:
			c.Ignored = append(c.Ignored, k)
		case i >= 0:
			if err := table[i].set(&c, given[k]); err != nil {
				return c, fmt.Errorf("kafka option %q: %w", k, err)
			}
		case formatKey(k):
			format[k] = given[k]
		default:
			return c, unknownOption(k, table)
		}
	}
	if err := c.parseFormat(format); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// formatKey tells the keys of formats: format, json.…, value.format, value.json.….
func formatKey(k string) bool {
	k = strings.TrimPrefix(k, "value.")
	return k == "format" || strings.HasPrefix(k, string(JSON)+".") || strings.HasPrefix(k, string(Debezium)+".")
}

// parseFormat reads the format and its options, which begin with "value."
// where the format was named by value.format.
func (c *Config) parseFormat(given map[string]string) error {
	name, isShort := given["format"]
	value, isLong := given["value.format"]
	prefix := ""
	switch {
	case isShort && isLong:
		return errs.Invalid("kafka options \"format\" and \"value.format\": give one of them")
	case !isShort && !isLong:
		return errs.Invalid("kafka option \"format\" is required: json or debezium-json")
	case isLong:
		name, prefix = value, "value."
	}
	c.Format = Format(strings.ToLower(strings.TrimSpace(name)))
	if c.Format != JSON && c.Format != Debezium {
		return errs.Unsupported("kafka option \"%sformat\" = %q: not supported; this version has json and debezium-json", prefix, name)
	}
	rest := map[string]string{}
	for k, v := range given {
		if k == prefix+"format" {
			continue
		}
		short, ours := strings.CutPrefix(k, prefix)
		if !ours || !strings.HasPrefix(short, string(c.Format)+".") {
			return errs.Invalid("kafka option %q has no effect on '%sformat' = '%s'", k, prefix, c.Format)
		}
		rest[short] = v
	}
	var err error
	if c.Format == JSON {
		c.json, err = json.ParseOptions(rest, "json.")
	} else {
		c.debezium, err = debezium.ParseOptions(rest)
	}
	return err
}

// decoder makes a decoder of record values.
func (c *Config) decoder(fields []types.Field) (decode.Decoder, error) {
	var d decode.Decoder
	var err error
	if c.Format == Debezium {
		d, err = debezium.NewDecoder(fields, c.debezium)
	} else {
		d, err = json.NewDecoder(fields, c.json)
	}
	if err != nil {
		return nil, fmt.Errorf("format %s: %w", c.Format, err)
	}
	return d, nil
}

// Validate checks what can be checked without Kafka.
func (c *Config) Validate() error {
	switch {
	case len(c.Topics) == 0 && c.Pattern == nil:
		return errs.Invalid("kafka option \"topic\" or \"topic-pattern\" is required")
	case len(c.Topics) > 0 && c.Pattern != nil:
		return errs.Invalid("kafka options \"topic\" and \"topic-pattern\": give one of them")
	case len(c.Brokers) == 0:
		return errs.Invalid("kafka option \"properties.bootstrap.servers\" is required")
	case c.Format != JSON && c.Format != Debezium:
		return errs.Invalid("kafka option \"format\" is required: json or debezium-json")
	case c.MaxBatchRows < 1 || c.MaxBatchBytes < 1 || c.ConnectTimeout <= 0 || c.FetchMaxBytes < 1 || c.FetchMaxPartitionBytes < 1:
		return errs.Invalid("kafka: sizes and times must be set: start from DefaultConfig")
	}
	for _, m := range []struct {
		key     string
		mode    Mode
		offsets map[int32]int64
		millis  int64
	}{{"startup", c.Startup, c.StartupOffsets, c.StartupMillis}, {"bounded", c.Bounded, c.BoundedOffsets, c.BoundedMillis}} {
		switch {
		case m.mode == Group && c.Group == "":
			return errs.Invalid("kafka option \"scan.%s.mode\" = group-offsets (the default of scan.startup.mode): needs properties.group.id; to read all that is there, set 'scan.startup.mode' = 'earliest-offset'", m.key)
		case m.mode == Specific && len(m.offsets) == 0:
			return errs.Invalid("kafka option \"scan.%s.mode\" = specific-offsets: needs scan.%s.specific-offsets", m.key, m.key)
		case m.mode == Specific && len(c.Topics) != 1:
			return errs.Invalid("kafka option \"scan.%s.mode\" = specific-offsets: for one topic only", m.key)
		case m.mode == Timestamp && m.millis == 0:
			return errs.Invalid("kafka option \"scan.%s.mode\" = timestamp: needs scan.%s.timestamp-millis", m.key, m.key)
		}
	}
	return c.Security.validate()
}

// ignores tells whether wrong records are left out.
func (c *Config) ignores() bool {
	return c.json.IgnoreParseErrors || c.debezium.JSON.IgnoreParseErrors
}

// String names topics and brokers, without a password.
func (c *Config) String() string {
	topics := strings.Join(c.Topics, ";")
	if c.Pattern != nil {
		topics = c.Pattern.String()
	}
	return fmt.Sprintf("kafka topic %s at %s", topics, strings.Join(c.Brokers, ","))
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

func setTopics(c *Config, v string) error {
	for _, t := range strings.Split(v, ";") {
		t = strings.TrimSpace(t)
		switch {
		case !topicName.MatchString(t):
			return errs.Invalid("%q is no name of a topic: letters, digits, '.', '_' and '-'; several by ';', patterns go into topic-pattern", t)
		case slices.Contains(c.Topics, t):
			return errs.Invalid("topic %q stands twice", t)
		}
		c.Topics = append(c.Topics, t)
	}
	return nil
}

func setPattern(c *Config, v string) error {
	p, err := regexp.Compile("^(?:" + v + ")$")
	if err != nil || v == "" {
		return errs.Invalid("%q is no regular expression that Tarn takes (RE2: no look-around, no back references): %v", v, err)
	}
	c.Pattern = p
	return nil
}

func setMode(field func(*Config) *Mode, known ...Mode) func(*Config, string) error {
	return func(c *Config, v string) error {
		m := Mode(strings.ToLower(strings.TrimSpace(v)))
		if !slices.Contains(known, m) {
			return errs.Invalid("unknown mode %q, want one of %v", v, known)
		}
		*field(c) = m
		return nil
	}
}

// setOffsets reads partition:0,offset:42;partition:1,offset:300.
func setOffsets(field func(*Config) *map[int32]int64) func(*Config, string) error {
	return func(c *Config, v string) error {
		out := map[int32]int64{}
		for _, part := range strings.Split(strings.TrimSuffix(strings.TrimSpace(v), ";"), ";") {
			p, o, ok := strings.Cut(part, ",")
			p, isPartition := strings.CutPrefix(strings.TrimSpace(p), "partition:")
			o, isOffset := strings.CutPrefix(strings.TrimSpace(o), "offset:")
			partition, err := strconv.ParseInt(p, 10, 32)
			offset, err2 := strconv.ParseInt(o, 10, 64)
			if !ok || !isPartition || !isOffset || err != nil || err2 != nil || partition < 0 || offset < 0 {
				return errs.Invalid("%q: want partition:0,offset:42;partition:1,offset:300", v)
			}
			if _, twice := out[int32(partition)]; twice {
				return errs.Invalid("partition %d stands twice", partition)
			}
			out[int32(partition)] = offset
		}
		*field(c) = out
		return nil
	}
}

func setDiscovery(c *Config, v string) error {
	v = strings.TrimSpace(v)
	if strings.HasPrefix(v, "-") || strings.Trim(v, "0") == "" && v != "" {
		c.Discovery = 0
		return nil
	}
	d, err := options.ParseDuration(v)
	c.Discovery = d
	return err
}

func setInclude(_ *Config, v string) error {
	if !strings.EqualFold(strings.TrimSpace(v), "ALL") {
		return errs.Unsupported("%q: not supported, only ALL: record keys are not read", v)
	}
	return nil
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if strings.TrimSpace(v) == "" {
			return errs.Invalid("is empty")
		}
		*field(c) = strings.TrimSpace(v)
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
