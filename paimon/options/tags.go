package options

import (
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
)

// Tags says which tags come by themselves, and when tags go.
// Source: the options 'tag.…' of org.apache.paimon.CoreOptions.
type Tags struct {
	// Creation is none, process-time, watermark or batch.
	Creation        string
	Period          TagPeriod
	Delay           time.Duration // how late a period's first snapshot may come
	NumRetainedMax  int           // of automatic tags; 0: all
	DefaultRetained time.Duration // how long a tag stays; 0: for ever
	Completion      bool          // fills gaps: periods without a snapshot get a tag too
	SuccessFile     bool
	TimeExpire      bool // tags with a time go by themselves
	BatchName       string
	// Zones of the times that periods are cut from.
	ProcessZone, WatermarkZone *time.Location
}

// TagPeriod names the periods of automatic tags.
// Source: org.apache.paimon.tag.TagPeriodHandler.
type TagPeriod struct {
	length time.Duration
	layout string // of Go's time package
	daily  bool
}

// Length is how long a period is.
func (p TagPeriod) Length() time.Duration { return p.length }

// Name gives the tag of the period that starts at a wall-clock time.
func (p TagPeriod) Name(start time.Time) string { return start.Format(p.layout) }

// Time gives the start of the period that a tag is named after, as a wall-clock
// time in UTC; false for a tag of another name.
func (p TagPeriod) Time(tag string) (time.Time, bool) {
	if p.daily {
		tag, _, _ = strings.Cut(tag, " ")
	}
	at, err := time.ParseInLocation(p.layout, tag, time.UTC)
	return at, err == nil && at.Format(p.layout) == tag
}

// Previous gives the start of the last whole period before a wall-clock time.
func (p TagPeriod) Previous(at time.Time) time.Time {
	millis, step := at.UnixMilli(), p.length.Milliseconds()
	return time.UnixMilli(millis / step * step).UTC().Add(-p.length)
}

func (r *reader) tags() Tags {
	t := Tags{
		Creation:        r.oneOf("tag.automatic-creation", "none", "none", "process-time", "watermark", "batch"),
		Delay:           r.duration("tag.creation-delay", 0),
		NumRetainedMax:  r.integer("tag.num-retained-max", 0, 1),
		DefaultRetained: r.duration("tag.default-time-retained", 0),
		Completion:      r.boolean("tag.automatic-completion", false),
		SuccessFile:     r.boolean("tag.create-success-file", false),
		TimeExpire:      r.boolean("tag.time-expire-enabled", true),
		BatchName:       r.str("tag.batch.customized-name", ""),
		ProcessZone:     r.zone("sink.process-time-zone", time.Local),
		WatermarkZone:   r.zone("sink.watermark-time-zone", time.UTC),
	}
	format := r.oneOf("tag.period-formatter", "with-dashes", "with-dashes", "without-dashes", "without-dashes-and-spaces")
	switch r.oneOf("tag.creation-period", "daily", "daily", "hourly", "two-hours") {
	case "daily":
		t.Period = TagPeriod{length: 24 * time.Hour, daily: true, layout: "2006-01-02"}
		if format != "with-dashes" {
			t.Period.layout = "20060102"
		}
	case "hourly":
		layouts := map[string]string{"with-dashes": "2006-01-02 15", "without-dashes": "20060102 15", "without-dashes-and-spaces": "2006010215"}
		t.Period = TagPeriod{length: time.Hour, layout: layouts[format]}
	case "two-hours":
		t.Period = TagPeriod{length: 2 * time.Hour, layout: "2006-01-02 15"}
	}
	if d := r.duration("tag.creation-period-duration", 0); d > 0 {
		t.Period = TagPeriod{length: d, layout: "200601021504"}
	}
	return t
}

// Check refuses settings of automatic tags that cannot work.
func (t Tags) Check() error {
	if t.Creation != "none" && t.Delay >= t.Period.length {
		return errs.Invalid("option 'tag.creation-delay' = %s: it must be shorter than a period (%s)", t.Delay, t.Period.length)
	}
	return nil
}

func (r *reader) zone(key string, def *time.Location) *time.Location {
	v, ok := r.m[key]
	if !ok {
		return def
	}
	if loc, err := time.LoadLocation(v); err == nil {
		return loc
	}
	for _, prefix := range []string{"GMT", "UTC", "UT", ""} { // GMT-08:00
		if rest, ok := strings.CutPrefix(v, prefix); ok {
			if at, err := time.Parse("-07:00", rest); err == nil {
				return at.Location()
			}
		}
	}
	r.fail(key, "a time zone, such as Asia/Shanghai or GMT+08:00")
	return def
}
