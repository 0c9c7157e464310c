package orc

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
)

// The kinds of streams that are read.
const (
	streamPresent = 0
	streamData    = 1
	streamLength  = 2
	streamWords   = 3 // of a dictionary
	streamSecond  = 5
)

const (
	// maxLoaded is the most that a stripe's streams take in memory at once;
	// those of a larger stripe are read window by window.
	maxLoaded = 64 << 20
	// maxGap is what is rather read than sought over.
	maxGap   = 64 << 10
	maxRange = 16 << 20
)

type streamKey struct{ column, kind int }

// stripe is the stripe that is being read.
type stripe struct {
	unpack    *unpacker
	sections  map[streamKey]section
	encodings []encoding
	zoneName  string
	buf       []byte // the loaded streams
}

// open reads the footer of a stripe and loads the wanted columns' streams.
func (s *stripe) open(in io.ReaderAt, info stripeInfo, columns int, wanted []bool) error {
	raw := make([]byte, info.footer)
	at := int64(info.offset + info.index + info.data)
	if n, err := in.ReadAt(raw, at); n < len(raw) {
		return fmt.Errorf("read stripe footer: %w", orShort(err))
	}
	plain, err := s.unpack.all(raw)
	if err != nil {
		return fmt.Errorf("stripe footer: %w", err)
	}
	s.sections, s.encodings, s.zoneName = map[streamKey]section{}, nil, ""
	off, end := info.offset, uint64(at)
	err = eachField(plain, func(x field) error {
		switch x.num {
		case 1:
			return s.addStream(in, x.bytes, &off, end, wanted)
		case 2:
			if len(s.encodings) > columns {
				return errBadMessage
			}
			e, err := parseEncoding(x.bytes)
			s.encodings = append(s.encodings, e)
			return err
		case 3:
			s.zoneName = string(x.bytes)
		}
		return nil
	})
	if err == nil && len(s.encodings) < columns {
		err = fmt.Errorf("encodings of %d of %d columns", len(s.encodings), columns)
	}
	if err != nil {
		return fmt.Errorf("stripe footer: %w", err)
	}
	return s.load(in)
}

func orShort(err error) error {
	if err == nil || err == io.EOF {
		return errShort
	}
	return err
}

// addStream takes the next stream, which begins at *off.
func (s *stripe) addStream(in io.ReaderAt, b []byte, off *uint64, end uint64, wanted []bool) error {
	var kind, col, length uint64
	err := eachField(b, func(x field) error {
		switch x.num {
		case 1:
			kind = x.value
		case 2:
			col = x.value
		case 3:
			length = x.value
		}
		return nil
	})
	if err != nil {
		return err
	}
	if length > end-*off {
		return errors.New("streams reach beyond the stripe")
	}
	from := *off
	*off += length
	if kind > streamSecond || col >= uint64(len(wanted)) || !wanted[col] || length == 0 {
		return nil
	}
	s.sections[streamKey{int(col), int(kind)}] = section{in: in, off: int64(from), end: int64(*off)}
	return nil
}

func parseEncoding(b []byte) (e encoding, err error) {
	err = eachField(b, func(x field) error {
		switch x.num {
		case 1:
			e.kind = uint8(min(x.value, 255))
		case 2:
			if x.value > math.MaxInt32 {
				return fmt.Errorf("a dictionary of %d words", x.value)
			}
			e.words = int(x.value)
		}
		return nil
	})
	return e, err
}

// load reads the streams, neighbours at once, if there is room for them.
func (s *stripe) load(in io.ReaderAt) error {
	keys := make([]streamKey, 0, len(s.sections))
	total := int64(0)
	for k, sec := range s.sections {
		keys = append(keys, k)
		total += sec.end - sec.off
	}
	if total > maxLoaded {
		return nil
	}
	slices.SortFunc(keys, func(a, b streamKey) int { return int(s.sections[a].off - s.sections[b].off) })
	type span struct {
		from, to int64
		keys     []streamKey
	}
	var spans []span
	size := int64(0)
	for _, k := range keys {
		sec := s.sections[k]
		if n := len(spans); n > 0 && sec.off-spans[n-1].to <= maxGap && sec.end-spans[n-1].from <= maxRange {
			size += sec.end - spans[n-1].to
			spans[n-1].to = sec.end
			spans[n-1].keys = append(spans[n-1].keys, k)
			continue
		}
		size += sec.end - sec.off
		spans = append(spans, span{sec.off, sec.end, []streamKey{k}})
	}
	s.buf = sized(s.buf, int(size))
	rest := s.buf
	for _, sp := range spans {
		b := rest[:sp.to-sp.from]
		rest = rest[len(b):]
		if n, err := in.ReadAt(b, sp.from); n < len(b) {
			return fmt.Errorf("read streams: %w", orShort(err))
		}
		for _, k := range sp.keys {
			sec := s.sections[k]
			sec.data = b[sec.off-sp.from : sec.end-sp.from]
			sec.off = sec.end
			s.sections[k] = sec
		}
	}
	return nil
}

// section gives where a stream lies; an empty one when there is none.
func (s *stripe) section(column, kind int) section { return s.sections[streamKey{column, kind}] }

// encoding gives how a column is encoded.
func (s *stripe) encoding(column int, dictionary bool) (encoding, error) {
	e := s.encodings[column]
	if e.kind > encDictionary2 || e.dictionary() && !dictionary {
		return e, fmt.Errorf("encoding %d", e.kind)
	}
	return e, nil
}

// location gives the time zone of the writer.
func (s *stripe) location() (*time.Location, error) { return zoneByID(s.zoneName) }

// zoneByID gives a zone by its name in Java.
func zoneByID(id string) (*time.Location, error) {
	switch id {
	case "", "UTC", "GMT", "Z", "Etc/UTC", "Etc/GMT":
		return time.UTC, nil
	}
	if rest, ok := strings.CutPrefix(id, "GMT"); ok && (rest[0] == '+' || rest[0] == '-') {
		hours, minutes, _ := strings.Cut(rest[1:], ":")
		if minutes == "" {
			minutes = "0"
		}
		h, err1 := strconv.ParseUint(hours, 10, 5)
		m, err2 := strconv.ParseUint(minutes, 10, 6)
		if err1 == nil && err2 == nil && h < 24 && m < 60 {
			seconds := int(h*3600 + m*60)
			if rest[0] == '-' {
				seconds = -seconds
			}
			return time.FixedZone(id, seconds), nil
		}
	}
	loc, err := time.LoadLocation(id)
	if err != nil || id == "Local" {
		return nil, errs.Unsupported("the file's time zone %q is not known on this machine: install its time zone data (tzdata)", id)
	}
	return loc, nil
}
