package kafka

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
)

// propertyTable lists the properties.* keys: the settings of Kafka's consumer.
// Those without an effect tune how Java's consumer works within a group, or
// have a meaning for producers only.
func propertyTable() []option {
	table := []option{
		{key: "bootstrap.servers", set: setBrokers},
		{key: "group.id", set: text(func(c *Config) *string { return &c.Group })},
		{key: "client.id", set: text(func(c *Config) *string { return &c.ClientID })},
		{key: "client.rack", set: text(func(c *Config) *string { return &c.Rack })},
		{key: "auto.offset.reset", set: setReset},
		{key: "isolation.level", set: setIsolation},
		{key: "fetch.max.bytes", set: number(1, 64<<20, func(c *Config, n int64) { c.FetchMaxBytes = int32(n) })},
		{key: "max.partition.fetch.bytes", set: number(1, 64<<20, func(c *Config, n int64) { c.FetchMaxPartitionBytes = int32(n) })},
		{key: "fetch.min.bytes", set: number(1, 64<<20, func(c *Config, n int64) { c.FetchMinBytes = int32(n) })},
		{key: "fetch.max.wait.ms", set: number(1, 60_000, func(c *Config, n int64) { c.FetchMaxWait = time.Duration(n) * time.Millisecond })},
		{key: "default.api.timeout.ms", set: number(1, 3_600_000, func(c *Config, n int64) { c.ConnectTimeout = time.Duration(n) * time.Millisecond })},

		{key: "key.deserializer", refuse: "the option 'format' says how records are read"},
		{key: "value.deserializer", refuse: "the option 'format' says how records are read"},
		{key: "interceptor.classes", refuse: "there is no Java inside to run them"},
		{key: "socket.connection.setup.timeout.ms"},
	}
	for _, k := range withoutEffect() {
		table = append(table, option{key: k})
	}
	table = append(table, securityTable()...)
	for i := range table {
		table[i].key = "properties." + table[i].key
	}
	return table
}

func withoutEffect() []string {
	return []string{
		"enable.auto.commit", "auto.commit.interval.ms", "commit.offsets.on.checkpoint", "group.instance.id", "group.protocol", "group.remote.assignor",
		"partition.assignment.strategy", "partition.discovery.interval.ms", "client.id.prefix", "register.consumer.metrics", "session.timeout.ms",
		"heartbeat.interval.ms", "max.poll.interval.ms", "max.poll.records", "request.timeout.ms", "retry.backoff.ms", "retry.backoff.max.ms",
		"reconnect.backoff.ms", "reconnect.backoff.max.ms", "metadata.max.age.ms", "metadata.recovery.strategy", "metadata.recovery.rebootstrap.trigger.ms",
		"connections.max.idle.ms", "receive.buffer.bytes", "send.buffer.bytes", "check.crcs", "client.dns.lookup", "exclude.internal.topics",
		"allow.auto.create.topics", "auto.include.jmx.reporter", "metric.reporters", "metrics.num.samples", "metrics.recording.level",
		"metrics.sample.window.ms", "enable.metrics.push", "internal.leave.group.on.close", "socket.connection.setup.timeout.max.ms",
		"security.providers", "transaction.timeout.ms", "transactional.id", "acks", "batch.size", "linger.ms", "compression.type", "buffer.memory",
		"max.request.size", "max.block.ms", "max.in.flight.requests.per.connection", "retries", "enable.idempotence", "delivery.timeout.ms",
	}
}

func setBrokers(c *Config, v string) error {
	for _, b := range strings.Split(v, ",") {
		b = strings.TrimSpace(b)
		if i := strings.Index(b, "://"); i >= 0 { // Kafka takes PLAINTEXT://host:port and looks at host:port only
			b = b[i+3:]
		}
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			return errs.Invalid("%q: want host:port, several by ','", v)
		}
		c.Brokers = append(c.Brokers, b)
	}
	return nil
}

func setReset(c *Config, v string) error {
	v = strings.ToLower(strings.TrimSpace(v))
	if !slices.Contains([]string{"none", "earliest", "latest"}, v) {
		return errs.Invalid("%q: want none, earliest or latest", v)
	}
	c.Reset = v
	return nil
}

func setIsolation(c *Config, v string) error {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "read_committed":
		c.ReadUncommitted = false
	case "read_uncommitted":
		c.ReadUncommitted = true
	default:
		return errs.Invalid("%q: want read_committed or read_uncommitted", v)
	}
	return nil
}

// unknownOption names the nearest known option.
func unknownOption(key string, table []option) error {
	best, least := "", 1<<30
	for _, o := range table {
		if d := options.EditDistance(key, o.key, least); d < least {
			best, least = o.key, d
		}
	}
	switch {
	case least <= max(2, len(key)/6):
		return errs.Invalid("kafka option %q: unknown; did you mean %q?", key, best)
	case strings.HasPrefix(key, "properties."):
		return errs.Unsupported("kafka option %q: not supported: Tarn does not know what this property of Kafka's consumer would change; leave it out", key)
	}
	return errs.Invalid("kafka option %q: unknown", key)
}
