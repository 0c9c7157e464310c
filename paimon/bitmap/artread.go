package bitmap

// treeReader reads a tree; path is the key so far.
type treeReader struct {
	*reader
	leaves []*node
	offset []int // of the leaves, for errors
	path   []byte
}

// tree reads a Roaring64Bitmap; nil after a fault.
func (r *reader) tree() *tree {
	t := &tree{last: -1}
	switch tag := r.u8("tag"); {
	case r.err != nil:
		return nil
	case tag == 0:
		return t
	case tag != 1:
		r.at = 0
		r.fail("tag %d is neither 0 nor 1", tag)
		return nil
	}
	keys := r.count(r.u64("number of keys"), minNode, "keys")
	tr := &treeReader{reader: r}
	t.root = tr.node(keys)
	if len(tr.leaves) != keys {
		r.fail("the tree has %d keys, not %d", len(tr.leaves), keys)
	}
	held := tr.slots(t)
	if r.err == nil && held != keys {
		r.fail("%d containers for %d keys", held, keys)
	}
	tr.link(t)
	if r.err != nil {
		return nil
	}
	return t
}

// link checks that every container belongs to one leaf.
func (r *treeReader) link(t *tree) {
	taken := make([]bool, len(t.slots))
	for i, n := range r.leaves {
		if r.err != nil {
			return
		}
		if n.slot >= uint64(len(t.slots)) || t.slots[n.slot] == nil || taken[n.slot] {
			r.at = r.offset[i]
			r.fail("container %d of a key is not there or has another key", n.slot)
			return
		}
		taken[n.slot] = true
	}
}

// node reads a node and all below it; most is how many leaves there may be in all.
func (r *treeReader) node(most int) *node {
	start := r.at
	n := &node{kind: r.u8("kind of node"), count: r.u16("number of children")}
	length := int(r.u8("length of prefix"))
	if r.err == nil && n.kind > leaf {
		r.at = start
		r.fail("unknown kind %d of node", n.kind)
	}
	if r.err == nil && length > keyBytes {
		r.fail("prefix of %d bytes in a key of %d", length, keyBytes)
	}
	n.prefix = append([]byte(nil), r.take(length, "prefix")...)
	if r.err != nil {
		return n
	}
	if n.kind == leaf {
		r.leaf(n, start, most)
		return n
	}
	before := len(r.path)
	r.path = append(r.path, n.prefix...)
	if len(r.path) >= keyBytes {
		r.at = start
		r.fail("a path is longer than the %d bytes of a key", keyBytes)
		return n
	}
	if n.count == 0 || int(n.count) > capacity[n.kind] {
		r.at = start
		r.fail("node for up to %d children has %d", capacity[n.kind], n.count)
		return n
	}
	r.children(n, most)
	r.path = r.path[:before]
	return n
}

func (r *treeReader) leaf(n *node, start, most int) {
	key := r.take(keyBytes, "key")
	n.slot = r.u64("container of a key")
	if r.err != nil {
		return
	}
	for i, b := range key {
		if i < len(r.path) && r.path[i] != b {
			r.at = start
			r.fail("key %x is not below %x", key, r.path)
			return
		}
		n.key = n.key<<8 | uint64(b)
	}
	if len(r.leaves) >= most {
		r.at = start
		r.fail("more than %d keys", most)
		return
	}
	r.leaves, r.offset = append(r.leaves, n), append(r.offset, start)
}

func (r *treeReader) children(n *node, most int) {
	n.kids = make([]*node, capacity[n.kind])
	descend := func(k byte, place **node) {
		if r.err != nil {
			return
		}
		r.path = append(r.path, k)
		*place = r.node(most)
		r.path = r.path[:len(r.path)-1]
	}
	switch n.kind {
	case node4, node16:
		n.keys = backwards(r.take(capacity[n.kind], "keys"), min(8, capacity[n.kind]))
		for i := 0; i < int(n.count) && r.err == nil; i++ {
			if i > 0 && n.keys[i] <= n.keys[i-1] {
				r.fail("keys of a node do not ascend")
			}
			descend(n.keys[i], &n.kids[i])
		}
	case node48:
		n.keys = backwards(r.take(256, "slots of children"), 8)
		if r.err != nil || !r.slotsRight(n) {
			return
		}
		for k, s := range n.keys {
			if s != noSlot {
				descend(byte(k), &n.kids[s])
			}
		}
	case node256:
		var mask [4]uint64
		seen := uint16(0)
		for i := range mask {
			mask[i] = r.u64("marks of children")
		}
		for k := range 256 {
			if mask[k>>6]>>(k&63)&1 != 0 {
				seen++
				descend(byte(k), &n.kids[k])
			}
		}
		if seen != n.count {
			r.fail("node has %d children, not %d", seen, n.count)
		}
	}
}

// slotsRight holds that the children of a node48 have slots of their own.
func (r *treeReader) slotsRight(n *node) bool {
	var taken [48]bool
	seen := uint16(0)
	for _, s := range n.keys {
		if s == noSlot {
			continue
		}
		if int(s) >= len(taken) || taken[s] {
			r.fail("child %d of a node is not there or stands twice", s)
			return false
		}
		taken[s] = true
		seen++
	}
	if seen != n.count {
		r.fail("node has %d children, not %d", seen, n.count)
		return false
	}
	return true
}

// backwards undoes appendBackwards.
func backwards(p []byte, n int) []byte {
	return appendBackwards(make([]byte, 0, len(p)), p, n)
}

// slots reads the containers and returns how many there are.
func (r *treeReader) slots(t *tree) (held int) {
	if n := r.u32("number of arrays"); r.err == nil && n != 1 {
		r.fail("%d arrays of containers, not 1", n)
	}
	if mark := r.u8("mark of an array"); r.err == nil && mark != notTrimmed {
		r.fail("mark %#x of an array", mark)
	}
	t.slots = make([]*container, r.count(uint64(r.u32("length of array")), 1, "slots"))
	for i := range t.slots {
		switch mark := r.u8("mark of a container"); {
		case r.err != nil:
			return held
		case mark == 1:
			t.slots[i] = r.slot()
			held++
		case mark != 0:
			r.fail("mark %d of a container", mark)
		}
	}
	total, list := r.u64("number of containers"), r.u32("last array")
	last := r.u32("last slot")
	if r.err == nil && (total != uint64(held) || list != 0 || uint64(last) >= uint64(len(t.slots))) {
		r.fail("%d containers, the last one at %d in array %d, are said to be among %d slots", total, last, list, len(t.slots))
	}
	t.last = int(last)
	return held
}

func (r *treeReader) slot() *container {
	k := kind(r.u8("kind of a container"))
	card := int(r.u32("cardinality"))
	if r.err == nil && (card < 1 || card > full) {
		r.fail("cardinality %d", card)
	}
	if r.err == nil && k == array && card > maxArray {
		r.fail("array of %d values, more than %d", card, maxArray)
	}
	c := r.container(k, card)
	return &c
}
