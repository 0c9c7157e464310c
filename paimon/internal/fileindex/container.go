package fileindex

import (
	"encoding/binary"
	"io"
	"math"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
)

// The container, all numbers big endian:
//
//	i64 magic, i32 version 1, i32 length of the head
//	i32 number of columns; for each: text name, i32 number of indexes; for each: text type, i32 start, i32 length
//	i32 length of further bytes of the head, then those
//	the indexes; start counts from the start of the container, -1 stands for an index without bytes
const (
	magic      = 1493475289347502
	version    = 1
	prefixSize = 16
	emptyStart = -1
)

// Payload is one index of one column as it lies in a container.
type Payload struct {
	Column string // or "column[key]" for a key of a MAP column
	Type   string
	Bytes  []byte
	// Empty says that there is an index without bytes: no row has a value.
	Empty bool
}

// Encode writes a container of payloads, those of a column in the order given;
// columns and types come in the order in which Java walks its maps.
func Encode(payloads []Payload) []byte {
	columns := grouped(payloads)
	head := prefixSize + 4 + 4
	for _, c := range columns {
		head += 2 + len(encodeUTF(c[0].Column)) + 4
		for _, p := range c {
			head += 2 + len(encodeUTF(p.Type)) + 8
		}
	}
	be := binary.BigEndian
	out := be.AppendUint64(nil, magic)
	out = be.AppendUint32(be.AppendUint32(out, version), uint32(head))
	out = be.AppendUint32(out, uint32(len(columns)))
	at := head
	for _, c := range columns {
		out = be.AppendUint32(appendUTF(out, c[0].Column), uint32(len(c)))
		for _, p := range c {
			start := at
			if p.Empty {
				start = emptyStart
			}
			out = be.AppendUint32(appendUTF(out, p.Type), uint32(int32(start)))
			out = be.AppendUint32(out, uint32(len(p.Bytes)))
			at += len(p.Bytes)
		}
	}
	out = be.AppendUint32(out, 0)
	for _, c := range columns {
		for _, p := range c {
			out = append(out, p.Bytes...)
		}
	}
	return out
}

// grouped puts payloads in Java's order: a HashMap of columns, of HashMaps of
// types.
func grouped(payloads []Payload) [][]Payload {
	var names []string
	byColumn := map[string][]Payload{}
	for _, p := range payloads {
		if _, seen := byColumn[p.Column]; !seen {
			names = append(names, p.Column)
		}
		byColumn[p.Column] = append(byColumn[p.Column], p)
	}
	var out [][]Payload
	for _, i := range hashOrder(len(names), func(i int) int32 { return textHash(names[i]) }, false) {
		list := byColumn[names[i]]
		sorted := make([]Payload, 0, len(list))
		for _, j := range hashOrder(len(list), func(j int) int32 { return textHash(list[j].Type) }, false) {
			sorted = append(sorted, list[j])
		}
		out = append(out, sorted)
	}
	return out
}

// entry is where an index lies.
type entry struct {
	column, kind  string
	start, length int // start -1: no bytes
}

// Container is the head of a container. Its methods may be called by several
// goroutines if those of its reader may.
type Container struct {
	in      io.ReaderAt
	entries []entry
}

// Open reads the head of a container of size bytes. Damage is errs.ErrCorrupt;
// the caller says of which file.
func Open(in io.ReaderAt, size int64) (*Container, error) {
	if size > math.MaxInt32 {
		return nil, errs.Kinded(errs.ErrCorrupt, "file index of %d bytes", size)
	}
	prefix := make([]byte, prefixSize)
	if err := readFull(in, prefix, 0, size); err != nil {
		return nil, err
	}
	r := &input{raw: prefix}
	if m := r.i64("magic"); m != magic {
		return nil, errs.Kinded(errs.ErrCorrupt, "no file index: it begins with %x", prefix[:8])
	}
	if v := r.i32("version"); v != version {
		return nil, errs.Unsupported("file index of version %d; this version of Tarn reads %d", v, version)
	}
	length := r.i32("length of the head")
	if length < prefixSize+8 || int64(length) > size {
		return nil, errs.Kinded(errs.ErrCorrupt, "file index: head of %d bytes in %d", length, size)
	}
	head := make([]byte, length-prefixSize)
	if err := readFull(in, head, prefixSize, size); err != nil {
		return nil, err
	}
	c := &Container{in: in}
	return c, c.readHead(&input{raw: head}, size)
}

func (c *Container) readHead(r *input, size int64) error {
	for range r.count(6, "columns") {
		column := r.utf("column")
		for range r.count(10, "indexes") {
			e := entry{column: column, kind: r.utf("type"), start: r.i32("start"), length: r.i32("length")}
			if r.err == nil && e.start != emptyStart && (e.start < prefixSize || e.length < 0 || int64(e.start)+int64(e.length) > size) {
				r.fail("%s of column %s: bytes %d to %d of %d", e.kind, e.column, e.start, e.start+e.length, size)
			}
			c.entries = append(c.entries, e)
		}
	}
	return r.err
}

func readFull(in io.ReaderAt, p []byte, at, size int64) error {
	if at+int64(len(p)) > size {
		return errs.Kinded(errs.ErrCorrupt, "file index ends at byte %d, %d are wanted", size, at+int64(len(p)))
	}
	n, err := in.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	return errs.Kinded(errs.ErrCorrupt, "read file index at %d: %w", at, err)
}

// Payloads reads all indexes.
func (c *Container) Payloads() ([]Payload, error) {
	var out []Payload
	for _, e := range c.entries {
		p := Payload{Column: e.column, Type: e.kind, Empty: e.start == emptyStart}
		var err error
		if p.Bytes, err = c.read(e); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (c *Container) read(e entry) ([]byte, error) {
	if e.start == emptyStart {
		return nil, nil
	}
	p := make([]byte, e.length)
	return p, readFull(c.in, p, int64(e.start), int64(e.start+e.length))
}

// of gives the indexes of a column.
func (c *Container) of(column string) []entry {
	var out []entry
	for _, e := range c.entries {
		if e.column == column {
			out = append(out, e)
		}
	}
	return out
}

// Has reports whether one of the columns has an index.
func (c *Container) Has(columns ...string) bool {
	return slices.ContainsFunc(c.entries, func(e entry) bool { return slices.Contains(columns, e.column) })
}
