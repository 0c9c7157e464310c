package options

import (
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
)

// Partitions says when partitions go by themselves, and how a time is read from
// their values. Source: the options 'partition.expiration-…' and
// 'partition.timestamp-…' of org.apache.paimon.CoreOptions.
type Partitions struct {
	Expiration    time.Duration // 0: never
	CheckInterval time.Duration
	ByUpdate      bool   // 'update-time': by the youngest file, else by the values
	Formatter     string // of java.time.format.DateTimeFormatter; "" for the default
	Pattern       string // such as "$year-$month-$day $hour:00:00"; "" for the first column
	MaxNum        int    // how many go at once at most
	BatchSize     int    // how many go in one commit; 0: all
}

func (r *reader) partitions() Partitions {
	return Partitions{
		Expiration:    r.duration("partition.expiration-time", 0),
		CheckInterval: r.duration("partition.expiration-check-interval", time.Hour),
		ByUpdate:      r.oneOf("partition.expiration-strategy", "values-time", "values-time", "update-time") == "update-time",
		Formatter:     r.str("partition.timestamp-formatter", ""),
		Pattern:       r.str("partition.timestamp-pattern", ""),
		MaxNum:        r.integer("partition.expiration-max-num", 100, 1),
		BatchSize:     r.integer("partition.expiration-batch-size", 0, 1),
	}
}

// Time reads the time of a partition from the text of its values, as a wall
// clock in UTC; false if they hold none.
// Source: org.apache.paimon.partition.PartitionTimeExtractor.
func (p Partitions) Time(keys, values []string) (time.Time, bool, error) {
	text := p.Pattern
	if text == "" {
		text = values[0]
	} else {
		for i, k := range keys {
			text = strings.ReplaceAll(text, "$"+k, values[i])
		}
	}
	layouts := []string{"2006-1-2 15:4:5.999999999", "2006-1-2"}
	if p.Formatter != "" {
		layout, err := goLayout(p.Formatter)
		if err != nil {
			return time.Time{}, false, err
		}
		layouts = []string{layout}
	}
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return at, true, nil
		}
	}
	return time.Time{}, false, nil
}

// javaLetters are the letters of DateTimeFormatter that partitions are written
// with, in the words of Go's time package.
var javaLetters = []struct{ java, layout string }{
	{"yyyy", "2006"}, {"uuuu", "2006"}, {"yy", "06"}, {"MM", "01"}, {"M", "1"}, {"dd", "02"}, {"d", "2"}, {"HH", "15"},
	{"mm", "04"}, {"m", "4"}, {"ss", "05"}, {"s", "5"}, {"SSS", "000"},
}

// goLayout turns a pattern of java.time.format.DateTimeFormatter into a layout.
func goLayout(pattern string) (string, error) {
	var out strings.Builder
	for rest := pattern; rest != ""; {
		if rest[0] == '\'' {
			end := strings.IndexByte(rest[1:], '\'')
			if end < 0 {
				return "", errs.Invalid("option 'partition.timestamp-formatter' = '%s': a quote is not closed", pattern)
			}
			text := rest[1 : 1+end]
			if text == "" {
				text = "'"
			}
			out.WriteString(text)
			rest = rest[end+2:]
			continue
		}
		n := len(rest) - len(strings.TrimLeft(rest, rest[:1]))
		letter := rest[0] >= 'a' && rest[0] <= 'z' || rest[0] >= 'A' && rest[0] <= 'Z'
		found := !letter
		if !letter {
			out.WriteString(rest[:n])
		}
		for _, l := range javaLetters {
			if l.java == rest[:n] {
				out.WriteString(l.layout)
				found = true
			}
		}
		if !found {
			return "", errs.Unsupported("option 'partition.timestamp-formatter' = '%s': '%s'; write years as yyyy, months as MM, days as dd, hours as HH", pattern, rest[:n])
		}
		rest = rest[n:]
	}
	return out.String(), nil
}
