package sketch

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
)

// testdata/java.txt.gz was made by the classes inside of Paimon 1.4.2: images
// of sketches ("in"), the union of each with each ("row"), and unions of
// several in a row ("chain"), results as length and hash.
type goldens struct {
	in     [][]byte
	rows   [][]string
	chains []string
}

func readGoldens(t testing.TB) map[string]*goldens {
	f, err := os.Open("testdata/java.txt.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	out := map[string]*goldens{"hll": {}, "theta": {}}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		g := out[words[0]]
		switch words[1] {
		case "in":
			raw, err := base64.StdEncoding.DecodeString(words[2])
			require.NoError(t, err)
			g.in = append(g.in, raw)
		case "row":
			g.rows = append(g.rows, words[3:])
		default:
			g.chains = append(g.chains, strings.Join(words[2:], " "))
		}
	}
	require.NoError(t, lines.Err())
	return out
}

type union func(dst, a, b []byte) ([]byte, error)

func unions() map[string]union {
	return map[string]union{"hll": new(HLL).Union, "theta": new(Theta).Union}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%d:%x", len(b), sum[:8])
}

func TestUnionsAreThoseOfJava(t *testing.T) {
	all := readGoldens(t)
	for name, u := range unions() {
		g := all[name]
		pairs := 0
		for i, row := range g.rows {
			for j, want := range row {
				got, err := u(nil, g.in[i], g.in[j])
				require.NoError(t, err, "%s %d %d", name, i, j)
				require.Equal(t, want, digest(got), "%s %d %d", name, i, j)
				pairs++
			}
		}
		for _, chain := range g.chains {
			list, want, _ := strings.Cut(chain, " = ")
			var acc, spare []byte
			for n, word := range strings.Split(list, " ") {
				i, err := strconv.Atoi(word)
				require.NoError(t, err)
				if n == 0 {
					acc = append(acc, g.in[i]...)
					continue
				}
				next, err := u(spare[:0], acc, g.in[i])
				require.NoError(t, err, chain)
				acc, spare = next, acc
			}
			require.Equal(t, want, digest(acc), "%s %s", name, chain)
		}
		require.Greater(t, pairs, 5000)
	}
}

// Whatever an image says, it is read or refused; what is read can be read
// again once united.
func fuzzUnion(f *testing.F, name string) {
	for i, in := range readGoldens(f)[name].in {
		if len(in) < 3000 {
			f.Add(in, i%2 == 0)
		}
	}
	u := unions()[name]
	f.Fuzz(func(t *testing.T, img []byte, first bool) {
		small := map[string]string{
			"hll":   "AwEHDAUIAAEJAAAAw91RBMS1nwc1qTEEyHokBMvXwgSNxIkJdYFmB3tl5gieLWoH",
			"theta": "AgMDAAAazJMKAAAAAACAP/s4eYkTJI8BFfl9y72GoQWbo4QRBt3JG0/yTeC8DK4cw5f8EoFwnR7VuUPXhik2KZkSsQiFE7cwwjTm4lmEHTvblwTxetsiPmQ9Em6L1ztJ",
		}[name]
		with, err := base64.StdEncoding.DecodeString(small)
		require.NoError(t, err)
		a, b := img, with
		if !first {
			a, b = with, img
		}
		got, err := u(nil, a, b)
		if err != nil {
			require.ErrorIs(t, err, errs.ErrCorrupt)
			return
		}
		again, err := u(nil, got, with)
		require.NoError(t, err)
		_, err = u(nil, with, again)
		require.NoError(t, err)
	})
}

func FuzzHLL(f *testing.F)   { fuzzUnion(f, "hll") }
func FuzzTheta(f *testing.F) { fuzzUnion(f, "theta") }

func BenchmarkUnion(b *testing.B) {
	all := readGoldens(b)
	for name, u := range unions() {
		in := all[name].in
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for i := range b.N {
				buf, _ = u(buf[:0], in[i%len(in)], in[(i/len(in))%len(in)])
			}
		})
	}
}
