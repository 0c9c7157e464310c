package lsm

// loserTree finds the least of k cursors with one comparison per level of the
// tree when the least one moves on.
//
// Leaves are cursors; node i in 1..k-1 holds the loser of the match between
// its two subtrees; node 0 holds the winner of all.
type loserTree struct {
	cur   []*cursor
	loser []int32
}

func newLoserTree(cur []*cursor) loserTree {
	t := loserTree{cur: cur, loser: make([]int32, len(cur))}
	if len(cur) > 0 {
		t.loser[0] = t.build(1)
	}
	return t
}

// build plays the matches below node and gives the winner.
func (t *loserTree) build(node int) int32 {
	k := len(t.cur)
	if node >= k {
		return int32(node - k)
	}
	a, b := t.build(2*node), t.build(2*node+1)
	if compare(t.cur[a], t.cur[b]) <= 0 {
		t.loser[node] = b
		return a
	}
	t.loser[node] = a
	return b
}

// winner gives the least cursor.
func (t *loserTree) winner() *cursor { return t.cur[t.loser[0]] }

// replay finds the new winner after the winner moved on.
func (t *loserTree) replay() {
	w := t.loser[0]
	for node := (int(w) + len(t.cur)) / 2; node > 0; node /= 2 {
		if l := t.loser[node]; compare(t.cur[l], t.cur[w]) < 0 {
			t.loser[node], w = w, l
		}
	}
	t.loser[0] = w
}

// second gives the least of all cursors but the winner; nil if none has rows.
// It lost against the winner, so it lies on the winner's path.
func (t *loserTree) second() *cursor {
	var best *cursor
	for node := (int(t.loser[0]) + len(t.cur)) / 2; node > 0; node /= 2 {
		if c := t.cur[t.loser[node]]; !c.done() && (best == nil || compare(c, best) < 0) {
			best = c
		}
	}
	return best
}
