package mysqlwire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

const (
	headerLen     = 4
	maxChunk      = 1<<24 - 1 // a packet of this length goes on in the next one
	flushAt       = 64 << 10  // bytes gathered before a send
	sendStep      = 1 << 20   // bytes that one write timeout covers
	keepBuffer    = 1 << 20   // larger buffers are freed after a command
	growStep      = 64 << 10  // a packet's buffer grows with what arrived, not with what was announced
	bytesPerSec   = 256 << 10 // slowest client that may send a large command
	maxFirstReply = 64 << 10  // bound of packets before authentication
)

// budget bounds the bytes that all connections hold for their clients.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// packetReader reads logical packets: chunks of up to 16 MiB - 1 joined.
type packetReader struct {
	r      *bufio.Reader
	limit  int // bytes of one logical packet
	budget *budget
	buf    []byte // reused; its capacity is taken from the budget
	seq    byte   // sequence number that a reply starts with
}

func newPacketReader(r io.Reader, limit int, b *budget) *packetReader {
	return &packetReader{r: bufio.NewReaderSize(r, 4<<10), limit: limit, budget: b}
}

// header waits for a packet and returns the length of its first chunk.
func (p *packetReader) header() (int, error) {
	h, err := p.r.Peek(headerLen)
	if err != nil {
		return 0, err
	}
	n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	p.seq = h[3] + 1
	_, err = p.r.Discard(headerLen)
	return n, err
}

// payload reads the packet whose first chunk has length n. The bytes are valid
// until the next call.
func (p *packetReader) payload(n int) ([]byte, error) {
	p.buf = p.buf[:0]
	for {
		if err := p.chunk(n); err != nil {
			return nil, err
		}
		if n < maxChunk {
			return p.buf, nil
		}
		seq := p.seq
		var err error
		if n, err = p.header(); err != nil {
			return nil, err
		}
		if p.seq != seq+1 {
			return nil, Errorf(CodePacketsOutOfOrder, "packet number %d follows packet number %d", p.seq-1, seq-1)
		}
	}
}

func (p *packetReader) chunk(n int) error {
	if len(p.buf)+n > p.limit {
		return Errorf(CodePacketTooLarge, "packet is larger than max_allowed_packet (%d bytes)", p.limit)
	}
	for n > 0 {
		step := min(n, growStep)
		if err := p.reserve(step); err != nil {
			return err
		}
		at := len(p.buf)
		if _, err := io.ReadFull(p.r, p.buf[at:at+step]); err != nil {
			return err
		}
		p.buf = p.buf[:at+step]
		n -= step
	}
	return nil
}

func (p *packetReader) reserve(n int) error {
	need := len(p.buf) + n
	if need <= cap(p.buf) {
		return nil
	}
	size := min(max(need, 2*cap(p.buf)), max(p.limit, need))
	if !p.budget.take(int64(size - cap(p.buf))) {
		return Errorf(CodeOutOfResources, "commands of all clients hold more than %d bytes; try again later", p.budget.limit)
	}
	grown := make([]byte, len(p.buf), size)
	copy(grown, p.buf)
	p.buf = grown
	return nil
}

// trim frees the buffer when it is larger than keep bytes.
func (p *packetReader) trim(keep int) {
	if cap(p.buf) > keep {
		p.budget.give(int64(cap(p.buf)))
		p.buf = nil
	}
}

// packetWriter gathers packets and sends them when enough have come together.
// Callers append a payload to out between begin and end.
type packetWriter struct {
	conn    net.Conn
	timeout time.Duration
	out     []byte
	start   int // where the open packet's header lies in out
	seq     byte
}

func (w *packetWriter) begin() {
	w.start = len(w.out)
	w.out = append(w.out, 0, 0, 0, 0)
}

// rollback drops the open packet.
func (w *packetWriter) rollback() { w.out = w.out[:w.start] }

func (w *packetWriter) end() error {
	n := len(w.out) - w.start - headerLen
	if n >= maxChunk {
		return w.endLarge()
	}
	w.putHeader(w.out[w.start:], n)
	if len(w.out) < flushAt {
		return nil
	}
	return w.flush()
}

func (w *packetWriter) putHeader(h []byte, n int) {
	binary.LittleEndian.PutUint32(h, uint32(n)|uint32(w.seq)<<24)
	w.seq++
}

// endLarge sends a packet in chunks. Each chunk's header overwrites the four
// bytes before it, which were sent already or belong to the packet's header.
func (w *packetWriter) endLarge() error {
	if err := w.send(w.out[:w.start]); err != nil {
		return err
	}
	rest := w.out[w.start:]
	for {
		n := min(len(rest)-headerLen, maxChunk)
		w.putHeader(rest, n)
		if err := w.send(rest[:headerLen+n]); err != nil {
			return err
		}
		rest = rest[n:]
		if n < maxChunk {
			break
		}
	}
	w.reset()
	return nil
}

// flush sends all finished packets.
func (w *packetWriter) flush() error {
	err := w.send(w.out)
	w.reset()
	return err
}

func (w *packetWriter) reset() {
	if cap(w.out) > keepBuffer {
		w.out = nil
	}
	w.out = w.out[:0]
}

func (w *packetWriter) send(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), sendStep)
		if err := w.conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
			return &connError{err}
		}
		if _, err := w.conn.Write(b[:n]); err != nil {
			return &connError{fmt.Errorf("send to client: %w", err)}
		}
		b = b[n:]
	}
	return nil
}

// appendLenencInt appends v in MySQL's length-encoded form.
func appendLenencInt(dst []byte, v uint64) []byte {
	switch {
	case v < 251:
		return append(dst, byte(v))
	case v < 1<<16:
		return append(dst, 0xfc, byte(v), byte(v>>8))
	case v < 1<<24:
		return append(dst, 0xfd, byte(v), byte(v>>8), byte(v>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), v)
}

func appendLenencString(dst []byte, s string) []byte {
	return append(appendLenencInt(dst, uint64(len(s))), s...)
}

// sealLenenc turns the bytes appended after dst[at], a placeholder byte, into a
// length-encoded string.
func sealLenenc(dst []byte, at int) []byte {
	n := len(dst) - at - 1
	if n < 251 {
		dst[at] = byte(n)
		return dst
	}
	var prefix [9]byte
	p := appendLenencInt(prefix[:0], uint64(n))
	dst = append(dst, p[1:]...)
	copy(dst[at+len(p):], dst[at+1:at+1+n])
	copy(dst[at:], p)
	return dst
}

// payloadReader takes fields off a packet. After a short read every further
// field is zero and bad is set, so callers check once.
type payloadReader struct {
	b   []byte
	bad bool
}

func (p *payloadReader) take(n int) []byte {
	if p.bad || n < 0 || n > len(p.b) {
		p.bad, p.b = true, nil
		return nil
	}
	v := p.b[:n]
	p.b = p.b[n:]
	return v
}

func (p *payloadReader) uint(n int) uint64 {
	var v uint64
	for i, b := range p.take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// nulString takes a string up to a zero byte, or the rest when there is none.
func (p *payloadReader) nulString() string {
	for i, b := range p.b {
		if b == 0 {
			s := string(p.b[:i])
			p.b = p.b[i+1:]
			return s
		}
	}
	s := string(p.b)
	p.b = nil
	return s
}

// lenenc takes a length-encoded string; the bytes alias the packet.
func (p *payloadReader) lenenc() []byte {
	var n uint64
	switch first := p.uint(1); first {
	case 0xfc:
		n = p.uint(2)
	case 0xfd:
		n = p.uint(3)
	case 0xfe:
		n = p.uint(8)
	case 0xfb, 0xff:
		p.bad = true
	default:
		n = first
	}
	if n > uint64(len(p.b)) {
		p.bad, p.b = true, nil
		return nil
	}
	return p.take(int(n))
}
