package orc

import (
	"encoding/binary"
	"errors"
	"io"
)

var errShort = errors.New("a stream ends too early")

// window is what is read at once of a stream that is not in memory.
const window = 1 << 20

// section is a range of the file, in memory or read window by window.
type section struct {
	in   io.ReaderAt
	off  int64 // of the byte after data
	end  int64
	data []byte // read and not yet taken
	buf  []byte
}

func (s *section) left() int64 { return int64(len(s.data)) + s.end - s.off }

// take gives the next n bytes; they stay until the next call.
func (s *section) take(n int) ([]byte, error) {
	if n > len(s.data) {
		if int64(n) > s.left() {
			return nil, errShort
		}
		if err := s.load(n); err != nil {
			return nil, err
		}
	}
	out := s.data[:n]
	s.data = s.data[n:]
	return out, nil
}

func (s *section) load(n int) error {
	size := min(int64(max(n, window)), s.left())
	old := s.data
	if int64(cap(s.buf)) < size {
		s.buf = make([]byte, size)
	}
	s.data = s.buf[:size]
	have := copy(s.data, old)
	k, err := s.in.ReadAt(s.data[have:], s.off)
	if k < len(s.data)-have {
		if err == nil || err == io.EOF {
			err = errShort
		}
		return err
	}
	s.off += int64(k)
	return nil
}

// stream gives the plain bytes of a stream.
type stream struct {
	src     section
	unpack  *unpacker
	buf     []byte // the current chunk
	pos     int
	scratch []byte
	joined  []byte
}

// open starts over with another section.
func (s *stream) open(src section, u *unpacker) {
	buf := s.src.buf
	s.src, s.unpack = src, u
	s.src.buf = buf
	s.buf, s.pos = nil, 0
}

// fill gets the next chunk that is not empty.
func (s *stream) fill() error {
	for s.pos == len(s.buf) {
		if s.src.left() == 0 {
			return errShort
		}
		s.pos = 0
		if s.unpack.codec == codecNone {
			n := len(s.src.data)
			if n == 0 {
				n = int(min(s.src.left(), window))
			}
			var err error
			if s.buf, err = s.src.take(n); err != nil {
				s.buf = nil
				return err
			}
			continue
		}
		s.buf = nil
		head, err := s.src.take(3)
		if err != nil {
			return err
		}
		n, original := chunkHeader(head)
		packed, err := s.src.take(n)
		if err != nil {
			return err
		}
		if s.buf, err = s.unpack.chunk(s.scratch, packed, original); err != nil {
			s.buf = nil
			return err
		}
		if !original {
			s.scratch = s.buf
		}
	}
	return nil
}

func (s *stream) byte() (byte, error) {
	if s.pos == len(s.buf) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	b := s.buf[s.pos]
	s.pos++
	return b, nil
}

// take gives the next n bytes; they stay until the next call. n is small.
func (s *stream) take(n int) ([]byte, error) {
	if n <= len(s.buf)-s.pos {
		s.pos += n
		return s.buf[s.pos-n : s.pos], nil
	}
	s.joined = sized(s.joined, n)
	return s.joined, s.read(s.joined)
}

// read fills dst.
func (s *stream) read(dst []byte) error {
	for len(dst) > 0 {
		if s.pos == len(s.buf) {
			if err := s.fill(); err != nil {
				return err
			}
		}
		n := copy(dst, s.buf[s.pos:])
		s.pos += n
		dst = dst[n:]
	}
	return nil
}

// uvarint reads a number of base 128.
func (s *stream) uvarint() (uint64, error) {
	if v, n := binary.Uvarint(s.buf[s.pos:]); n > 0 {
		s.pos += n
		return v, nil
	}
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("a number of more than 64 bits")
}
