package files

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// lines reads a file line by line from an offset on. Its buffer is used for
// one file after the other.
type lines struct {
	f      *os.File
	offset int64 // of buf[0] in the file
	buf    []byte
	from   int // text not yet given begins here
	to     int // and ends here
	max    int
	atEOF  bool
	inLong bool // inside a line that is too long
}

// start begins with another file, which lines closes.
func (l *lines) start(f *os.File, offset int64) {
	l.f, l.offset, l.from, l.to, l.atEOF, l.inLong = f, offset, 0, 0, false, false
	if l.buf == nil {
		l.buf = make([]byte, 64<<10)
	}
}

// errTooLong reports a line of more than max bytes. The next call gives the
// line after it.
var errTooLong = errors.New("the line is too long")

// next gives a line without its end, and how many bytes it took with it. At
// the end of the file it gives io.EOF; with partial, text without a newline at
// the end is a line as well. The line is valid until the next call.
func (l *lines) next(partial bool) (line []byte, size int, err error) {
	size = 0
	searched := 0
	for {
		if i := bytes.IndexByte(l.buf[l.from+searched:l.to], '\n'); i >= 0 {
			return l.give(searched+i, searched+i+1, size)
		}
		searched = l.to - l.from
		switch {
		case l.atEOF && (searched == 0 && !l.inLong || !partial):
			return nil, 0, io.EOF
		case l.atEOF:
			return l.give(searched, searched, size)
		case searched > l.max+1: // too long even if it ends in \r\n
			size += searched
			l.from, searched, l.inLong = l.to, 0, true
		}
		if err := l.fill(); err != nil {
			return nil, 0, err
		}
	}
}

func (l *lines) give(n, withEnd, before int) ([]byte, int, error) {
	line := bytes.TrimSuffix(l.buf[l.from:l.from+n], []byte("\r"))
	l.from += withEnd
	if l.inLong || len(line) > l.max {
		l.inLong = false
		return nil, before + withEnd, errTooLong
	}
	return line, before + withEnd, nil
}

// fill reads more text behind what is there.
func (l *lines) fill() error {
	if l.from > 0 {
		copy(l.buf, l.buf[l.from:l.to])
		l.offset += int64(l.from)
		l.to -= l.from
		l.from = 0
	}
	if l.to == len(l.buf) {
		l.buf = append(l.buf, make([]byte, min(len(l.buf), 4<<20))...)
	}
	n, err := l.f.ReadAt(l.buf[l.to:], l.offset+int64(l.to))
	l.to += n
	if err == io.EOF {
		l.atEOF = true
		return nil
	}
	return err
}

func (l *lines) close() error {
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}
