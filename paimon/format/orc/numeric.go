package orc

import (
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
)

// decimalLeaf decodes DECIMAL: digits, and how many of them are behind the
// point.
type decimalLeaf struct {
	typ    arrow.DataType
	alloc  memory.Allocator
	scale  int
	plain  bool // digits are integers of the column's scale
	digits stream
	scales ints
	whole  ints
	out    slots[decimal128.Num]
	step   []int64
}

func (l *decimalLeaf) start(s *stripe, column int) error {
	enc, err := s.encoding(column, false)
	if err != nil {
		return err
	}
	if l.step == nil {
		l.step = make([]int64, step)
	}
	if l.plain {
		l.whole.open(s.section(column, streamData), s.unpack, true, true)
		return nil
	}
	l.digits.open(s.section(column, streamData), s.unpack)
	l.scales.open(s.section(column, streamSecond), s.unpack, enc.v2(), true)
	return nil
}

func (l *decimalLeaf) decode(valid *memory.Buffer, k, n int) (arrow.ArrayData, error) {
	l.out.begin(l.alloc)
	defer l.out.drop()
	for at := 0; at < k; {
		m := min(step, k-at)
		l.out.grow(at + m)
		if err := l.read(l.out.vals[at : at+m]); err != nil {
			return nil, err
		}
		at += m
	}
	return l.out.finish(l.typ, valid, k, n), nil
}

func (l *decimalLeaf) read(dst []decimal128.Num) error {
	if l.plain {
		if err := l.whole.read(l.step[:len(dst)]); err != nil {
			return err
		}
		for i, v := range l.step[:len(dst)] {
			dst[i] = decimal128.FromI64(v)
		}
		return nil
	}
	for i := range dst {
		hi, lo, err := l.digits.uvarint128()
		if err != nil {
			return err
		}
		sign := -(lo & 1) // undo the zigzag form
		dst[i] = decimal128.New(int64(hi>>1^sign), (lo>>1|hi<<63)^sign)
	}
	if err := l.scales.read(l.step[:len(dst)]); err != nil {
		return err
	}
	for i, s := range l.step[:len(dst)] {
		if s == int64(l.scale) {
			continue
		}
		if s < 0 || s > 38 {
			return fmt.Errorf("a decimal of scale %d", s)
		}
		if d := l.scale - int(s); d > 0 {
			dst[i] = dst[i].IncreaseScaleBy(int32(d))
		} else {
			dst[i] = dst[i].ReduceScaleBy(int32(-d), true)
		}
	}
	return nil
}

// timestampLeaf decodes TIMESTAMP: seconds since 2015 and nanoseconds.
type timestampLeaf struct {
	typ   *arrow.TimestampType
	alloc memory.Allocator
	// instant says that the file holds points in time. Otherwise it holds what
	// the clocks of the writer's zone showed.
	instant bool
	// local says that the values are what these clocks showed.
	local   bool
	seconds ints
	nanos   ints
	zone    zone
	base    int64 // the second from which the file counts
	out     slots[int64]
	step    [2][]int64
}

// epoch2015 is 2015-01-01 in UTC.
const epoch2015 = 1_420_070_400

func (l *timestampLeaf) start(s *stripe, column int) error {
	enc, err := s.encoding(column, false)
	if err != nil {
		return err
	}
	if l.step[0] == nil {
		l.step = [2][]int64{make([]int64, step), make([]int64, step)}
	}
	loc, err := s.location()
	if err != nil {
		return err
	}
	l.zone = zone{loc: loc}
	l.base = epoch2015
	if !l.instant {
		l.base = time.Date(2015, 1, 1, 0, 0, 0, 0, loc).Unix()
	}
	l.seconds.open(s.section(column, streamData), s.unpack, enc.v2(), true)
	l.nanos.open(s.section(column, streamSecond), s.unpack, enc.v2(), false)
	return nil
}

func (l *timestampLeaf) decode(valid *memory.Buffer, k, n int) (arrow.ArrayData, error) {
	l.out.begin(l.alloc)
	defer l.out.drop()
	for at := 0; at < k; {
		m := min(step, k-at)
		l.out.grow(at + m)
		if err := l.read(l.out.vals[at : at+m]); err != nil {
			return nil, err
		}
		at += m
	}
	return l.out.finish(l.typ, valid, k, n), nil
}

var tens = [...]int64{1, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}

func (l *timestampLeaf) read(dst []int64) error {
	secs, nanos := l.step[0][:len(dst)], l.step[1][:len(dst)]
	if err := l.seconds.read(secs); err != nil {
		return err
	}
	if err := l.nanos.read(nanos); err != nil {
		return err
	}
	per := int64(l.typ.Unit.Multiplier()) // nanoseconds per unit
	units := 1_000_000_000 / per
	limit := math.MaxInt64/units - 1
	for i, sec := range secs {
		v := nanos[i]
		if v>>3 >= 1_000_000_000 || v>>3 <= -1_000_000_000 {
			return fmt.Errorf("a timestamp with %d nanoseconds", v>>3)
		}
		nano := v >> 3 * tens[v&7]
		if nano >= 1_000_000_000 || nano <= -1_000_000_000 {
			return fmt.Errorf("a timestamp with %d nanoseconds", nano)
		}
		sec += l.base
		// Writers round seconds towards 1970, whole milliseconds given.
		if sec < 0 && nano > 999_999 {
			sec--
		}
		if nano < 0 { // Arrow's writer counts back from the second before 1970
			sec--
			nano += 1_000_000_000
		}
		if l.local {
			sec += l.zone.offset(sec)
		}
		if sec > limit || sec < -limit {
			return errs.Unsupported("a timestamp of second %d since 1970 as %s", sec, l.typ)
		}
		dst[i] = sec*units + nano/per
	}
	return nil
}

// zone knows a zone's distance from UTC, for one stretch of time after the
// other.
type zone struct {
	loc      *time.Location
	from, to int64
	seconds  int64
}

func (z *zone) offset(second int64) int64 {
	if z.loc == time.UTC {
		return 0
	}
	if second < z.from || second >= z.to {
		t := time.Unix(second, 0).In(z.loc)
		_, off := t.Zone()
		start, end := t.ZoneBounds()
		z.seconds, z.from, z.to = int64(off), math.MinInt64, math.MaxInt64
		if !start.IsZero() {
			z.from = start.Unix()
		}
		if !end.IsZero() {
			z.to = end.Unix()
		}
	}
	return z.seconds
}
