package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"maps"
	"runtime/cgo"
	"runtime/debug"
	"slices"
	"unsafe"
)

// volatile is a function of Options.Volatile.
type volatile struct {
	engine *Engine
	name   string
	fill   func(out []int64) error
}

// registerVolatile adds the caller's functions.
func registerVolatile(e *Engine, c *Conn) error {
	for _, name := range slices.Sorted(maps.Keys(e.opts.Volatile)) {
		h := C.uintptr_t(cgo.NewHandle(&volatile{engine: e, name: name, fill: e.opts.Volatile[name]})) // dropped by DuckDB
		var state C.duckdb_state
		withCString(name, func(p *C.char) { state = C.tarn_register_volatile(c.con, p, h) })
		if state != C.DuckDBSuccess {
			return fmt.Errorf("register function %s", name)
		}
	}
	return nil
}

// checkVolatile holds the names to plain words that no built-in function has.
func checkVolatile(functions map[string]func([]int64) error) error {
	for name, f := range functions {
		if len(name) < 6 || name[:5] != "tarn_" {
			return fmt.Errorf("volatile function %q: the name must begin with tarn_", name)
		}
		for i := range len(name) {
			if !isWordByte(name[i]) || 'A' <= name[i] && name[i] <= 'Z' {
				return fmt.Errorf("volatile function %q: the name may have only a-z, 0-9 and _", name)
			}
		}
		if f == nil {
			return fmt.Errorf("volatile function %q: no function is given", name)
		}
	}
	return nil
}

// tarnVolatile gives a value to each of the n rows of a chunk. conn is the id of the connection that asks.
//
//export tarnVolatile
func tarnVolatile(info C.duckdb_function_info, handle C.uintptr_t, conn C.uint64_t, out *C.int64_t, n C.idx_t) {
	v := cgo.Handle(handle).Value().(*volatile)
	err := v.call(unsafe.Slice((*int64)(unsafe.Pointer(out)), int(n)))
	if err == nil {
		return
	}
	err = fmt.Errorf("function %s: %w", v.name, err)
	if q, lost := v.engine.running(uint64(conn)); lost == nil {
		q.fail(err)
	}
	withCString(err.Error(), func(p *C.char) { C.duckdb_scalar_function_set_error(info, p) })
}

func (v *volatile) call(out []int64) (err error) {
	defer func() {
		if p := recover(); p != nil { // a panic that reached C would end the process
			err = fmt.Errorf("panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return v.fill(out)
}
