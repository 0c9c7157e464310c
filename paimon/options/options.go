// Package options gives table options types, units and defaults. Names and
// defaults are Paimon's (CoreOptions); parsing errors name the option, the
// value and what it wants.
package options

import (
	_ "embed"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
)

// Map is the raw option map of a table.
type Map map[string]string

// With gives a copy of m overlaid by the dynamic options of a hint.
func (m Map) With(extra map[string]string) Map {
	out := make(Map, len(m)+len(extra))
	for k, v := range m {
		out[k] = v
	}
	for k, v := range extra {
		out[k] = v
	}
	return out
}

// reader collects the first error while options are read.
type reader struct {
	m   Map
	err error
}

func (r *reader) fail(key, want string) {
	if r.err == nil {
		r.err = errs.Invalid("option '%s' = '%s': want %s", key, r.m[key], want)
	}
}

func (r *reader) str(key, def string) string {
	if v, ok := r.m[key]; ok {
		return v
	}
	return def
}

// oneOf reads an enumeration without regard to case; values use dashes.
func (r *reader) oneOf(key, def string, values ...string) string {
	v, ok := r.m[key]
	if !ok {
		return def
	}
	n := strings.ToLower(strings.ReplaceAll(v, "_", "-"))
	for _, w := range values {
		if n == w {
			return n
		}
	}
	r.fail(key, "one of "+strings.Join(values, ", "))
	return def
}

func (r *reader) boolean(key string, def bool) bool {
	v, ok := r.m[key]
	if !ok {
		return def
	}
	b, err := strconv.ParseBool(strings.ToLower(v))
	if err != nil {
		r.fail(key, "true or false")
	}
	return b
}

func (r *reader) integer(key string, def, least int) int {
	v, ok := r.m[key]
	if !ok {
		return def
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < least {
		r.fail(key, fmt.Sprintf("a whole number of at least %d", least))
	}
	return n
}

func (r *reader) decimal(key string, def float64) float64 {
	v, ok := r.m[key]
	if !ok {
		return def
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || n < 0 {
		r.fail(key, "a number of at least 0")
	}
	return n
}

func (r *reader) bytes(key string, def int64) int64 {
	v, ok := r.m[key]
	if !ok {
		return def
	}
	n, err := ParseBytes(v)
	if err != nil {
		r.fail(key, "a size such as 128 mb")
	}
	return n
}

func (r *reader) duration(key string, def time.Duration) time.Duration {
	v, ok := r.m[key]
	if !ok {
		return def
	}
	d, err := ParseDuration(v)
	if err != nil {
		r.fail(key, "a duration such as 10 s or 1 h")
	}
	return d
}

func (r *reader) list(key string) []string {
	v := r.m[key]
	if strings.TrimSpace(v) == "" {
		return nil
	}
	parts := strings.Split(v, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

var byteUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1, "k": 1 << 10, "kb": 1 << 10, "kibibytes": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "mebibytes": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gibibytes": 1 << 30, "t": 1 << 40, "tb": 1 << 40, "tebibytes": 1 << 40,
}

// ParseBytes reads a memory size in Paimon's form: "128 mb", "64kb", "1024".
func ParseBytes(s string) (int64, error) {
	n, unit, err := numberUnit(s)
	mul, ok := byteUnits[unit]
	if err != nil || !ok || n > (1<<62)/mul {
		return 0, errs.Invalid("size %q: want a number and b, kb, mb, gb or tb", s)
	}
	return n * mul, nil
}

var timeUnits = map[string]time.Duration{
	"": time.Millisecond, "ns": 1, "us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond,
	"s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"milli": time.Millisecond, "millis": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
}

// ParseDuration reads a duration in Paimon's and Flink's form: "10 s", "1h",
// "500 ms", "3min"; a bare number is milliseconds.
func ParseDuration(s string) (time.Duration, error) {
	n, unit, err := numberUnit(s)
	mul, ok := timeUnits[unit]
	if err != nil || !ok || n > int64(1<<62)/int64(mul) {
		return 0, errs.Invalid("duration %q: want a number and ms, s, min, h or d", s)
	}
	return time.Duration(n) * mul, nil
}

func numberUnit(s string) (int64, string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	return n, strings.TrimSpace(s[i:]), err
}

//go:embed known.txt
var knownText string

// rule says what Tarn does with an option that Paimon knows.
type rule struct {
	refuse string // "", "read" or "write"
	unless string // the value that is harmless; "-" for unset only
}

// knownOptions is known.txt, read once: every open of a table asks for it.
var knownOptions = sync.OnceValue(readKnown)

func readKnown() map[string]rule {
	out := map[string]rule{}
	for _, line := range strings.Split(knownText, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#" || strings.HasPrefix(line, "#"):
		case len(f) == 3:
			out[f[0]] = rule{f[1], f[2]}
		default:
			out[f[0]] = rule{}
		}
	}
	return out
}

// dynamicPrefixes start option names that hold a column or format name.
var dynamicPrefixes = []string{"fields.", "file-index.", "parquet.", "orc.", "avro.", "hadoop.", "s3.", "fs.", "hive.", "commit.callback.", "tag.callback."}

// CheckKnown refuses options that Paimon does not know, with the nearest name:
// a misspelt option would silently change what a table is. It is for CREATE
// TABLE, ALTER TABLE and hints; tables that exist are opened whatever they
// carry.
func CheckKnown(m Map) error {
	known := knownOptions()
	for _, key := range m.sortedKeys() {
		if _, ok := known[key]; ok || hasPrefix(key, dynamicPrefixes) {
			continue
		}
		hint := ""
		if near := Nearest(key, known); near != "" {
			hint = fmt.Sprintf("; did you mean '%s'?", near)
		}
		return errs.Invalid("option '%s' is unknown%s", key, hint)
	}
	return nil
}

// CheckReadable refuses a table whose options Tarn cannot honour when reading.
func CheckReadable(m Map) error { return m.checkRules(func(r rule) bool { return r.refuse == "read" }) }

// CheckWritable refuses a table whose options Tarn cannot honour when writing.
func CheckWritable(m Map) error { return m.checkRules(func(r rule) bool { return r.refuse != "" }) }

func (m Map) checkRules(applies func(rule) bool) error {
	known := knownOptions()
	for _, key := range m.sortedKeys() {
		r := known[key]
		if applies(r) && !strings.EqualFold(strings.TrimSpace(m[key]), r.unless) {
			return errs.Unsupported("option '%s' = '%s' is not supported by this version of Tarn for %sing; use Flink or Spark for this table, or reset the option", key, m[key], strings.TrimSuffix(r.refuse, "e"))
		}
	}
	return nil
}

func (m Map) sortedKeys() []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// Nearest gives the key of known that is a few letters away from name, or "".
func Nearest[V any](name string, known map[string]V) string {
	best, dist := "", 4
	for k := range known {
		if d := EditDistance(name, k, dist+1); d < dist || d == dist && k < best {
			best, dist = k, d
		}
	}
	return best
}

// EditDistance is Levenshtein's distance of two texts, cut off at limit.
func EditDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diag, row[j] = row[j], min(row[j]+1, row[j-1]+1, diag+cost)
		}
	}
	return row[len(b)]
}
