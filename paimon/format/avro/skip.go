package avro

import "github.com/tarndb/tarn/paimon/errs"

// What a reader of values gives instead of a position when it cannot go on.
const (
	short     = -1 - iota // the block ends within a value
	badBranch             // a union has no such branch
	badLength             // a length or count is negative or beyond the block
	badInt                // a number is too great for its type
	badNull               // NULL where the plan has no place for it
	badBool
)

var problems = map[int]string{
	short:     "the block ends within a value",
	badBranch: "a union has no branch of that number",
	badLength: "a length is negative or goes beyond the block",
	badInt:    "a number is too great for its type",
	badNull:   "NULL as key of a map or count of a multiset",
	badBool:   "a BOOLEAN is neither 0 nor 1",
}

// varint reads a zigzag number.
func varint(b []byte, i int) (int64, int) {
	if i < len(b) && b[i] < 0x80 {
		c := uint64(b[i])
		return int64(c>>1) ^ -int64(c&1), i + 1
	}
	return longVarint(b, i)
}

func longVarint(b []byte, i int) (int64, int) {
	var v uint64
	for shift := uint(0); shift < 64; shift += 7 {
		if i >= len(b) {
			return 0, short
		}
		c := b[i]
		i++
		if shift == 63 && c > 1 {
			break
		}
		if v |= uint64(c&0x7f) << shift; c < 0x80 {
			return int64(v>>1) ^ -int64(v&1), i
		}
	}
	return 0, badInt
}

// length reads the length of bytes that follow and checks that they do.
func length(b []byte, i int) (n, next int) {
	v, i := varint(b, i)
	if i < 0 {
		return 0, i
	}
	if v < 0 || v > int64(len(b)-i) {
		return 0, badLength
	}
	return int(v), i
}

// count reads the number of items of the next part of an array or map; bytes
// is the length of the part where the file tells it, else -1. An item takes at
// least one byte.
func count(b []byte, i int) (n, bytes, next int) {
	v, i := varint(b, i)
	if i < 0 {
		return 0, 0, i
	}
	bytes = -1
	if v < 0 {
		v = -v
		if bytes, i = length(b, i); i < 0 {
			return 0, 0, i
		}
	}
	if v < 0 || v > int64(len(b)-i) {
		return 0, 0, badLength
	}
	return int(v), bytes, i
}

// skipper passes over values. Types that take no bytes have none.
type skipper struct {
	kind byte // 'v' varint, 'l' length and bytes, 'f' fixed, 'u' union, 'a' array, 'm' map, 'r' record
	size int
	kids []*skipper // nil entries take no bytes
}

// skippers makes one skipper for each part of the schema: a type that is
// referred to often is planned once.
type skippers map[*schema]*skipper

func (m skippers) of(s *schema) (*skipper, error) {
	if k, ok := m[s]; ok {
		return k, nil
	}
	k, err := m.make(s)
	m[s] = k
	return k, err
}

func (m skippers) make(s *schema) (*skipper, error) {
	switch s.kind {
	case "null":
		return nil, nil
	case "boolean":
		return &skipper{kind: 'f', size: 1}, nil
	case "int", "long", "enum":
		return &skipper{kind: 'v'}, nil
	case "float":
		return &skipper{kind: 'f', size: 4}, nil
	case "double":
		return &skipper{kind: 'f', size: 8}, nil
	case "bytes", "string":
		return &skipper{kind: 'l'}, nil
	case "fixed":
		if s.size == 0 {
			return nil, nil
		}
		return &skipper{kind: 'f', size: s.size}, nil
	case "array", "map":
		kid, err := m.of(s.items)
		if err == nil && kid == nil && s.kind == "array" {
			err = errs.Unsupported("an Avro array of items without bytes")
		}
		return &skipper{kind: s.kind[0], kids: []*skipper{kid}}, err
	}
	out := &skipper{kind: s.kind[0]}
	parts := s.branches
	for _, f := range s.fields {
		parts = append(parts, f.typ)
	}
	for _, part := range parts {
		kid, err := m.of(part)
		if err != nil {
			return nil, err
		}
		if kid != nil || s.kind == "union" {
			out.kids = append(out.kids, kid)
		}
	}
	if len(out.kids) == 0 {
		return nil, nil
	}
	return out, nil
}

// skip passes over one value.
func (s *skipper) skip(b []byte, i int) int {
	switch s.kind {
	case 'v':
		_, i = varint(b, i)
		return i
	case 'l':
		n, i := length(b, i)
		if i < 0 {
			return i
		}
		return i + n
	case 'f':
		if s.size > len(b)-i {
			return short
		}
		return i + s.size
	case 'u':
		v, i := varint(b, i)
		if i < 0 {
			return i
		}
		if v < 0 || v >= int64(len(s.kids)) {
			return badBranch
		}
		if kid := s.kids[v]; kid != nil {
			return kid.skip(b, i)
		}
		return i
	case 'r':
		for _, kid := range s.kids {
			if i = kid.skip(b, i); i < 0 {
				return i
			}
		}
		return i
	}
	return s.skipItems(b, i)
}

// skipItems passes over an array or map.
func (s *skipper) skipItems(b []byte, i int) int {
	for {
		n, bytes, next := count(b, i)
		if i = next; i < 0 || n == 0 {
			return i
		}
		if bytes >= 0 {
			i += bytes
			continue
		}
		for range n {
			if s.kind == 'm' {
				k, next := length(b, i)
				if next < 0 {
					return next
				}
				i = next + k
			}
			if kid := s.kids[0]; kid != nil {
				if i = kid.skip(b, i); i < 0 {
					return i
				}
			}
		}
	}
}
