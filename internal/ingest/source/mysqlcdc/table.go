package mysqlcdc

import (
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
)

// boundTable is the source table under one table id of the binlog: how its
// row images are laid out, and what its columns mean.
type boundTable struct {
	layout *layout
	types  []byte
	metas  []uint16
	isKey  []int // by column: place in the primary key, or -1
}

func bindTable(l *layout, m *tableMap) (*boundTable, error) {
	bound, err := l.forEvent(m)
	if err != nil {
		return nil, err
	}
	t := &boundTable{layout: bound, types: m.types, metas: m.metas, isKey: make([]int, len(m.types))}
	for i := range t.isKey {
		t.isKey[i] = -1
	}
	for k, i := range bound.key {
		t.isKey[i] = k
	}
	return t, nil
}

// span is a key value inside an image.
type span struct {
	value []byte
	null  bool
}

func bit(b []byte, i int) bool { return b[i>>3]&(1<<(i&7)) != 0 }

// imageHead gives the NULL bitmap and the values of an image whose columns are
// those in present.
func (t *boundTable) imageHead(p, present []byte) (nulls, values []byte, err error) {
	count := 0
	for i := range t.types {
		if bit(present, i) {
			count++
		}
	}
	n := (count + 7) / 8
	if len(p) < n {
		return nil, nil, errShort
	}
	return p[:n], p[n:], nil
}

func (t *boundTable) absent(i int) error {
	return errs.Invalid("a row of %s lacks column %s: the writer's session has not binlog_row_image=FULL: set it globally and for all writers, then start from a new snapshot",
		t.layout.table, t.layout.columns[i].describe())
}

// size walks an image; it fills spans, when given, with the key's values, and
// returns the bytes of the image.
func (t *boundTable) size(p, present []byte, spans []span) (int, error) {
	nulls, values, err := t.imageHead(p, present)
	if err != nil {
		return 0, err
	}
	total, seen := len(values), 0
	for i, typ := range t.types {
		k := t.isKey[i]
		if !bit(present, i) {
			if k >= 0 && spans != nil {
				return 0, t.absent(i)
			}
			continue
		}
		null := bit(nulls, seen)
		seen++
		n := 0
		if !null {
			if n, err = valueSize(typ, t.metas[i], values); err != nil {
				return 0, err
			}
			if n > len(values) {
				return 0, errShort
			}
		}
		if k >= 0 && spans != nil {
			spans[k] = span{value: values[:n], null: null}
		}
		values = values[n:]
	}
	return len(nulls) + total - len(values), nil
}

// key decodes the key from the spans of an image.
func (t *boundTable) key(d *decoder, spans []span, out *rowKey) error {
	out.clear(len(spans))
	for k, s := range spans {
		i := t.layout.key[k]
		d.value = cell{}
		if !s.null {
			if err := d.decode(&t.layout.columns[i], t.types[i], t.metas[i], s.value, &d.value); err != nil {
				return fmt.Errorf("column %s: %w", t.layout.columns[i].describe(), err)
			}
		}
		out.set(k, &d.value)
	}
	return nil
}

// append decodes an image into the builders and returns its bytes.
func (t *boundTable) append(d *decoder, put []appender, p, present []byte) (int, error) {
	nulls, values, err := t.imageHead(p, present)
	if err != nil {
		return 0, err
	}
	total, seen := len(values), 0
	for i, typ := range t.types {
		if !bit(present, i) {
			if put[i] != nil {
				return 0, t.absent(i)
			}
			continue
		}
		d.value = cell{}
		n := 0
		if !bit(nulls, seen) {
			if n, err = valueSize(typ, t.metas[i], values); err != nil {
				return 0, err
			}
			if n > len(values) {
				return 0, errShort
			}
			if put[i] != nil {
				err = d.decode(&t.layout.columns[i], typ, t.metas[i], values[:n], &d.value)
			}
		}
		seen++
		values = values[n:]
		if err == nil && put[i] != nil {
			err = put[i](&d.value)
		}
		if err != nil {
			return 0, fmt.Errorf("column %s: %w", t.layout.columns[i].describe(), err)
		}
	}
	return len(nulls) + total - len(values), nil
}
