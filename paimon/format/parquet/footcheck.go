package parquet

import "errors"

var errBadFooter = errors.New("footer is malformed")

// checkFooter walks the Thrift footer before arrow-go decodes it: a damaged
// one may claim lists and schema groups of billions of entries, for which the
// decoder would reserve memory.
func checkFooter(foot []byte) error {
	r := compactReader{data: foot}
	id := 0
	for {
		var kind byte
		if id, kind = r.field(id); kind == 0 {
			break
		}
		const schemaField = 2
		ok := false
		if id == schemaField && kind == tList {
			ok = r.checkSchema()
		} else {
			ok = r.skip(kind, 0)
		}
		if !ok || r.short {
			return errBadFooter
		}
	}
	if r.short {
		return errBadFooter
	}
	return nil
}

// checkSchema walks the list of schema elements: the children that groups
// claim must be there.
func (r *compactReader) checkSchema() bool {
	b := r.byte()
	n := uint64(b >> 4)
	if n == 15 {
		n = r.uvarint()
	}
	if b&15 != tStruct {
		return false
	}
	children := uint64(0)
	for i := uint64(0); i < n && !r.short; i++ {
		id := 0
		for {
			var kind byte
			if id, kind = r.field(id); kind == 0 {
				break
			}
			const childrenField = 5
			if id == childrenField && kind == tI32 {
				c := r.i32()
				if c < 0 {
					return false
				}
				children += uint64(c)
			} else if !r.skip(kind, 0) {
				return false
			}
		}
	}
	return !r.short && children+1 == n
}
