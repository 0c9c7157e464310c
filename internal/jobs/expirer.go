package jobs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tarndb/tarn/paimon"
)

// expirer lets old snapshots of the tables that jobs write go, by the tables'
// own options (snapshot.*, changelog.*, tag.*), beside the commits and not in
// them. What running jobs of the process have yet to read stays.
type expirer struct {
	every time.Duration
	floor func(table string) int64

	mu     sync.Mutex
	tables map[string]*paimon.Table // with commits since their last turn
	errs   map[string]error         // of the last turn
}

func newExpirer(every time.Duration, floor func(table string) int64) *expirer {
	return &expirer{every: every, floor: floor, tables: map[string]*paimon.Table{}, errs: map[string]error{}}
}

// touch says that a job committed to t.
func (e *expirer) touch(t *paimon.Table) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tables[t.Name()] = t
}

// run gives each touched table a turn now and then, until ctx ends.
func (e *expirer) run(ctx context.Context) {
	tick := time.NewTicker(e.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e.mu.Lock()
		due := e.tables
		e.tables = map[string]*paimon.Table{}
		e.mu.Unlock()
		for name, t := range due {
			_, err := t.ExpireDue(ctx, e.floor(name))
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				err = fmt.Errorf("background expiry: %w", err)
			}
			e.mu.Lock()
			e.errs[name] = err
			e.mu.Unlock()
		}
	}
}

// failure gives the error of a table's last turn, nil if it went well.
func (e *expirer) failure(table string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.errs[table]
}
