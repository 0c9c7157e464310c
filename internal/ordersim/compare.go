package ordersim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxShown is how many differences Compare names.
const maxShown = 5

// Compare reads what a table really holds, in the form of WriteJSON but in any
// order of rows and of array elements, and says what differs; nil when nothing
// does.
func (e *Expected) Compare(table string, actual io.Reader) error {
	key := "order_id"
	for _, t := range e.tables {
		if table == "ods."+t.Name {
			key = t.Columns[t.Key].Name
		}
	}
	want := map[string]map[string]string{}
	if err := e.each(table, func(r printer) error {
		return readRow(r.json(nil), key, want)
	}); err != nil {
		return err
	}
	have := map[string]map[string]string{}
	in := bufio.NewScanner(actual)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		if err := readRow(in.Bytes(), key, have); err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	return differences(table, want, have)
}

// readRow adds the columns of a line, in a form that can be compared.
func readRow(line []byte, key string, rows map[string]map[string]string) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var columns map[string]any
	if err := d.Decode(&columns); err != nil {
		return fmt.Errorf("line %q: %w", line, err)
	}
	row := make(map[string]string, len(columns))
	for name, v := range columns {
		row[name] = normal(v)
	}
	id := row[key]
	if _, ok := rows[id]; ok || id == "" {
		return fmt.Errorf("key %q comes twice, or has no value", id)
	}
	rows[id] = row
	return nil
}

// normal is the text of a value with members and elements sorted.
func normal(v any) string {
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = normal(v[i])
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%s:%s,", name, normal(v[name]))
		}
		return "{" + b.String() + "}"
	case string:
		return string(quote(nil, v))
	}
	return fmt.Sprint(v)
}

func differences(table string, want, have map[string]map[string]string) error {
	var shown []string
	count := 0
	note := func(format string, args ...any) {
		if count++; count <= maxShown {
			shown = append(shown, fmt.Sprintf(format, args...))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		h, ok := have[id]
		if !ok {
			note("row %s is missing: %v", id, want[id])
			continue
		}
		for _, column := range slices.Sorted(maps.Keys(want[id])) {
			if h[column] != want[id][column] {
				note("row %s column %s is %s: want %s", id, column, h[column], want[id][column])
			}
		}
		if len(h) != len(want[id]) {
			note("row %s has %d columns: want %d", id, len(h), len(want[id]))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[id]; !ok {
			note("row %s should not be there: %v", id, have[id])
		}
	}
	if count == 0 {
		return nil
	}
	return errors.New(fmt.Sprintf("table %s: %d differences among %d rows, of which %d were expected:\n", table, count, len(have), len(want)) + strings.Join(shown, "\n"))
}
