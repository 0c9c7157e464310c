package bitmap

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
)

// javaLines reads testdata/java.txt.gz, which RoaringBitmap 1.2.1, Paimon's version, has written. All bytes are in hex:
//
//	set P R [S]         a set: 64-bit Roaring, rbm64 and rbm32 (when it fits), filled in order and optimised
//	raw64 P R           a set: 64-bit Roaring and rbm64, filled in any order, some keys removed, not all optimised
//	union32 A B… = C    C is what the aggregate function makes of A, B…; also union64
func javaLines(t testing.TB) [][]string {
	f, err := os.Open("testdata/java.txt.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	var out [][]string
	for lines.Scan() {
		out = append(out, strings.Fields(lines.Text()))
	}
	require.NoError(t, lines.Err())
	require.Greater(t, len(out), 200)
	return out
}

func unhex(t testing.TB, s string) []byte {
	raw, err := hex.DecodeString(s)
	require.NoError(t, err)
	return raw
}

// oracle reads a 64-bit Roaring with the library.
func oracle(t testing.TB, raw []byte) *roaring64.Bitmap {
	o := roaring64.New()
	_, err := o.ReadFrom(bytes.NewReader(raw))
	require.NoError(t, err)
	return o
}

func requireSame(t testing.TB, want *roaring64.Bitmap, got *Bitmap, msg ...any) {
	t.Helper()
	require.Equal(t, want.GetCardinality(), got.Cardinality(), msg...)
	require.True(t, slices.Equal(want.ToArray(), slices.Collect(got.Values())), msg...)
}

func TestJavaSets(t *testing.T) {
	for i, l := range javaLines(t) {
		if l[0] != "set" && l[0] != "raw64" {
			continue
		}
		portable, rbm64 := unhex(t, l[1]), unhex(t, l[2])
		want := oracle(t, portable)
		for f, raw := range map[Form][]byte{Portable64: portable, RBM64: rbm64} {
			b, err := Decode(raw)
			require.NoError(t, err, "line %d, %s", i+1, f)
			requireSame(t, want, b, "line %d, %s", i+1, f)
			if got, _ := Detect(raw); !b.IsEmpty() {
				require.Equal(t, f, got, "line %d", i+1)
			}
			again, err := b.Append(nil, Portable64)
			require.NoError(t, err)
			requireSame(t, want, must(DecodeAs(again, Portable64)))
			require.Equal(t, want.GetCardinality(), oracle(t, again).GetCardinality())
			if l[0] == "set" {
				got, err := b.Append(nil, RBM64)
				require.NoError(t, err)
				require.Equal(t, l[2], hex.EncodeToString(got), "line %d", i+1)
				require.Equal(t, l[1], hex.EncodeToString(again), "line %d", i+1)
			}
		}
		// a tree is written back as it was read, spare room, holes and all
		r := &reader{form: RBM64, raw: rbm64}
		require.Equal(t, l[2], hex.EncodeToString(r.tree().appendTo(nil)), "line %d", i+1)
		if len(l) > 3 {
			b, err := Decode(unhex(t, l[3]))
			require.NoError(t, err)
			requireSame(t, want, b)
			got, err := b.Append(nil, RBM32)
			require.NoError(t, err)
			require.Equal(t, l[3], hex.EncodeToString(got), "line %d", i+1)
		}
	}
}

func must(b *Bitmap, err error) *Bitmap {
	if err != nil {
		panic(err)
	}
	return b
}

func TestJavaUnions(t *testing.T) {
	forms := map[string]Form{"union32": RBM32, "union64": RBM64}
	for i, l := range javaLines(t) {
		form, ok := forms[l[0]]
		if !ok {
			continue
		}
		u, err := NewUnion(form)
		require.NoError(t, err)
		in, want := l[1:len(l)-2], l[len(l)-1]
		for _, raw := range in {
			require.NoError(t, u.Add(unhex(t, raw)), "line %d", i+1)
		}
		require.Equal(t, want, hex.EncodeToString(u.Append(nil)), "line %d", i+1)
		if len(in) == 2 { // an older value stands first
			u.Reset()
			require.NoError(t, u.Add(unhex(t, in[1])))
			require.NoError(t, u.AddOlder(unhex(t, in[0])))
			require.Equal(t, want, hex.EncodeToString(u.Append(nil)), "line %d", i+1)
		}
	}
}

// The forms of StarRocks, by their description.
func TestStarRocksForms(t *testing.T) {
	portable := func(vals ...uint32) string {
		raw, err := roaring.BitmapOf(vals...).ToBytes()
		require.NoError(t, err)
		return string(raw)
	}
	const high = uint64(7) << 32
	f := func(raw string, written bool, want ...uint64) {
		t.Helper()
		b, err := Decode([]byte(raw))
		require.NoError(t, err)
		require.Equal(t, want, slices.Collect(b.Values()))
		form, err := Detect([]byte(raw))
		require.NoError(t, err)
		require.Equal(t, StarRocks, form)
		out, err := b.Append(nil, StarRocks)
		require.NoError(t, err)
		if written {
			require.Equal(t, raw, string(out))
		}
		require.True(t, b.Equal(must(Decode(out))))
	}
	f("\x00", true)
	f("\x01\x05\x00\x00\x80", true, 0x80000005)
	f("\x02"+portable(1, 5, 70000), true, 1, 5, 70000)
	f("\x03\x05\x00\x00\x00\x07\x00\x00\x00", true, high|5)
	f("\x04\x02\x00\x00\x00\x00"+portable(1)+"\x07\x00\x00\x00"+portable(2, 3), true, 1, high|2, high|3)
	f("\x04\x02\x00\x00\x00\x00"+portable()+"\x07\x00\x00\x00"+portable(2), false, high|2)
	f("\x0a\x02\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x80\x03\x00\x00\x00\x00\x00\x00\x00", false, 3, 1<<63|9)
	f("\x0a\x00\x00\x00\x00", false)
	f("\x0c\x01\x02\x00\x00\x00\x03\x00\x00\x00\x09\x00\x00\x00", false, 3, 9)
	f("\x0c\x02"+portable(3, 9), false, 3, 9)
	f("\x0d\x02\x00\x00\x00\x00\x01\x01\x00\x00\x00\x05\x00\x00\x00\x07\x00\x00\x00\x02"+portable(6), false, 5, high|6)
}

func TestDamaged(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		_, err := Decode([]byte(raw))
		require.ErrorIs(t, err, errs.ErrCorrupt)
		require.EqualError(t, err, want)
	}
	f("", "bytes are no StarRocks bitmap: byte 0 of 0: type needs 1 bytes, 0 are left")
	f("not a bitmap", "bytes are no 64-bit Roaring bitmap: byte 8 of 12: 7593667523228495726 entries need 12 bytes each, 4 are left")
	f("\x00\x00", "bytes are no StarRocks bitmap: byte 1 of 2: 1 bytes are left over")
	f("\x01\x05\x00", "bytes are no StarRocks bitmap: byte 1 of 3: value needs 4 bytes, 2 are left")
	f("\x02\x3a\x30\x00\x00\xff\xff\x00\x00", "bytes are no StarRocks bitmap: byte 9 of 9: 65535 containers need 6 bytes each, 0 are left")
	f("\x3a\x30\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\x10\x00\x00\x00\x05\x00\x05\x00", "bytes are no 32-bit Roaring bitmap: byte 18 of 20: value 5 of an array does not follow 5")
	f("\x3a\x30\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\x11\x00\x00\x00\x05\x00\x06\x00", "bytes are no 32-bit Roaring bitmap: byte 16 of 20: container 0 is said to begin at 17, not 16")
	f("\x3b\x30\x00\x00\x01\x00\x00\x09\x00\x01\x00\x05\x00\x09\x00\x00", "bytes are no 32-bit Roaring bitmap: byte 15 of 16: 1 bytes are left over")
	f("\x01\xff\xff\xff\xff\xff\xff\xff\x7f\x04\x00\x00\x00\x00\x00\x00", "bytes are no rbm64 bitmap: byte 9 of 16: 9223372036854775807 keys need 18 bytes each, 7 are left")
}

func TestTooLarge(t *testing.T) {
	for _, f := range []Form{Portable32, RBM32} {
		_, err := Of(1<<32).Append(nil, f)
		require.ErrorIs(t, err, errs.ErrInvalid)
	}
	_, err := Of().Append(nil, Form(99))
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, err = NewUnion(StarRocks)
	require.ErrorIs(t, err, errs.ErrInvalid)
}

// randomSet makes values of every kind of container.
func randomSet(r *rand.Rand) []uint64 {
	var out []uint64
	for range 1 + r.IntN(6) {
		key := r.Uint64N(4) << 16
		if r.IntN(3) == 0 {
			key |= r.Uint64N(3) << 32
		}
		switch r.IntN(4) {
		case 0:
			for range r.IntN(20) {
				out = append(out, key|r.Uint64N(full))
			}
		case 1:
			from := r.Uint64N(60000)
			for i := range r.Uint64N(5000) {
				out = append(out, key|(from+i)%full)
			}
		case 2:
			for i := r.Uint64N(9); i < full; i += 1 + r.Uint64N(9) {
				out = append(out, key|i)
			}
		case 3:
			for i := range uint64(full) {
				out = append(out, key|i)
			}
		}
	}
	return out
}

func TestOperations(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		x, y := randomSet(r), randomSet(r)
		ox, oy := roaring64.BitmapOf(x...), roaring64.BitmapOf(y...)
		// Through the bytes, so that there are containers of all kinds.
		bx := must(Decode(appendTo(t, Of(x...), StarRocks)))
		by := must(Decode(appendTo(t, Of(y...), RBM64)))
		for name, f := range map[string]struct {
			own func(b, o *Bitmap)
			lib func(x, y *roaring64.Bitmap) *roaring64.Bitmap
		}{
			"or":     {(*Bitmap).Or, roaring64.Or},
			"and":    {(*Bitmap).And, roaring64.And},
			"xor":    {(*Bitmap).Xor, roaring64.Xor},
			"andnot": {(*Bitmap).AndNot, roaring64.AndNot},
		} {
			got := &Bitmap{}
			got.Or(bx)
			f.own(got, by)
			want := f.lib(ox, oy)
			requireSame(t, want, got, "seed %d, %s", seed, name)
			if !want.IsEmpty() {
				require.Equal(t, want.Maximum(), got.Max(), "seed %d, %s", seed, name)
			}
			for range 50 {
				v := x[r.IntN(len(x))] + r.Uint64N(3)
				require.Equal(t, want.Contains(v), got.Contains(v), "seed %d, %s, %d", seed, name, v)
			}
			for _, form := range []Form{StarRocks, Portable64, RBM64} {
				require.True(t, got.Equal(must(DecodeAs(appendTo(t, got, form), form))), "seed %d, %s, %s", seed, name, form)
			}
		}
		requireSame(t, ox, bx, "seed %d: operands stay", seed)
		requireSame(t, oy, by, "seed %d: operands stay", seed)
	}
}

func appendTo(t testing.TB, b *Bitmap, f Form) []byte {
	raw, err := b.Append(nil, f)
	require.NoError(t, err)
	return raw
}

// FuzzDecode holds that no bytes make Decode panic, take much memory, or come out as another set.
func FuzzDecode(f *testing.F) {
	for _, vals := range [][]uint64{{}, {1}, {1 << 40}, {1, 2, 3, 70000}, {1, 1 << 33, 1 << 60}} {
		for _, form := range []Form{StarRocks, Portable64, RBM64} {
			f.Add(appendTo(f, Of(vals...), form))
		}
	}
	f.Add(appendTo(f, Of(1, 2, 3, 70000), RBM32))
	f.Add([]byte("\x0d\x02\x00\x00\x00\x00\x01\x01\x00\x00\x00\x05\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00"))
	f.Add([]byte("\x0a\x02\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x80\x03\x00\x00\x00\x00\x00\x00\x00"))
	for _, l := range javaLines(f) {
		if raw := l[2]; l[0] == "raw64" && len(raw) < 2000 {
			f.Add(unhex(f, raw))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		accepted := 0
		var first *Bitmap
		for _, form := range []Form{StarRocks, Portable32, Portable64, RBM64} {
			b, err := DecodeAs(raw, form)
			if err != nil {
				require.ErrorIs(t, err, errs.ErrCorrupt)
				continue
			}
			if accepted++; accepted > 1 {
				require.True(t, first.Equal(b), "two forms, two meanings")
			}
			first = b
		}
		b, err := Decode(raw)
		require.Equal(t, accepted > 0, err == nil, "%v", err)
		if err != nil {
			return
		}
		require.True(t, first.Equal(b))
		for _, form := range []Form{StarRocks, Portable64, RBM64} {
			again := appendTo(t, b, form)
			require.True(t, b.Equal(must(Decode(again))), "%s", form)
			require.Equal(t, again, appendTo(t, must(Decode(again)), form))
		}
	})
}

// FuzzUnion joins damaged values: an error, never a panic, and the union stays as it was.
func FuzzUnion(f *testing.F) {
	f.Add(appendTo(f, Of(1, 2, 1<<40), RBM64), appendTo(f, Of(1, 1<<33), RBM64))
	f.Add(appendTo(f, Of(1, 2, 70000), RBM32), appendTo(f, Of(1, 2), RBM32))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		for _, form := range []Form{RBM32, RBM64} {
			u, err := NewUnion(form)
			require.NoError(t, err)
			if u.Add(x) != nil {
				continue
			}
			want := must(DecodeAs(x, form))
			before := u.Append(nil)
			if err := u.Add(y); err != nil {
				require.ErrorIs(t, err, errs.ErrCorrupt)
				require.Equal(t, before, u.Append(nil))
				continue
			}
			want.Or(must(DecodeAs(y, form)))
			require.True(t, want.Equal(must(DecodeAs(u.Append(nil), form))))
		}
	})
}
