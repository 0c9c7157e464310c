package orc

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/tarndb/tarn/paimon/errs"
)

const (
	magic = "ORC"
	// tailBytes is read in one go when a file is opened: the footers of most
	// files fit.
	tailBytes = 64 << 10
	// maxMetaBytes bounds a footer, so that a damaged file cannot exhaust
	// memory.
	maxMetaBytes = 64 << 20
	maxParts     = 1 << 20 // columns, or stripes
	maxChunk     = 64 << 20
	// idAttribute is the attribute of a type that holds the Paimon field id.
	// Source: org.apache.paimon.format.orc.OrcTypeUtil.PAIMON_ORC_FIELD_ID_KEY.
	idAttribute = "paimon.id"
)

// kind is the kind of a column.
type kind uint8

const (
	kindBoolean kind = iota
	kindByte
	kindShort
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindString
	kindBinary
	kindTimestamp
	kindList
	kindMap
	kindStruct
	kindUnion
	kindDecimal
	kindDate
	kindVarchar
	kindChar
	kindInstant
)

var kindNames = [...]string{"boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "binary",
	"timestamp", "array", "map", "struct", "uniontype", "decimal", "date", "varchar", "char", "timestamp with local time zone"}

func (k kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// column is one node of the file's tree of types; its number is its place.
type column struct {
	kind      kind
	kids      []int
	names     []string // of the kids of a struct
	length    int      // of char and varchar
	precision int
	scale     int
	id        int // the Paimon field id; -1 without one
}

// stripeInfo tells where a stripe lies.
type stripeInfo struct {
	offset, index, data, footer uint64
	rows                        int64
}

// meta are the metadata of a file.
type meta struct {
	codec    codec
	block    int // most bytes of a chunk, plain
	rows     int64
	columns  []column
	stripes  []stripeInfo
	stats    [][]byte // of each stripe, encoded
	decimals bool     // decimals up to 18 digits are plain integers
	ours     bool     // written by this package
}

type postscript struct {
	footer, metadata, block uint64
	codec                   codec
	version                 []uint64
	magic                   string
}

func parsePostscript(b []byte) (p postscript, err error) {
	err = eachField(b, func(x field) error {
		var err error
		switch x.num {
		case 1:
			p.footer = x.value
		case 2:
			p.codec = codec(min(x.value, 255))
		case 3:
			p.block = x.value
		case 4:
			p.version, err = x.numbers(p.version)
		case 5:
			p.metadata = x.value
		case 8000:
			p.magic = string(x.bytes)
		}
		return err
	})
	return p, err
}

// readMeta reads and checks the end of a file.
func readMeta(in io.ReaderAt, size int64, u *unpacker) (*meta, error) {
	if size < int64(len(magic))+1 {
		return nil, fmt.Errorf("%d bytes are too few for an ORC file", size)
	}
	tail := make([]byte, min(size, tailBytes))
	if _, err := in.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read footer: %w", err)
	}
	end := len(tail) - 1
	n := int(tail[end])
	if n > end {
		return nil, errors.New("no ORC postscript: the file is cut off or something else")
	}
	p, err := parsePostscript(tail[end-n : end])
	if err != nil {
		return nil, fmt.Errorf("postscript: %w", err)
	}
	if err := checkMagic(in, p); err != nil {
		return nil, err
	}
	end -= n
	before := uint64(size) - uint64(len(tail)-end)
	if p.footer > maxMetaBytes || p.metadata > maxMetaBytes || p.footer+p.metadata > before {
		return nil, fmt.Errorf("footers of %d and %d bytes in a file of %d", p.metadata, p.footer, size)
	}
	if p.block > maxChunk {
		return nil, fmt.Errorf("compression chunks of %d bytes", p.block)
	}
	need := int(p.footer + p.metadata)
	foot := tail[max(0, end-need):end]
	if len(foot) < need {
		foot = make([]byte, need)
		if _, err := in.ReadAt(foot, int64(before)-int64(need)); err != nil && err != io.EOF {
			return nil, fmt.Errorf("read footer: %w", err)
		}
	}
	m := &meta{codec: p.codec, block: int(p.block)}
	m.decimals = len(p.version) == 2 && p.version[0] == 1 && p.version[1] == 9999
	if err := u.setup(m.codec, m.block); err != nil {
		return nil, err
	}
	return m, m.parse(foot[p.metadata:], foot[:p.metadata], before-uint64(need), u)
}

// checkMagic finds the format's name at the end, or in files of Hive 0.11 at
// the beginning.
func checkMagic(in io.ReaderAt, p postscript) error {
	if p.magic == magic {
		return nil
	}
	var head [len(magic)]byte
	if _, err := in.ReadAt(head[:], 0); err != nil && err != io.EOF {
		return fmt.Errorf("read magic: %w", err)
	}
	if p.magic != "" || string(head[:]) != magic {
		return errors.New("no ORC magic: the file is cut off or something else")
	}
	return nil
}

// parse takes the footer and the statistics; limit is where they begin in the
// file.
func (m *meta) parse(footer, metadata []byte, limit uint64, u *unpacker) error {
	plain, err := u.all(footer)
	if err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	var rows uint64
	err = eachField(plain, func(x field) error {
		if max(len(m.stripes), len(m.columns)) > maxParts {
			return fmt.Errorf("more than %d stripes or columns", maxParts)
		}
		switch x.num {
		case 3:
			s, err := parseStripe(x.bytes, limit)
			m.stripes = append(m.stripes, s)
			return err
		case 4:
			c, err := parseColumn(x.bytes)
			m.columns = append(m.columns, c)
			return err
		case 6:
			rows = x.value
		case 12:
			m.ours = string(x.bytes) == software
		case 10:
			return errs.Unsupported("encrypted ORC file")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if err := m.check(rows); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	// Statistics are a help only: a file whose statistics cannot be read is
	// read in full.
	if plain, err = u.all(metadata); err == nil {
		_ = eachField(plain, func(x field) error {
			if x.num == 1 {
				m.stats = append(m.stats, x.bytes)
			}
			return nil
		})
	}
	if len(m.stats) != len(m.stripes) {
		m.stats = nil
	}
	return nil
}

// check holds the parts of the footer against each other.
func (m *meta) check(rows uint64) error {
	var sum uint64
	for _, s := range m.stripes {
		sum += uint64(s.rows)
		if sum > math.MaxInt64 {
			return errors.New("too many rows")
		}
	}
	if sum != rows {
		return fmt.Errorf("%d rows, but the stripes hold %d", rows, sum)
	}
	m.rows = int64(rows)
	if len(m.columns) == 0 || m.columns[0].kind != kindStruct {
		return errors.New("the rows are no struct")
	}
	for i, c := range m.columns {
		want := len(c.kids)
		switch c.kind {
		case kindList:
			want = 1
		case kindMap:
			want = 2
		case kindStruct:
			want = len(c.names)
		}
		if len(c.kids) != want {
			return fmt.Errorf("column %d (%s) has %d children", i, c.kind, len(c.kids))
		}
		for _, k := range c.kids {
			if k <= i || k >= len(m.columns) { // so there are no loops
				return fmt.Errorf("column %d (%s) has child %d of %d columns", i, c.kind, k, len(m.columns))
			}
		}
	}
	return nil
}

func parseStripe(b []byte, limit uint64) (s stripeInfo, err error) {
	var rows uint64
	err = eachField(b, func(x field) error {
		switch x.num {
		case 1:
			s.offset = x.value
		case 2:
			s.index = x.value
		case 3:
			s.data = x.value
		case 4:
			s.footer = x.value
		case 5:
			rows = x.value
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	left := limit
	for _, n := range []uint64{s.offset, s.index, s.data, s.footer} {
		if n > left {
			return s, fmt.Errorf("stripe at %d reaches beyond the file", s.offset)
		}
		left -= n
	}
	if rows > math.MaxInt64 || s.footer > maxMetaBytes {
		return s, fmt.Errorf("stripe of %d rows with a footer of %d bytes", rows, s.footer)
	}
	s.rows = int64(rows)
	return s, nil
}

func parseColumn(b []byte) (column, error) {
	c := column{id: -1}
	err := eachField(b, func(x field) error {
		switch x.num {
		case 1:
			c.kind = kind(min(x.value, 255))
		case 2:
			kids, err := x.numbers(nil)
			for _, k := range kids {
				c.kids = append(c.kids, int(min(k, math.MaxInt32)))
			}
			return err
		case 3:
			c.names = append(c.names, string(x.bytes))
		case 4:
			c.length = int(min(x.value, math.MaxInt32))
		case 5:
			c.precision = int(min(x.value, 255))
		case 6:
			c.scale = int(min(x.value, 255))
		case 7:
			return c.attribute(x.bytes)
		}
		return nil
	})
	if c.kind == kindDecimal && c.precision == 0 {
		c.precision, c.scale = 38, 18 // of Hive 0.11, which told neither
	}
	if c.precision > 38 || c.scale > c.precision {
		return c, fmt.Errorf("decimal(%d,%d)", c.precision, c.scale)
	}
	return c, err
}

func (c *column) attribute(b []byte) error {
	var key, value string
	err := eachField(b, func(x field) error {
		switch x.num {
		case 1:
			key = string(x.bytes)
		case 2:
			value = string(x.bytes)
		}
		return nil
	})
	if err == nil && key == idAttribute {
		if id, bad := strconv.ParseInt(value, 10, 32); bad == nil && id >= 0 {
			c.id = int(id)
		}
	}
	return err
}
