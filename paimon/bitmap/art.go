package bitmap

import "encoding/binary"

// The form of Java's Roaring64Bitmap, all numbers little endian:
//
//	u8          0 when the set is empty: then nothing follows; else 1
//	u64         number of keys
//	tree        a radix tree over keys of six bytes, the upper 48 bits of the values, parents before children and
//	            children by ascending key:
//	            u8 kind, u16 number of children, u8 length of prefix, prefix, then
//	              node4, node16  the keys of the children; words of 4 and 8 bytes, each backwards
//	              node48         256 bytes: by key the slot of the child, 255 for none; words of 8 bytes, each backwards
//	              node256        256 bits: by key whether there is a child
//	              leaf           the six bytes of its key, u64 slot of its container
//	u32         number of arrays of containers, always 1 below 2^31 containers
//	u8 fe, u32  length of the array, spare room included
//	slots       u8 0 for none; or u8 1, u8 kind, u32 cardinality and the container as in the 32-bit format
//	u64         number of containers
//	u32 u32     the array and the slot in it that were filled last
const (
	node4   = 0
	node16  = 1
	node48  = 2
	node256 = 3
	leaf    = 4

	keyBytes   = 6
	notTrimmed = 0xfe
	minNode    = 18 // bytes of a leaf
	noSlot     = 255
)

// node is a node of the tree. What Java keeps without looking at it is kept here too: keys beyond count, and count and
// prefix of a leaf.
type node struct {
	kind   uint8
	count  uint16
	prefix []byte
	keys   []byte  // node4, node16: keys of kids; node48: slots by key
	kids   []*node // node4, node16: by position; node48: by slot; node256: by key
	key    uint64  // leaf
	slot   uint64  // leaf
}

var capacity = [...]int{4, 16, 48, 256}

func newNode(kind uint8, prefix []byte) *node {
	n := &node{kind: kind, prefix: append([]byte(nil), prefix...), kids: make([]*node, capacity[kind])}
	switch kind {
	case node4, node16:
		n.keys = make([]byte, capacity[kind])
	case node48:
		n.keys = make([]byte, 256)
		for i := range n.keys {
			n.keys[i] = noSlot
		}
	}
	return n
}

// tree is a Roaring64Bitmap.
type tree struct {
	root *node
	// slots are the containers, in the order in which they came, with the room of a grown array; last is the slot
	// that was filled last, -1 at the beginning.
	slots []*container
	last  int
}

func keyByte(key uint64, depth int) byte { return byte(key >> (8 * (keyBytes - 1 - depth))) }

func appendKey(dst []byte, key uint64, from, to int) []byte {
	for ; from < to; from++ {
		dst = append(dst, keyByte(key, from))
	}
	return dst
}

// newTree adds containers one after the other.
func newTree(chunks []chunk) *tree {
	t := &tree{last: -1}
	for i := range chunks {
		t.put(chunks[i].key, &chunks[i].c)
	}
	return t
}

// find gives the leaf of a key, nil when there is none.
func (t *tree) find(key uint64) *node {
	n := t.root
	for depth := 0; n != nil; depth++ {
		if n.kind == leaf {
			if n.key == key {
				return n
			}
			return nil
		}
		for _, p := range n.prefix {
			if keyByte(key, depth) != p {
				return nil
			}
			depth++
		}
		if p := n.child(keyByte(key, depth)); p != nil {
			n = *p
		} else {
			n = nil
		}
	}
	return nil
}

// put adds a container under a key that is not there.
func (t *tree) put(key uint64, c *container) {
	t.last++
	if need := t.last + 1; need > len(t.slots) { // the array of Java grows by half
		grown := make([]*container, max(len(t.slots)+len(t.slots)/2, need))
		copy(grown, t.slots)
		t.slots = grown
	}
	t.slots[t.last] = c
	insert(&t.root, key, 0, uint64(t.last))
}

func insert(at **node, key uint64, depth int, slot uint64) {
	n, fresh := *at, &node{kind: leaf, key: key, slot: slot}
	if n == nil {
		*at = fresh
		return
	}
	if n.kind == leaf {
		same := depth
		for keyByte(n.key, same) == keyByte(key, same) {
			same++
		}
		n.prefix = nil
		parent := newNode(node4, appendKey(nil, key, depth, same))
		parent.add(keyByte(n.key, same), n)
		parent.add(keyByte(key, same), fresh)
		*at = parent
		return
	}
	for i, p := range n.prefix {
		if k := keyByte(key, depth+i); k != p {
			parent := newNode(node4, n.prefix[:i])
			parent.add(p, n)
			parent.add(k, fresh)
			n.prefix = append([]byte(nil), n.prefix[i+1:]...)
			*at = parent
			return
		}
	}
	depth += len(n.prefix)
	if p := n.child(keyByte(key, depth)); p != nil {
		insert(p, key, depth+1, slot)
		return
	}
	*at = n.add(keyByte(key, depth), fresh)
}

// child gives the place of a child, nil when there is none.
func (n *node) child(k byte) **node {
	switch n.kind {
	case node4, node16:
		for i, key := range n.keys[:n.count] {
			if key == k {
				return &n.kids[i]
			}
		}
	case node48:
		if s := n.keys[k]; s != noSlot {
			return &n.kids[s]
		}
	case node256:
		if n.kids[k] != nil {
			return &n.kids[k]
		}
	}
	return nil
}

// add gives the node a further child; when it is full, the larger node that takes its place is returned.
func (n *node) add(k byte, kid *node) *node {
	if int(n.count) == capacity[n.kind] && n.kind < node256 {
		n = n.grow()
	}
	switch n.kind {
	case node4, node16:
		i := int(n.count)
		for ; i > 0 && n.keys[i-1] > k; i-- {
			n.keys[i], n.kids[i] = n.keys[i-1], n.kids[i-1]
		}
		n.keys[i], n.kids[i] = k, kid
	case node48:
		s := int(n.count)
		if n.kids[s] != nil { // a removal has left a hole before
			for s = 0; n.kids[s] != nil; s++ {
			}
		}
		n.keys[k], n.kids[s] = byte(s), kid
	case node256:
		n.kids[k] = kid
	}
	n.count++
	return n
}

func (n *node) grow() *node {
	out := newNode(n.kind+1, n.prefix)
	out.count = n.count
	switch n.kind {
	case node4:
		copy(out.keys, n.keys)
		copy(out.kids, n.kids)
	case node16:
		for i, k := range n.keys {
			out.keys[k], out.kids[i] = byte(i), n.kids[i]
		}
	case node48:
		for k, s := range n.keys {
			if s != noSlot {
				out.kids[k] = n.kids[s]
			}
		}
	}
	return out
}

// each calls f with the children by ascending key.
func (n *node) each(f func(k byte, kid *node)) {
	switch n.kind {
	case node4, node16:
		for i := range int(n.count) {
			f(n.keys[i], n.kids[i])
		}
	case node48:
		for k, s := range n.keys {
			if s != noSlot {
				f(byte(k), n.kids[s])
			}
		}
	case node256:
		for k, kid := range n.kids {
			if kid != nil {
				f(byte(k), kid)
			}
		}
	}
}

// chunks gives the containers by ascending key.
func (t *tree) chunks() []chunk {
	if t == nil || t.root == nil {
		return nil
	}
	var out []chunk
	var walk func(k byte, n *node)
	walk = func(_ byte, n *node) {
		if n.kind == leaf {
			out = append(out, chunk{n.key, *t.slots[n.slot]})
			return
		}
		n.each(walk)
	}
	walk(0, t.root)
	return out
}

func (t *tree) appendTo(dst []byte) []byte {
	if t.root == nil {
		return append(dst, 0)
	}
	le := binary.LittleEndian
	held := uint64(0)
	for _, c := range t.slots {
		if c != nil {
			held++
		}
	}
	dst = t.root.appendTo(le.AppendUint64(append(dst, 1), held))
	dst = append(le.AppendUint32(dst, 1), notTrimmed)
	dst = le.AppendUint32(dst, uint32(len(t.slots)))
	for _, c := range t.slots {
		if c == nil {
			dst = append(dst, 0)
			continue
		}
		dst = le.AppendUint32(append(dst, 1, uint8(c.kind)), uint32(c.card))
		dst = c.appendTo(dst)
	}
	dst = le.AppendUint64(dst, held)
	return le.AppendUint32(le.AppendUint32(dst, 0), uint32(t.last))
}

func (n *node) appendTo(dst []byte) []byte {
	le := binary.LittleEndian
	dst = append(le.AppendUint16(append(dst, n.kind), n.count), uint8(len(n.prefix)))
	dst = append(dst, n.prefix...)
	switch n.kind {
	case node4:
		return n.appendKids(appendBackwards(dst, n.keys, 4))
	case node16, node48:
		return n.appendKids(appendBackwards(dst, n.keys, 8))
	case node256:
		var mask [4]uint64
		n.each(func(k byte, _ *node) { mask[k>>6] |= 1 << (k & 63) })
		for _, m := range mask {
			dst = le.AppendUint64(dst, m)
		}
		return n.appendKids(dst)
	}
	return le.AppendUint64(appendKey(dst, n.key, 0, keyBytes), n.slot)
}

func (n *node) appendKids(dst []byte) []byte {
	n.each(func(_ byte, kid *node) { dst = kid.appendTo(dst) })
	return dst
}

// appendBackwards writes words of n bytes, each backwards.
func appendBackwards(dst, p []byte, n int) []byte {
	for ; len(p) > 0; p = p[n:] {
		for i := n - 1; i >= 0; i-- {
			dst = append(dst, p[i])
		}
	}
	return dst
}
