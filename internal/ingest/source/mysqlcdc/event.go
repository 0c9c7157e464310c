package mysqlcdc

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Types of binlog events.
const (
	evQuery         = 2
	evRotate        = 4
	evFormat        = 15
	evXID           = 16
	evTableMap      = 19
	evWriteV0       = 20
	evDeleteV0      = 22
	evWriteV1       = 23
	evUpdateV1      = 24
	evDeleteV1      = 25
	evIncident      = 26
	evHeartbeat     = 27
	evWriteV2       = 30
	evUpdateV2      = 31
	evDeleteV2      = 32
	evGTID          = 33
	evAnonymousGTID = 34
	evXAPrepare     = 38
	evPartialUpdate = 39
	evPayload       = 40 // a compressed transaction of MySQL
	evGTIDTagged    = 42
	evMariaGTID     = 162
	evQueryComp     = 165
	evWriteCompV1   = 166
	evUpdateCompV1  = 167
	evDeleteCompV1  = 168
	evWriteComp     = 169
	evUpdateComp    = 170
	evDeleteComp    = 171
	eventHeader     = 19
	maxUncompressed = 1 << 30
	flagArtificial  = 0x20 // the event is not in the file
	checksumCRC32   = 1
	maxDeflateRatio = 1032 // no more bytes come out of one
)

var errEvent = errors.New("malformed binlog event")

// event is one binlog event; body has neither header nor checksum. Both point
// into the packet.
type event struct {
	typ       byte
	timestamp uint32 // seconds
	serverID  uint32
	end       uint32 // offset of the next event in the file; 0 when the server made the event up
	flags     uint16
	body      []byte
}

// format holds what the format description event says about later events.
type format struct {
	checksum    bool
	postHeaders []byte // size of the post-header by type-1
	server      string
}

// parse reads the header of an event and cuts the checksum off.
func (f *format) parse(b []byte) (event, error) {
	if len(b) < eventHeader {
		return event{}, fmt.Errorf("%w: %d bytes", errEvent, len(b))
	}
	e := event{
		timestamp: binary.LittleEndian.Uint32(b), typ: b[4], serverID: binary.LittleEndian.Uint32(b[5:]),
		end: binary.LittleEndian.Uint32(b[13:]), flags: binary.LittleEndian.Uint16(b[17:]), body: b[eventHeader:],
	}
	if e.typ == evFormat || !f.checksum {
		return e, nil
	}
	if len(e.body) < 4 {
		return e, fmt.Errorf("%w: type %d without its checksum", errEvent, e.typ)
	}
	e.body = e.body[:len(e.body)-4]
	return e, nil
}

// parseFormat reads a format description: version, server, creation time,
// header size, post-header sizes, checksum algorithm, checksum.
func parseFormat(b []byte) (format, error) {
	const fixed = 2 + 50 + 4 + 1
	if len(b) < fixed+5 || binary.LittleEndian.Uint16(b) != 4 || b[fixed-1] != eventHeader {
		return format{}, fmt.Errorf("%w: format description", errEvent)
	}
	algorithm := b[len(b)-5]
	if algorithm > checksumCRC32 && algorithm != 255 {
		return format{}, fmt.Errorf("%w: unknown checksum algorithm %d", errEvent, algorithm)
	}
	return format{
		checksum: algorithm == checksumCRC32, postHeaders: bytes.Clone(b[fixed : len(b)-5]),
		server: string(bytes.TrimRight(b[2:52], "\x00")),
	}, nil
}

// tableIDSize is 4 in files of very old servers, else 6.
func (f *format) tableIDSize(typ byte) int {
	if int(typ) <= len(f.postHeaders) && f.postHeaders[typ-1] == 6 {
		return 4
	}
	return 6
}

// query reads the default database and text of a query event.
func parseQuery(b []byte) (database, sql string, err error) {
	if len(b) < 13 {
		return "", "", fmt.Errorf("%w: query", errEvent)
	}
	dbSize, vars := int(b[8]), int(binary.LittleEndian.Uint16(b[11:]))
	at := 13 + vars
	if at+dbSize+1 > len(b) {
		return "", "", fmt.Errorf("%w: query", errEvent)
	}
	return string(b[at : at+dbSize]), string(b[at+dbSize+1:]), nil
}

// decompressQuery gives the body of the query event that MariaDB compressed:
// only its text is.
func decompressQuery(b []byte) ([]byte, error) {
	if len(b) < 13 {
		return nil, fmt.Errorf("%w: compressed query", errEvent)
	}
	at := 13 + int(binary.LittleEndian.Uint16(b[11:])) + int(b[8]) + 1
	if at > len(b) {
		return nil, fmt.Errorf("%w: compressed query", errEvent)
	}
	return mariaUncompress(b[:at:at], b[at:])
}

// mariaUncompress appends to head what MariaDB's log_bin_compress made: a byte
// 0x80 | algorithm<<4 | size of the length, the length big-endian, zlib data.
func mariaUncompress(head, b []byte) ([]byte, error) {
	if len(b) < 1 || b[0]&0xf0 != 0x80 || b[0]&7 == 0 || b[0]&7 > 4 || len(b) < 1+int(b[0]&7) {
		return nil, fmt.Errorf("%w: compression header", errEvent)
	}
	size := int(b[0] & 7)
	n := bigEndian(b[1 : 1+size])
	if n > maxUncompressed || n > 64+maxDeflateRatio*uint64(len(b)) {
		return nil, fmt.Errorf("%w: uncompressed size %d", errEvent, n)
	}
	z, err := zlib.NewReader(bytes.NewReader(b[1+size:]))
	if err != nil {
		return nil, fmt.Errorf("read compressed event: %w", err)
	}
	out := make([]byte, len(head)+int(n))
	copy(out, head)
	if _, err := io.ReadFull(z, out[len(head):]); err != nil {
		return nil, fmt.Errorf("read compressed event: %w", err)
	}
	return out, nil
}

// payloadEvents gives the events inside a transaction payload event: fields of
// type, size and value up to type 0, then the events, zstd or plain.
func payloadEvents(b []byte) ([]byte, error) {
	compression, plain := uint64(255), uint64(0)
	for {
		typ, rest, ok := lenencInt(b)
		if !ok {
			return nil, fmt.Errorf("%w: transaction payload", errEvent)
		}
		if b = rest; typ == 0 {
			break
		}
		size, rest, ok := lenencInt(b)
		if !ok || size > uint64(len(rest)) {
			return nil, fmt.Errorf("%w: transaction payload", errEvent)
		}
		value, _, ok := lenencInt(rest[:size])
		if !ok {
			return nil, fmt.Errorf("%w: transaction payload", errEvent)
		}
		switch typ {
		case 2:
			compression = value
		case 3:
			plain = value
		}
		b = rest[size:]
	}
	if compression == 255 {
		return b, nil
	}
	if compression != 0 || plain > maxUncompressed {
		return nil, fmt.Errorf("%w: transaction payload with compression %d of %d bytes", errEvent, compression, plain)
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUncompressed))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	out, err := z.DecodeAll(b, make([]byte, 0, min(plain, 64<<20)))
	if err != nil {
		return nil, fmt.Errorf("read transaction payload: %w", err)
	}
	return out, nil
}

// tableMap is the part of a table map event that rows need.
type tableMap struct {
	id              uint64
	database, table string
	types           []byte
	metas           []uint16
	names           []string // with binlog_row_metadata=FULL, else nil
}

func (f *format) tableID(e event) (uint64, []byte, error) {
	size := f.tableIDSize(e.typ)
	if len(e.body) < size+2 {
		return 0, nil, fmt.Errorf("%w: table id", errEvent)
	}
	return littleEndian(e.body[:size]), e.body[size:], nil
}

// parseTableMap reads a table map event. It copies what it keeps.
func (f *format) parseTableMap(e event) (*tableMap, error) {
	id, b, err := f.tableID(e)
	if err != nil {
		return nil, err
	}
	r := cursor{b: b[2:]}
	m := &tableMap{id: id}
	m.database = string(r.take(int(r.byte())))
	r.byte()
	m.table = string(r.take(int(r.byte())))
	r.byte()
	columns := r.lenenc()
	m.types = bytes.Clone(r.take(columns))
	metas := cursor{b: r.take(r.lenenc())}
	if r.bad || columns == 0 {
		return nil, fmt.Errorf("%w: table map of %s.%s", errEvent, m.database, m.table)
	}
	m.metas = make([]uint16, columns)
	for i, typ := range m.types {
		m.metas[i] = metas.meta(typ)
	}
	r.take((columns + 7) / 8) // which columns may be NULL
	if r.bad || metas.bad {
		return nil, fmt.Errorf("%w: table map of %s.%s", errEvent, m.database, m.table)
	}
	m.readNames(&r)
	return m, nil
}

// readNames reads the optional metadata for the names of the columns.
func (m *tableMap) readNames(r *cursor) {
	const fieldNames = 4
	for len(r.b) > 0 && !r.bad {
		field := r.byte()
		value := cursor{b: r.take(r.lenenc())}
		if field != fieldNames {
			continue
		}
		for len(value.b) > 0 && !value.bad {
			m.names = append(m.names, string(value.take(value.lenenc())))
		}
	}
	if len(m.names) != len(m.types) {
		m.names = nil
	}
}

// cursor reads bytes in order; bad says that there were too few.
type cursor struct {
	b   []byte
	bad bool
}

func (r *cursor) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *cursor) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *cursor) lenenc() int {
	n, rest, ok := lenencInt(r.b)
	if !ok || n > 1<<30 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = rest
	return int(n)
}

// meta reads the metadata of one column.
func (r *cursor) meta(typ byte) uint16 {
	switch typ {
	case tFloat, tDouble, tTimestamp2, tDatetime2, tTime2, tJSON, tTinyBlob, tMediumBlob, tLongBlob, tBlob, tGeometry, tBlobComp, tVector:
		return uint16(r.byte())
	case tNewDecimal, tEnum, tSet, tString:
		if b := r.take(2); b != nil {
			return binary.BigEndian.Uint16(b)
		}
	case tVarchar, tBit, tVarString, tVarComp:
		if b := r.take(2); b != nil {
			return binary.LittleEndian.Uint16(b)
		}
	}
	return 0
}

// rowsEvent is a rows event before its images are read.
type rowsEvent struct {
	tableID       uint64
	before, after bool   // which images each row has
	beforeColumns []byte // bitmap of the columns that images hold
	afterColumns  []byte
	columns       int
	images        []byte
}

// rowsKind tells the images of a rows event, and whether it is version 2 or
// compressed.
func rowsKind(typ byte) (before, after, v2, compressed, ok bool) {
	switch typ {
	case evWriteV1, evWriteV2, evWriteCompV1, evWriteComp:
		after = true
	case evUpdateV1, evUpdateV2, evUpdateCompV1, evUpdateComp:
		before, after = true, true
	case evDeleteV1, evDeleteV2, evDeleteCompV1, evDeleteComp:
		before = true
	default:
		return false, false, false, false, false
	}
	return before, after, typ >= evWriteV2 && typ <= evDeleteV2 || typ >= evWriteComp, typ >= evWriteCompV1, true
}

// parseRows reads the head of a rows event.
func (f *format) parseRows(e event) (rowsEvent, error) {
	before, after, v2, compressed, _ := rowsKind(e.typ)
	id, b, err := f.tableID(e)
	if err != nil {
		return rowsEvent{}, err
	}
	r := cursor{b: b[2:]}
	if v2 {
		size := r.take(2)
		if size != nil {
			r.take(int(binary.LittleEndian.Uint16(size)) - 2)
		}
	}
	out := rowsEvent{tableID: id, before: before, after: after, columns: r.lenenc()}
	bitmap := (out.columns + 7) / 8
	if before {
		out.beforeColumns = r.take(bitmap)
	}
	if after {
		out.afterColumns = r.take(bitmap)
	}
	if r.bad {
		return out, fmt.Errorf("%w: rows", errEvent)
	}
	out.images = r.b
	if compressed {
		out.images, err = mariaUncompress(nil, r.b)
	}
	return out, err
}

// sameName compares names as the server does with lower_case_table_names != 0
// too: a source reads one table, so a name that differs only in case is it.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }
