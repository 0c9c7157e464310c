package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/tarndb/tarn/paimon/spec"
)

// Identity appends the identity of an entry to dst: equal bytes name the same
// file at the same level. It is the key that ADD and DELETE share.
// Source: org.apache.paimon.manifest.FileEntry.Identifier.
func Identity(dst []byte, e *spec.ManifestEntry) []byte {
	f := &e.File
	dst = appendText(dst, f.FileName)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(e.Bucket))
	dst = append(dst, byte(f.Level), byte(f.Level>>8))
	dst = appendText(dst, e.Partition)
	dst = binary.AppendUvarint(dst, uint64(len(f.ExtraFiles)))
	for _, x := range f.ExtraFiles {
		dst = appendText(dst, x)
	}
	if f.EmbeddedIndex != nil {
		dst = appendText(append(dst, 1), f.EmbeddedIndex)
	}
	if f.ExternalPath != nil {
		dst = appendText(append(dst, 2), *f.ExternalPath)
	}
	return dst
}

func appendText[T string | []byte](dst []byte, v T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

// MergeEntries folds ADD and DELETE entries in order: a DELETE takes away the
// earlier ADD of the same file; a DELETE without one is kept, which is right
// for a part of the manifests. Adding a file that was not deleted is an error.
// The result is in the order of entries.
// Source: org.apache.paimon.manifest.FileEntry.mergeEntries.
func MergeEntries(entries []spec.ManifestEntry) ([]spec.ManifestEntry, error) {
	m := newMerger(len(entries))
	for i := range entries {
		if err := m.add(&entries[i]); err != nil {
			return nil, err
		}
	}
	return m.result(), nil
}

// merger folds entries one by one. A DELETE marks its ADD dead in place, so
// that the order stays without a linked map.
type merger struct {
	// partial says that earlier manifests are not seen: a DELETE takes away an
	// ADD in one of them, and a later ADD of the same file undoes the DELETE.
	partial bool
	// doomed, when set, are the identities that some manifest deletes. Only
	// those need be remembered by name; of the others a fingerprint tells
	// whether they come twice.
	doomed  map[string]struct{}
	prints  map[uint64]struct{}
	seed    maphash.Seed
	at      map[string]int32 // identity → index into entries
	entries []*spec.ManifestEntry
	dead    int
	key     []byte
}

// errTwins says that two fingerprints are equal: of one file that is added
// twice or, once in a long while, of two files.
var errTwins = errors.New("equal fingerprints")

func newMerger(n int) *merger {
	return &merger{at: make(map[string]int32, n), entries: make([]*spec.ManifestEntry, 0, n)}
}

// add folds e in and keeps the pointer.
func (m *merger) add(e *spec.ManifestEntry) error {
	m.key = Identity(m.key[:0], e)
	if m.doomed != nil {
		if _, ok := m.doomed[string(m.key)]; !ok {
			print := maphash.Bytes(m.seed, m.key)
			if _, twin := m.prints[print]; twin {
				return errTwins
			}
			m.prints[print] = struct{}{}
			m.entries = append(m.entries, e)
			return nil
		}
	}
	i, known := m.at[string(m.key)]
	switch {
	case !known:
		m.at[string(m.key)] = int32(len(m.entries))
		m.entries = append(m.entries, e)
	case e.Kind == spec.KindDelete && m.entries[i].Kind == spec.KindAdd,
		e.Kind == spec.KindAdd && m.entries[i].Kind == spec.KindDelete && m.partial:
		m.entries[i] = nil
		m.dead++
		delete(m.at, string(m.key))
	case e.Kind == spec.KindDelete:
		// a second DELETE changes nothing
	default:
		kind := "added twice"
		if m.entries[i].Kind == spec.KindDelete {
			kind = "deleted before it is added"
		}
		return fmt.Errorf("file %s of level %d in bucket %d is %s", e.File.FileName, e.File.Level, e.Bucket, kind)
	}
	return nil
}

func (m *merger) result() []spec.ManifestEntry {
	out := make([]spec.ManifestEntry, 0, len(m.entries)-m.dead)
	for _, e := range m.entries {
		if e != nil {
			out = append(out, *e)
		}
	}
	return out
}
