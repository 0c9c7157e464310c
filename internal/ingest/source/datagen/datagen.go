// Package datagen makes rows up, as the source 'connector' = 'datagen', with
// the options of Flink's connector of that name and one more: 'seed'.
//
// Row n is a pure function of the seed, the base time and n, so a job that
// starts again goes on with the very rows that would have come. Without 'seed'
// a seed is drawn when the source is first opened, and the base time is that
// moment; both are kept in the position. With 'seed' the base time is
// 2024-01-01 00:00:00, so that two runs give equal rows.
//
// Times are those of a clock that starts at the base time and goes on with
// rows-per-second rows each second: DATE and TIME take it, TIMESTAMP takes it
// less a random span of at most max-past.
package datagen

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Source is a declared generator.
type Source struct {
	fields []types.Field
	schema *arrow.Schema
	cfg    config
}

var _ source.Source = (*Source)(nil)

// New declares a generator of rows with these columns. An option that is
// unknown, or that has no effect on its column's type, is an error.
func New(options map[string]string, fields []types.Field) (*Source, error) {
	if len(fields) == 0 {
		return nil, errs.Invalid("datagen declares no columns")
	}
	cfg, err := parse(options, fields)
	if err != nil {
		return nil, err
	}
	return &Source{fields: fields, schema: types.ArrowSchema(fields), cfg: cfg}, nil
}

// Fields implements source.Source.
func (s *Source) Fields() []types.Field { return s.fields }

// Bounded implements source.Source: true with number-of-rows or a sequence.
func (s *Source) Bounded() bool { return s.cfg.rows >= 0 }

// String names the source.
func (s *Source) String() string { return "datagen" }

// position is the JSON form of a position.
type position struct {
	Row  int64 `json:"row"` // next
	Seed int64 `json:"seed"`
	Base int64 `json:"base"` // ms since 1970
}

// fixedBase is the base time with a given seed: 2024-01-01.
const fixedBase = 1704067200000

// Open implements source.Source.
func (s *Source) Open(_ context.Context, from change.Position) (source.Reader, error) {
	p := position{Base: fixedBase}
	switch {
	case from != "":
		if err := json.Unmarshal([]byte(from), &p); err != nil || p.Row < 0 {
			return nil, errs.Invalid("datagen position %q: %w", from, err)
		}
		if s.cfg.seed != nil && *s.cfg.seed != p.Seed {
			return nil, errs.Invalid("datagen option \"seed\" = %d, but the rows so far came from seed %d; leave it as it was, or start the job under a new name", *s.cfg.seed, p.Seed)
		}
	case s.cfg.seed != nil:
		p.Seed = *s.cfg.seed
	default:
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		p.Seed, p.Base = int64(binary.LittleEndian.Uint64(b[:])>>1), time.Now().UnixMilli()
	}
	r := &reader{cfg: &s.cfg, at: p, builder: array.NewRecordBuilder(memory.DefaultAllocator, s.schema)}
	r.done, r.finish = context.WithCancel(context.Background())
	r.clock = &clock{base: p.Base, perSecond: s.cfg.perSecond}
	for i, f := range s.cfg.fields {
		g := f.generator(r.builder.Field(i), newSeed(uint64(p.Seed), f.path), r.clock)
		r.columns = append(r.columns, g)
	}
	return r, nil
}

// clock tells the time of rows.
type clock struct {
	base      int64 // ms since 1970
	perSecond int64
	now       int64 // of the row being made
}

func (c *clock) set(row int64) {
	c.now = c.base + row/c.perSecond*1000 + row%c.perSecond*1000/c.perSecond
}
