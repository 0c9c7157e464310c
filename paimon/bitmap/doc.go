// Package bitmap reads, combines and writes the sets of unsigned 64-bit integers that tables hold for exact UV.
//
// # Shape
//
//	Bitmap     a set: containers of 2^16 values by the upper 48 bits, in order (bitmap.go, container.go)
//	Form       the byte forms; Decode recognises them, Bitmap.Append writes one (form.go)
//	  portable.go   the public Roaring formats of 32 and 64 bits
//	  starrocks.go  a type byte and a payload, as StarRocks and Doris keep bitmaps
//	  art.go        Java's Roaring64Bitmap, which is Paimon's rbm64
//	Union      the aggregate functions rbm32 and rbm64, byte for byte those of Java (union.go, java.go)
//
// # Which form it is
//
// The forms carry no common mark, so every form that the first byte allows is read in full and must account for all
// bytes: keys ascend, values ascend, runs do not touch, cardinalities and offsets are right, nothing is left over. No
// input satisfies two forms with different meanings:
//
//   - A 32-bit Roaring begins with 3a or 3b, which is no type byte of StarRocks; a 64-bit one that begins so has at
//     least 58 entries of twelve bytes or more, whose cookies stand where a 32-bit one has its header.
//   - The fixed lengths of StarRocks (1, 5, 9, 5+8n) are too short for as many entries as a 64-bit Roaring with the same
//     first bytes would have.
//   - A StarRocks bitmap has a cookie at byte 1 (BITMAP32) or, after a short count, at byte 6 or more (BITMAP64); a
//     64-bit Roaring with those bytes in its count would have millions of entries.
//   - rbm64 begins with 1 and the number of its keys in eight bytes. As a 64-bit Roaring the same bytes are 257 entries
//     or more, and the cookie at byte 12 would be a prefix of 48 bytes or more in a tree of six levels.
//   - A single 0 is empty in StarRocks's form and in rbm64.
//
// rbm32 is the 32-bit Roaring, so a value of it decodes as Portable32.
//
// # Non-obvious
//
//   - Counts in the bytes are compared with the bytes that are left before anything is allocated for them: what is
//     allocated stays within a small multiple of the input.
//   - A Roaring with the same content has several valid byte forms. Which container Java ends with depends on how the
//     set came about, when a list and a list of runs are of about the same size, and rbm64 keeps its containers in the
//     order in which they were added, with the spare room of a growing Java array. Union follows both.
//   - Containers are own code and not of RoaringBitmap/roaring, which does not give access to them; the tests compare
//     the two.
package bitmap
