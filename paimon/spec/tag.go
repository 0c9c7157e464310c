package spec

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Tag is a snapshot kept under a name. Source: org.apache.paimon.tag.Tag.
type Tag struct {
	Snapshot
	// CreateTime is the creator's wall clock, kept here as if it were UTC;
	// nil in tags of old versions.
	CreateTime *time.Time
	// TimeRetained says when the tag expires, counted from CreateTime; nil
	// for tags that stay.
	TimeRetained *time.Duration
}

type tagJSON struct {
	Snapshot
	CreateTime   []int        `json:"tagCreateTime,omitempty"`
	TimeRetained *json.Number `json:"tagTimeRetained,omitempty"`
}

// ParseTag reads a tag file; plain snapshots are tags too.
func ParseTag(data []byte) (*Tag, error) {
	var j tagJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("read tag: %w", err)
	}
	if err := j.Snapshot.check(); err != nil {
		return nil, err
	}
	t := &Tag{Snapshot: j.Snapshot}
	if c := j.CreateTime; c != nil {
		if len(c) < 3 || len(c) > 7 {
			return nil, fmt.Errorf("read tag: tagCreateTime has %d parts", len(c))
		}
		var p [7]int
		copy(p[:], c)
		at := time.Date(p[0], time.Month(p[1]), p[2], p[3], p[4], p[5], p[6], time.UTC)
		t.CreateTime = &at
	}
	if n := j.TimeRetained; n != nil {
		d, err := secondsToDuration(n.String())
		if err != nil {
			return nil, fmt.Errorf("read tag: tagTimeRetained: %w", err)
		}
		t.TimeRetained = &d
	}
	return t, nil
}

// secondsToDuration reads decimal seconds exactly.
func secondsToDuration(text string) (time.Duration, error) {
	if strings.ContainsAny(text, "eE") && len(text) > 24 || len(text) > 64 {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is not a number of seconds", text)
	}
	r.Mul(r, big.NewRat(int64(time.Second), 1))
	n := new(big.Int).Quo(r.Num(), r.Denom())
	if !n.IsInt64() {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	return time.Duration(n.Int64()), nil
}

// JSON gives the bytes of the tag file.
func (t *Tag) JSON() ([]byte, error) {
	j := tagJSON{Snapshot: t.Snapshot}
	if c := t.CreateTime; c != nil {
		j.CreateTime = []int{c.Year(), int(c.Month()), c.Day(), c.Hour(), c.Minute()}
		// Jackson leaves trailing zero parts out.
		if c.Second() != 0 || c.Nanosecond() != 0 {
			j.CreateTime = append(j.CreateTime, c.Second())
		}
		if c.Nanosecond() != 0 {
			j.CreateTime = append(j.CreateTime, c.Nanosecond())
		}
	}
	if d := t.TimeRetained; d != nil {
		n := json.Number(fmt.Sprintf("%d.%09d", *d/time.Second, *d%time.Second))
		j.TimeRetained = &n
	}
	b, err := marshalPretty(j)
	if err != nil {
		return nil, fmt.Errorf("write tag of snapshot %d: %w", t.ID, err)
	}
	return b, nil
}

// Consumer is the progress of a named reader.
// Source: org.apache.paimon.consumer.Consumer.
type Consumer struct {
	NextSnapshot int64 `json:"nextSnapshot"` // the next one to read
}

// ParseConsumer reads a consumer file.
func ParseConsumer(data []byte) (*Consumer, error) {
	var c struct {
		NextSnapshot *int64 `json:"nextSnapshot"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("read consumer: %w", err)
	}
	if c.NextSnapshot == nil {
		return nil, fmt.Errorf("read consumer: nextSnapshot is missing")
	}
	return &Consumer{NextSnapshot: *c.NextSnapshot}, nil
}

// JSON gives the bytes of the consumer file.
func (c Consumer) JSON() ([]byte, error) { return marshalPretty(c) }
