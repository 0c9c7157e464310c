package orc

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func intsOf(b []byte, v2, signed bool) *ints {
	r := &ints{}
	r.open(section{in: bytes.NewReader(nil), data: b}, &unpacker{}, v2, signed)
	return r
}

// TestExamples has the examples of the format's specification.
func TestExamples(t *testing.T) {
	down := make([]int64, 100)
	for i := range down {
		down[i] = int64(100 - i)
	}
	base := []int64{2030, 2000, 2020, 1000000, 2040, 2050, 2060, 2070, 2080, 2090, 2100, 2110, 2120, 2130, 2140, 2150, 2160, 2170, 2180, 2190}
	for _, x := range []struct {
		name   string
		v2     bool
		in     []byte
		signed bool
		want   []int64
	}{
		{"run of version 1", false, []byte{0x61, 0xff, 0x64}, false, down},
		{"literals of version 1", false, []byte{0xfb, 0x02, 0x03, 0x06, 0x07, 0xb}, false, []int64{2, 3, 6, 7, 11}},
		{"short repeat", true, []byte{0x0a, 0x27, 0x10}, false, []int64{10000, 10000, 10000, 10000, 10000}},
		{"direct", true, []byte{0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef}, false, []int64{23713, 43806, 57005, 48879}},
		{"patched base", true, []byte{0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e,
			0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8}, false, base},
		{"delta", true, []byte{0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46}, false, []int64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}},
		{"zigzag", true, []byte{0x01 << 3 >> 3, 0x03}, true, []int64{-2, -2, -2, -2}},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := make([]int64, len(x.want))
			require.NoError(t, intsOf(x.in, x.v2, x.signed).read(got))
			require.Equal(t, x.want, got)
			require.Error(t, intsOf(x.in, x.v2, x.signed).read(make([]int64, len(got)+1)))
		})
	}
}

func TestBytes(t *testing.T) {
	var r byteRuns
	r.open(section{data: []byte{0x61, 0x00, 0xfe, 0x44, 0x45}}, &unpacker{})
	got := make([]byte, 102)
	require.NoError(t, r.read(got))
	require.Equal(t, append(make([]byte, 100), 0x44, 0x45), got)

	// booleans at every offset of the source and of the target
	src := []byte{0xb3, 0x5c, 0x0f, 0xe1, 0x97, 0x22, 0x00, 0xff}
	in := append([]byte{0xf8}, src...)
	for skip := range 9 {
		for at := range 9 {
			var b bitRuns
			b.open(section{data: bytes.Clone(in)}, &unpacker{})
			require.NoError(t, b.read(make([]byte, 2), 0, skip))
			dst := make([]byte, 10)
			n := 64 - skip
			require.NoError(t, b.read(dst, at, n))
			for i := range n {
				want := src[(skip+i)/8]>>(7-(skip+i)%8)&1 == 1
				require.Equal(t, want, dst[(at+i)/8]>>((at+i)%8)&1 == 1, "%d %d %d", skip, at, i)
			}
			require.Error(t, b.read(dst, 0, 1))
		}
	}
}

func TestUnpack(t *testing.T) {
	for code := range byte(32) {
		width := widthOf(code)
		require.Equal(t, width, closestWidth(width))
		want := make([]int64, 37)
		for i := range want {
			want[i] = int64(uint64(i) * 0x9e3779b97f4a7c15 >> (64 - width))
		}
		var b []byte
		bit := 0
		for _, v := range want {
			for k := width - 1; k >= 0; k-- {
				if bit%8 == 0 {
					b = append(b, 0)
				}
				b[bit/8] |= byte(uint64(v)>>k&1) << (7 - bit%8)
				bit++
			}
		}
		got := make([]int64, len(want))
		unpack(got, b, width)
		require.Equal(t, want, got, "width %d", width)
	}
}

func FuzzInts(f *testing.F) {
	f.Add([]byte{0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e,
		0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8}, true, false)
	f.Add([]byte{0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46}, true, true)
	f.Add([]byte{0x0a, 0x27, 0x10, 0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef}, true, true)
	f.Add([]byte{0x61, 0xff, 0x64, 0xfb, 0x02, 0x03, 0x06, 0x07, 0xb}, false, false)
	f.Fuzz(func(t *testing.T, data []byte, v2, signed bool) {
		r := intsOf(data, v2, signed)
		var buf [100]int64
		for n := 0; n < 10_000 && r.read(buf[:]) == nil; n++ {
		}
	})
}
