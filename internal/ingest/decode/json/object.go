package json

import (
	"bytes"

	"github.com/tarndb/tarn/internal/ingest/decode"
)

// span is a part of a text.
type span struct{ from, to int }

// Object finds members of JSON objects by name. It is reused for one object
// after the other and serves one goroutine.
type Object struct {
	names   []string
	index   map[string]int
	spans   []span // to is 0 when the member is absent
	text    []byte
	scratch []byte
	next    int // the member expected after the last one found
}

// NewObject looks for members with these names; names are compared as they
// are, with upper and lower case apart.
func NewObject(names ...string) *Object {
	o := &Object{names: names, index: make(map[string]int, len(names)), spans: make([]span, len(names))}
	for i, n := range names {
		o.index[n] = i
	}
	return o
}

// Scan checks all of a text, which must be one object, and finds its members.
// Of members with the same name the last one counts. The text is kept until
// the next Scan.
func (o *Object) Scan(text []byte) error {
	clear(o.spans)
	o.text, o.next = text, 0
	s := scanner{text: text}
	at := s.space(0)
	if at >= len(text) || text[at] != '{' {
		return &decode.SyntaxError{Offset: at, Text: "want an object, {…}"}
	}
	if at = s.object(at, 0, o.member); at < 0 {
		return s.err
	}
	if at = s.space(at); at < len(text) {
		return &decode.SyntaxError{Offset: at, Text: "there is more text after the object"}
	}
	return nil
}

func (o *Object) member(key, value span) {
	name := unquote(o.text[key.from:key.to], &o.scratch)
	// Members mostly come in the order of the columns.
	if o.next < len(o.names) && string(name) == o.names[o.next] {
		o.spans[o.next] = value
		o.next++
		return
	}
	if i, ok := o.index[string(name)]; ok {
		o.spans[i] = value
		o.next = i + 1
	}
}

// Get gives the value of the i-th name as it is written; nil when the object
// has no such member.
func (o *Object) Get(i int) []byte {
	s := o.spans[i]
	if s.to == 0 {
		return nil
	}
	return o.text[s.from:s.to]
}

// Null reports whether the i-th member is absent or null.
func (o *Object) Null(i int) bool { return isNull(o.Get(i)) }

// Text gives the i-th member when it is a string.
func (o *Object) Text(i int) (string, bool) {
	v := o.Get(i)
	if len(v) == 0 || v[0] != '"' {
		return "", false
	}
	return string(unquote(v, &o.scratch)), true
}

// Int gives the i-th member when it is a whole number.
func (o *Object) Int(i int) (int64, bool) {
	v := o.Get(i)
	if len(v) == 0 || v[0] == '"' {
		return 0, false
	}
	return parseInt(v)
}

func isNull(v []byte) bool { return len(v) == 0 || v[0] == 'n' }

// compact gives a valid value without the space between its parts.
func compact(v []byte, scratch *[]byte) []byte {
	if bytes.IndexAny(v, " \t\r\n") < 0 {
		return v
	}
	out := (*scratch)[:0]
	quoted := false
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case quoted && c == '\\':
			out = append(out, c)
			i++
			c = v[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			continue
		}
		out = append(out, c)
	}
	*scratch = out
	return out
}
