package datafile

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// External says that new data files lie outside of the table's directory.
// Table options "data-file.external-paths" and those that start with it.
// Source: org.apache.paimon.fs.ExternalPathProvider.
type External struct {
	// Roots are URIs of directories.
	Roots []string
	// Entropy puts files into directories by a hash of their names.
	Entropy bool
	// Weights, if set, are those of Roots; else they take turns.
	Weights []int
}

// KeyOf gives the path in the store of a file or directory that is named by
// URI; errs.ErrUnsupported when the store does not reach it.
func KeyOf(store fileio.Store, uri string) (string, error) {
	if r, ok := store.(fileio.Resolver); ok {
		if key, ok := r.KeyOf(uri); ok {
			return key, nil
		}
	}
	return "", errs.Unsupported("external path %s lies outside of the warehouse, which this version of Tarn does not leave", uri)
}

// externalPaths names the files of one bucket that lie outside.
type externalPaths struct {
	External
	bucket string // directory of the bucket below a root
	mu     sync.Mutex
	next   int
}

func newExternalPaths(e External, bucket string) *externalPaths {
	if len(e.Roots) == 0 {
		return nil
	}
	out := &externalPaths{External: e, bucket: bucket}
	if !e.Entropy {
		out.next = rand.IntN(len(e.Roots))
	}
	return out
}

// uri gives where a new file lies.
func (e *externalPaths) uri(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	dir := e.bucket
	if e.Entropy {
		dir += "/" + entropy(name)
	}
	e.next = (e.next + 1) % len(e.Roots)
	return e.root() + "/" + dir + "/" + name
}

func (e *externalPaths) root() string {
	if len(e.Weights) == 0 {
		return e.Roots[e.next]
	}
	total := 0
	for _, w := range e.Weights {
		total += w
	}
	at := rand.IntN(total)
	for i, w := range e.Weights {
		if at -= w; at < 0 {
			return e.Roots[i]
		}
	}
	return e.Roots[0]
}

// entropy gives directories made of 20 bits of a name's hash.
// Source: org.apache.paimon.fs.EntropyInjectExternalPathProvider.computeHash.
func entropy(name string) string {
	text := fmt.Sprintf("%032b", murmur3(name))[12:]
	return strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:]}, "/")
}

// murmur3 is MurmurHash3 of 32 bits with seed 0.
func murmur3(s string) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	h, b := uint32(0), []byte(s)
	for ; len(b) >= 4; b = b[4:] {
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(b)*c1, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	var tail [4]byte
	if copy(tail[:], b) > 0 {
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(tail[:])*c1, 15) * c2
	}
	h ^= uint32(len(s))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
