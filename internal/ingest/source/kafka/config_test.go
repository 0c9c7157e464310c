package kafka

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
)

// TestOptions runs testdata/options: "parse" takes lines of key = value and
// gives what they mean or the error. What is left out is as in the first case.
func TestOptions(t *testing.T) {
	datadriven.RunTest(t, "testdata/options", func(t *testing.T, d *datadriven.TestData) string {
		m := map[string]string{}
		if !d.HasArg("bare") {
			m = map[string]string{"connector": "kafka", "topic": "events", "properties.bootstrap.servers": "h:9092", "format": "json", "scan.startup.mode": "earliest-offset"}
		}
		for _, line := range strings.Split(d.Input, "\n") {
			k, v, _ := strings.Cut(line, "=")
			if k = strings.TrimSpace(k); k != "" {
				if m[k] = strings.TrimSpace(v); m[k] == "-" {
					delete(m, k)
				}
			}
		}
		c, err := ParseOptions(m)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		return show(c)
	})
}

func show(c Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s", &c, c.Format)
	fmt.Fprintf(&b, "\nfrom %s", c.Startup)
	if c.StartupMillis > 0 || c.StartupOffsets != nil {
		fmt.Fprintf(&b, " %d %v", c.StartupMillis, c.StartupOffsets)
	}
	fmt.Fprintf(&b, " to %s", c.Bounded)
	if c.BoundedMillis > 0 || c.BoundedOffsets != nil {
		fmt.Fprintf(&b, " %d %v", c.BoundedMillis, c.BoundedOffsets)
	}
	fmt.Fprintf(&b, ", group %q, reset %s, new partitions every %s, uncommitted %t", c.Group, c.Reset, c.Discovery, c.ReadUncommitted)
	if c.Security.Protocol != "PLAINTEXT" {
		fmt.Fprintf(&b, "\nsecurity %+v", c.Security)
	}
	if c.Ignored != nil {
		fmt.Fprintf(&b, "\nwithout effect: %s", strings.Join(c.Ignored, " "))
	}
	return b.String() + "\n"
}

func TestTuning(t *testing.T) {
	c, err := ParseOptions(map[string]string{"topic": "a", "format": "json", "scan.startup.mode": "latest-offset", "properties.bootstrap.servers": "h:1", "properties.fetch.max.bytes": "7",
		"properties.max.partition.fetch.bytes": "8", "properties.fetch.min.bytes": "9", "properties.fetch.max.wait.ms": "10", "properties.client.id": "c", "properties.client.rack": "r",
		"properties.default.api.timeout.ms": "11", "json.ignore-parse-errors": "true"})
	require.NoError(t, err)
	require.Equal(t, []any{int32(7), int32(8), int32(9), 10 * time.Millisecond, "c", "r", 11 * time.Millisecond, true},
		[]any{c.FetchMaxBytes, c.FetchMaxPartitionBytes, c.FetchMinBytes, c.FetchMaxWait, c.ClientID, c.Rack, c.ConnectTimeout, c.ignores()})
}

// FuzzPosition: what parses comes back the same, and nothing panics.
func FuzzPosition(f *testing.F) {
	for _, s := range []string{"", "{}", `{"v":1,"at":{"t":{"0":1}}}`, `{"v":1,"at":{"t":{"0":1,"1":9}},"end":{"t":{"0":5}},"epoch":{"t":{"0":3}},"id":{"t":"x"}}`, `{"v":1,"at":{"t":{"-1":1}}}`, `{"v":1,"at":{"t":null}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePosition(change.Position(text))
		if err != nil {
			return
		}
		again, err := parsePosition(p.encode())
		require.NoError(t, err)
		require.Equal(t, p.encode(), again.encode())
		for topic, list := range p.At {
			for n, at := range list {
				require.GreaterOrEqual(t, at, int64(0))
				require.Equal(t, at, again.At[topic][n])
			}
		}
	})
}
