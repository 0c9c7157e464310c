package mysqlwire

import "unicode/utf8"

// like matches SQL's LIKE without regard to ASCII case: % any text, _ one
// character, \ takes the next one as it is. It takes time linear in len(s)
// times the number of % at worst and no memory.
func like(pattern, s string) bool {
	retryPattern, retryText := -1, 0
	p, i := 0, 0
	for i < len(s) {
		if p < len(pattern) {
			switch ch := pattern[p]; {
			case ch == '%':
				p++
				retryPattern, retryText = p, i
				continue
			case ch == '_':
				_, width := utf8.DecodeRuneInString(s[i:])
				p, i = p+1, i+width
				continue
			default:
				width := 1
				if ch == '\\' && p+1 < len(pattern) {
					ch, width = pattern[p+1], 2
				}
				if lower(ch) == lower(s[i]) {
					p, i = p+width, i+1
					continue
				}
			}
		}
		if retryPattern < 0 {
			return false
		}
		retryText++
		p, i = retryPattern, retryText
	}
	for p < len(pattern) && pattern[p] == '%' {
		p++
	}
	return p == len(pattern)
}

func lower(ch byte) byte {
	if ch >= 'A' && ch <= 'Z' {
		return ch + 'a' - 'A'
	}
	return ch
}
