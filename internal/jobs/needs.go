package jobs

import "sync"

// needs are the oldest snapshots of tables that a job's inputs have yet to
// read.
type needs struct {
	mu sync.Mutex
	of map[int]need // by input
}

type need struct {
	table    string
	snapshot int64
}

// set notes what an input needs and reports whether that is new.
func (n *needs) set(input int, table string, snapshot int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := need{table, snapshot}
	if n.of[input] == now {
		return false
	}
	if n.of == nil {
		n.of = map[int]need{}
	}
	n.of[input] = now
	return true
}

// least gives the oldest snapshot of a table that is needed, 0 for none.
func (n *needs) least(table string) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	least := int64(0)
	for _, x := range n.of {
		if x.table == table && x.snapshot > 0 && (least == 0 || x.snapshot < least) {
			least = x.snapshot
		}
	}
	return least
}
