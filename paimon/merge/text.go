package merge

import (
	"bytes"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// listagg joins strings: FieldListaggAgg.
type listagg struct {
	fn  *function
	buf []byte // the result of one key
	tmp []byte
}

// fold implements folder.
func (f *listagg) fold(p *pass, col int, ops []op) (Column, error) {
	c, err := p.column(col)
	if err != nil {
		return Column{}, err
	}
	in, valid := c.(*array.String), presentIn(c)
	b := array.NewStringBuilder(p.e.schema.Mem)
	defer b.Release()
	b.Reserve(p.w.Keys())
	b.ReserveData(len(in.ValueBytes()))
	for k := range p.w.Keys() {
		ok := false
		f.buf = f.buf[:0]
		for i := p.w.Starts[k]; i < p.w.Starts[k+1]; i++ {
			what, v, has := ops[i], in.Value(int(i)), valid.at(int(i))
			if what&opInit != 0 {
				f.buf, ok = f.buf[:0], has
				if has {
					f.buf = append(f.buf, v...)
				}
			}
			if what&opRetract != 0 && !f.fn.ignoreRetract {
				return Column{}, noRetract(f.fn.name)
			}
			switch {
			case what&opAgg == 0:
			case what&opOld != 0:
				ok = f.prepend(v, ok, has)
			default:
				ok = f.append([]byte(v), ok, has)
			}
		}
		if ok {
			b.BinaryBuilder.Append(f.buf)
		} else {
			b.AppendNull()
		}
	}
	return Column{Values: b.NewArray()}, nil
}

// append adds a value to the result so far, which is NULL unless ok. Paimon
// 1.x takes the first value as it is, blank or not; 2.x never takes a blank one.
func (f *listagg) append(v []byte, ok, has bool) bool {
	if !has || ok && blank(v) {
		return ok
	}
	if !ok || blank(f.buf) {
		f.buf = append(f.buf[:0], v...)
		return true
	}
	if !f.fn.distinct {
		f.buf = append(append(f.buf, f.fn.delimiter...), v...)
		return true
	}
	for _, token := range split(v, f.fn.delimiter) {
		if blank(token) || hasToken(f.buf, token, f.fn.delimiter) {
			continue
		}
		f.buf = append(append(f.buf, f.fn.delimiter...), token...)
	}
	return true
}

// prepend adds the result so far to an older value.
func (f *listagg) prepend(v string, ok, has bool) bool {
	f.tmp = append(f.tmp[:0], f.buf...)
	f.buf = f.buf[:0]
	if has {
		f.buf = append(f.buf, v...)
	}
	return f.append(f.tmp, has, ok)
}

// split cuts at every delimiter; an empty one cuts nothing.
func split(v []byte, delimiter string) [][]byte {
	if delimiter == "" {
		return [][]byte{v}
	}
	return bytes.Split(v, []byte(delimiter))
}

func hasToken(list, token []byte, delimiter string) bool {
	for _, t := range split(list, delimiter) {
		if bytes.Equal(t, token) {
			return true
		}
	}
	return false
}

func blank(v []byte) bool { return len(bytes.TrimFunc(v, unicode.IsSpace)) == 0 }
