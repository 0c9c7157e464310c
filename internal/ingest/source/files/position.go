package files

import (
	"encoding/json"
	"maps"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon/errs"
)

// position is the JSON form of a position.
type position struct {
	// Done: the files up to this name are read in full. Only where files do not
	// grow.
	Done string `json:"done,omitempty"`
	// At: how far other files are read.
	At map[string]mark `json:"at,omitempty"`
}

// mark is a place between two lines of a file: bytes and lines before it.
type mark [2]int64

func parsePosition(from change.Position, bounded bool) (position, error) {
	p := position{At: map[string]mark{}}
	if from == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(from), &p); err != nil {
		return p, errs.Invalid("position %q: %w", from, err)
	}
	if p.At == nil {
		p.At = map[string]mark{}
	}
	if !bounded && p.Done != "" {
		return p, errs.Invalid("position %q is of a read without source.monitor-interval, which does not tell how long the files were; start the job under a new name", from)
	}
	return p, nil
}

func (p position) encode() change.Position {
	data, _ := json.Marshal(p) // texts and numbers
	return change.Position(data)
}

// done reports whether a file that cannot grow is read.
func (p position) done(name string) bool { return p.Done != "" && name <= p.Done }

// finish notes that a file that cannot grow is read.
func (p *position) finish(name string) {
	p.Done = name
	maps.DeleteFunc(p.At, func(n string, _ mark) bool { return n <= name })
}
