package duck

/*
#include "bitmap.h"
*/
import "C"

import (
	"fmt"
	"strings"
)

// BitmapForm is how functions write bitmaps; they read all forms of paimon/bitmap.
type BitmapForm int

const (
	// BitmapStarRocks is a type byte and a payload, what StarRocks and Doris keep.
	BitmapStarRocks BitmapForm = iota
	// BitmapPortable32 is the 32-bit Roaring format, which is also Paimon's rbm32; greater values are errors.
	BitmapPortable32
	// BitmapPortable64 is the 64-bit Roaring format.
	BitmapPortable64
)

func (f BitmapForm) check() error {
	if f < BitmapStarRocks || f > BitmapPortable64 {
		return fmt.Errorf("bitmap form %d: unknown", f)
	}
	return nil
}

// bitmapMemory stands in the message of bitmap_write.c.
const bitmapMemory = "bitmaps need more memory than allowed"

// registerBitmaps adds the functions tarn_bitmap_*.
func registerBitmaps(e *Engine, c *Conn) error {
	failed := C.tarn_register_bitmaps(c.con, C.int(e.opts.BitmapForm), C.uint64_t(e.opts.MemoryLimit))
	if failed != nil {
		return fmt.Errorf("register function %s", C.GoString(failed))
	}
	return nil
}

// isBitmapMemory tells whether the engine stopped because bitmaps, which are outside DuckDB's own memory, grew too large.
func isBitmapMemory(msg string) bool { return strings.Contains(msg, bitmapMemory) }

// BitmapBytes is what the bitmaps of all engines of the process hold at this moment, in aggregates above all.
func BitmapBytes() int64 { return int64(C.tarn_bitmaps_held()) }
