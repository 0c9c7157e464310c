package options

import (
	"slices"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
)

// Modes of starting a read: values of `scan.mode`, resolved.
// Source: org.apache.paimon.CoreOptions.StartupMode.
const (
	LatestFull            = "latest-full"
	Latest                = "latest"
	LatestDelta           = "latest-delta"
	CompactedFull         = "compacted-full"
	FromTimestamp         = "from-timestamp"
	FromCreationTimestamp = "from-creation-timestamp"
	FromFileCreationTime  = "from-file-creation-time"
	FromSnapshot          = "from-snapshot"
	FromSnapshotFull      = "from-snapshot-full"
	Incremental           = "incremental"
)

// Options that say where a read starts.
const (
	scanMode          = "scan.mode"
	scanTimestamp     = "scan.timestamp"
	scanMillis        = "scan.timestamp-millis"
	scanSnapshot      = "scan.snapshot-id"
	scanTag           = "scan.tag-name"
	scanWatermark     = "scan.watermark"
	scanVersion       = "scan.version"
	scanFileCreation  = "scan.file-creation-time-millis"
	scanCreation      = "scan.creation-time-millis"
	betweenVersions   = "incremental-between"
	betweenTimestamps = "incremental-between-timestamp"
	toAutoTag         = "incremental-to-auto-tag"
)

var increments = []string{betweenVersions, betweenTimestamps, toAutoTag}

// unreadable are options that change which rows a read gives, and that Tarn
// does not honour: reading on would silently give other rows.
var unreadable = []string{"scan.bucket", "scan.partitions"}

// Startup resolves `scan.mode` from all options that say where a read starts,
// and refuses those that are missing or contradict each other. 'scan.version'
// has to be replaced by what it stands for; streams do not know it. Source:
// CoreOptions.{setDefaultValues,startupMode}, SchemaValidation.validateStartupMode.
func (m Map) Startup() (string, error) {
	for _, key := range unreadable {
		if v, ok := m[key]; ok {
			return "", errs.Unsupported("option '%s' = '%s' is not supported by this version of Tarn; reset it", key, v)
		}
	}
	mode := strings.ToLower(strings.ReplaceAll(m[scanMode], "_", "-"))
	if mode == "" || mode == "default" {
		mode = m.impliedMode(mode == "default")
	}
	if mode == "full" {
		mode = LatestFull
	}
	return mode, m.checkStartup(mode)
}

// impliedMode gives the mode that the other options ask for. Without
// 'scan.mode' some options come before others of an explicit 'default', which
// does not know 'incremental-to-auto-tag', as in Paimon.
func (m Map) impliedMode(explicit bool) string {
	type rule struct {
		mode string
		keys []string
	}
	rules := []rule{{FromTimestamp, []string{scanMillis, scanTimestamp}}}
	if !explicit {
		rules = append(rules, rule{FromFileCreationTime, []string{scanFileCreation}}, rule{FromSnapshot, []string{scanSnapshot}}, rule{Incremental, increments})
	}
	rules = append(rules, rule{FromSnapshot, []string{scanSnapshot, scanTag, scanWatermark, scanVersion}}, rule{FromFileCreationTime, []string{scanFileCreation}},
		rule{FromCreationTimestamp, []string{scanCreation}}, rule{Incremental, []string{betweenVersions, betweenTimestamps}})
	for _, r := range rules {
		if slices.ContainsFunc(r.keys, m.has) {
			return r.mode
		}
	}
	return LatestFull
}

func (m Map) has(key string) bool {
	_, ok := m[key]
	return ok
}

func (m Map) checkStartup(mode string) error {
	switch mode {
	case FromTimestamp:
		if err := m.exactlyOne(mode, scanMillis, scanTimestamp); err != nil {
			return err
		}
		return m.without([]string{scanSnapshot, scanFileCreation, scanTag, betweenTimestamps, betweenVersions, toAutoTag}, scanMillis, scanTimestamp)
	case FromSnapshot:
		if err := m.exactlyOne(mode, scanSnapshot, scanTag, scanWatermark); err != nil {
			return err
		}
		return m.without([]string{scanMillis, scanTimestamp, scanFileCreation, betweenTimestamps, betweenVersions, toAutoTag}, scanSnapshot, scanTag)
	case Incremental:
		if err := m.exactlyOne(mode, increments...); err != nil {
			return err
		}
		return m.without([]string{scanSnapshot, scanMillis, scanFileCreation, scanTimestamp, scanTag}, increments...)
	case FromSnapshotFull:
		if err := m.needed(mode, scanSnapshot); err != nil {
			return err
		}
		return m.without([]string{scanMillis, scanTimestamp, scanFileCreation, scanTag, betweenTimestamps, betweenVersions, toAutoTag}, scanSnapshot)
	case FromFileCreationTime:
		if err := m.needed(mode, scanFileCreation); err != nil {
			return err
		}
		return m.without([]string{scanSnapshot, scanMillis, scanTag, betweenTimestamps, betweenVersions, toAutoTag}, scanFileCreation)
	case FromCreationTimestamp:
		if err := m.needed(mode, scanCreation); err != nil {
			return err
		}
	}
	for _, key := range []string{scanMillis, scanFileCreation, scanTimestamp, scanSnapshot, scanTag, betweenTimestamps, betweenVersions, toAutoTag} {
		if m.has(key) {
			return errs.Invalid("%s must be null when you use %s for %s", key, mode, scanMode)
		}
	}
	return nil
}

func (m Map) needed(mode, key string) error {
	if m.has(key) {
		return nil
	}
	return errs.Invalid("%s can not be null when you use %s for %s", key, mode, scanMode)
}

func (m Map) exactlyOne(mode string, keys ...string) error {
	n := 0
	for _, key := range keys {
		if m.has(key) {
			n++
		}
	}
	if n == 1 {
		return nil
	}
	return errs.Invalid("must set only one key in [%s] when you use %s for %s", strings.Join(keys, ","), mode, scanMode)
}

func (m Map) without(keys []string, set ...string) error {
	for _, key := range keys {
		if m.has(key) {
			return errs.Invalid("[%s] must be null when you set [%s]", key, strings.Join(set, ","))
		}
	}
	return nil
}

// ParseTime reads a moment as texts of 'scan.timestamp' are written: a date, or
// a date and a time, in loc. It gives epoch milliseconds.
func ParseTime(text string, loc *time.Location) (int64, bool) {
	text = strings.Replace(strings.TrimSpace(text), "T", " ", 1)
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, loc); err == nil {
			return at.UnixMilli(), true
		}
	}
	return 0, false
}
