package demo

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/types"
)

// digest summarises what a table really holds: the number of rows and the sum
// over rows, modulo 2^64, of the first eight bytes of the MD5 of a line with
// the columns joined by '|'. See ordersim.Expected.Digest for the form.
func (d *demo) digest(ctx context.Context, name string) (rows int, md5sum64 string, err error) {
	db, tableName, _ := strings.Cut(name, ".")
	t, err := d.app.Warehouse.Table(ctx, catalog.Identifier{Database: db, Table: tableName}, nil)
	if err != nil {
		return 0, "", err
	}
	text, err := d.dump(ctx, name)
	if err != nil {
		return 0, "", err
	}
	var sum uint64
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if line == "" {
			continue
		}
		var row map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return 0, "", err
		}
		cells := make([]string, len(t.Fields()))
		for i, f := range t.Fields() {
			if cells[i], err = digestCell(f.Type, row[f.Name]); err != nil {
				return 0, "", fmt.Errorf("column %s: %w", f.Name, err)
			}
		}
		h := md5.Sum([]byte(strings.Join(cells, "|")))
		sum += binary.BigEndian.Uint64(h[:8])
		rows++
	}
	return rows, fmt.Sprintf("%016x", sum), nil
}

// digestCell gives a JSON value in the digest's form.
func digestCell(t types.Type, raw json.RawMessage) (string, error) {
	if string(raw) == "null" {
		return `\N`, nil
	}
	switch t.Root {
	case types.Array:
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return "", err
		}
		parts := make([]string, len(list))
		for i, e := range list {
			var err error
			if parts[i], err = digestCell(*t.Elem, e); err != nil {
				return "", err
			}
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, ";") + "]", nil
	case types.Row:
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return "", err
		}
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			var err error
			if parts[i], err = digestCell(f.Type, fields[f.Name]); err != nil {
				return "", err
			}
		}
		return "(" + strings.Join(parts, ",") + ")", nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(raw), nil // a number
	}
	if t.Root == types.Timestamp {
		text = strings.Replace(text, "T", " ", 1)
	}
	return text, nil
}
