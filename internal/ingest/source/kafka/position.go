package kafka

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon/errs"
)

// position is the JSON form of a change.Position. It names every partition
// that has been found, also those without records.
type position struct {
	Version int `json:"v"`
	// At: topic → partition → next offset.
	At map[string]map[int32]int64 `json:"at"`
	// End: topic → partition → offset where a bounded source ends, exclusive.
	End map[string]map[int32]int64 `json:"end,omitempty"`
	// Epoch: topic → partition → epoch of the leader that wrote the last record
	// read, to know when that was replaced.
	Epoch map[string]map[int32]int64 `json:"epoch,omitempty"`
	// ID: topic → its id as Kafka's tools print it, to know a topic that was
	// deleted and made anew. Brokers before Kafka 2.8 tell none.
	ID map[string]string `json:"id,omitempty"`
}

const positionVersion = 1

func parsePosition(from change.Position) (position, error) {
	var p position
	d := json.NewDecoder(strings.NewReader(string(from)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return position{}, errs.Invalid("read kafka position %q: %v", string(from), err)
	}
	if d.More() {
		return position{}, errs.Invalid("read kafka position %q: there is more text behind it", string(from))
	}
	if p.Version != positionVersion {
		return position{}, errs.Unsupported("read kafka position %q: version %d: written by another version of Tarn", string(from), p.Version)
	}
	partitions := 0
	for topic, list := range p.At {
		for partition, next := range list {
			if partition < 0 || next < 0 {
				return position{}, errs.Invalid("read kafka position %q: topic %s has partition %d at offset %d", string(from), topic, partition, next)
			}
			partitions++
		}
	}
	if partitions == 0 {
		return position{}, errs.Invalid("read kafka position %q: it names no partition", string(from))
	}
	for _, m := range []map[string]map[int32]int64{p.End, p.Epoch} {
		for topic, list := range m {
			for partition, n := range list {
				if _, ok := p.At[topic][partition]; !ok || n < 0 {
					return position{}, errs.Invalid("read kafka position %q: topic %s partition %d has %d without a next offset", string(from), topic, partition, n)
				}
			}
		}
	}
	return p, nil
}

func (p position) encode() change.Position {
	p.Version = positionVersion
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("kafka: encode position: %v", err)) // texts and numbers always encode
	}
	return change.Position(b)
}
