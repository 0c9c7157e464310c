package ast

import (
	"fmt"
	"reflect"
	"strings"
)

// Dump prints a node as an indented tree, leaving out places and empty fields;
// for tests and EXPLAIN-like debugging. The form is not stable.
func Dump(n any) string {
	var b strings.Builder
	dump(&b, reflect.ValueOf(n), 0)
	return b.String()
}

func dump(b *strings.Builder, v reflect.Value, depth int) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case Ident:
		b.WriteString(quoteName(x.Name))
		return
	case Name:
		b.WriteString(dotted(x.Parts))
		return
	case ColumnRef:
		b.WriteString(dotted(x.Parts))
		return
	case TypeName:
		b.WriteString(x.SQL())
		return
	case Literal:
		fmt.Fprintf(b, "%s(%s%s)", literalNames[x.Kind], x.Text, x.Suffix)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		dumpStruct(b, v, depth)
	case reflect.Slice:
		dumpSlice(b, v, depth)
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}

var literalNames = [...]string{"null", "bool", "int", "decimal", "float", "string", "bytes", "date", "time", "timestamp", "timestamp_ltz"}

func dotted(parts []Ident) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = quoteName(p.Name)
	}
	return strings.Join(out, ".")
}

func dumpStruct(b *strings.Builder, v reflect.Value, depth int) {
	b.WriteString(v.Type().Name())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		// Text repeats the source; EndOff and the embedded Pos and Stmt are places.
		if f.Anonymous || f.Name == "EndOff" || f.Name == "Text" || f.Name == "Script" || v.Field(i).IsZero() {
			continue
		}
		b.WriteString("\n" + strings.Repeat("  ", depth+1) + f.Name + ": ")
		dump(b, v.Field(i), depth+1)
	}
}

func dumpSlice(b *strings.Builder, v reflect.Value, depth int) {
	if v.Len() == 0 {
		b.WriteString("[]")
		return
	}
	for i := range v.Len() {
		b.WriteString("\n" + strings.Repeat("  ", depth+1) + "- ")
		dump(b, v.Index(i), depth+2)
	}
}
