package spec

import (
	"bytes"
	"encoding/json"
)

// marshalPretty gives v in the layout that Jackson's default pretty printer
// gives Paimon's files ("name" : value, arrays on one line), so that files
// written here and by Java differ in no byte.
func marshalPretty(v any) ([]byte, error) {
	var compact bytes.Buffer
	e := json.NewEncoder(&compact)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return prettyJSON(bytes.TrimRight(compact.Bytes(), "\n")), nil
}

// prettyJSON lays out compact valid JSON. Only objects break lines; an
// object inside an array is indented by the objects around it.
func prettyJSON(in []byte) []byte {
	out := make([]byte, 0, len(in)*2)
	depth := 0
	newline := func() {
		out = append(out, '\n')
		for range depth {
			out = append(out, ' ', ' ')
		}
	}
	var stack []byte
	for i := 0; i < len(in); i++ {
		c := in[i]
		switch c {
		case '"':
			end := stringEnd(in, i)
			out = append(out, in[i:end]...)
			i = end - 1
		case '{', '[':
			out = append(out, c)
			if i+1 < len(in) && (in[i+1] == '}' || in[i+1] == ']') {
				out = append(out, ' ', in[i+1])
				i++
				continue
			}
			stack = append(stack, c)
			if c == '{' {
				depth++
				newline()
			} else {
				out = append(out, ' ')
			}
		case '}':
			stack = stack[:len(stack)-1]
			depth--
			newline()
			out = append(out, c)
		case ']':
			stack = stack[:len(stack)-1]
			out = append(out, ' ', c)
		case ',':
			out = append(out, c)
			if stack[len(stack)-1] == '{' {
				newline()
			} else {
				out = append(out, ' ')
			}
		case ':':
			out = append(out, ' ', ':', ' ')
		default:
			out = append(out, c)
		}
	}
	return out
}

// stringEnd gives the position after the string that starts at i.
func stringEnd(in []byte, i int) int {
	for j := i + 1; j < len(in); j++ {
		switch in[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return len(in)
}

// Pretty lays out JSON text as Paimon's files are.
func Pretty(data []byte) (string, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return "", err
	}
	return string(prettyJSON(compact.Bytes())), nil
}
