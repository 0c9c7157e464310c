package bucket

import (
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
)

// Global knows the partition and the bucket of every key of a table whose
// primary key lacks partition columns: a key is in one partition at a time. It
// is local to a writer, which must be the only one of the table.
// Source: org.apache.paimon.crosspartition.GlobalIndexAssigner, BucketAssigner.
type Global struct {
	index      *KeyIndex
	targetRows int64
	partitions []globalPartition
	ids        map[string]int32
}

type globalPartition struct {
	row    string
	counts []int64 // keys of each bucket; -1: there is no such bucket
}

// maxPlaces bounds partitions and buckets: their numbers share a word.
const maxPlaces = 1<<31 - 1

// NewGlobal makes an empty index; targetRows is how many keys a bucket takes
// (dynamic-bucket.target-row-num).
func NewGlobal(index *KeyIndex, targetRows int64) *Global {
	return &Global{index: index, targetRows: targetRows, ids: map[string]int32{}}
}

// Partition gives the number of a partition.
func (g *Global) Partition(row string) (int32, error) {
	if id, ok := g.ids[row]; ok {
		return id, nil
	}
	if len(g.partitions) >= maxPlaces {
		return 0, errs.Invalid("more than %d partitions", maxPlaces)
	}
	id := int32(len(g.partitions))
	g.partitions = append(g.partitions, globalPartition{row: row})
	g.ids[row] = id
	return id, nil
}

// Row gives the partition of a number.
func (g *Global) Row(partition int32) string { return g.partitions[partition].row }

// Find gives the place of a key; ok is false for a new one.
func (g *Global) Find(k Key) (partition, bucket int32, ok bool, err error) {
	where, err := g.index.Get(k)
	if where == 0 || err != nil {
		return 0, 0, false, err
	}
	where--
	return int32(where >> 32), int32(uint32(where)), true, nil
}

// Load takes a key that is in the table. Two places for one key are an error:
// two jobs wrote at once.
func (g *Global) Load(k Key, partition, bucket int32) error {
	if p, _, ok, err := g.Find(k); err != nil {
		return err
	} else if ok && p != partition {
		return errs.Kinded(errs.ErrCorrupt, "a key is in two partitions: two jobs wrote the table at once; a primary key without the partition columns takes one job at a time")
	}
	g.grow(partition, bucket)
	g.partitions[partition].counts[bucket]++
	return g.put(k, partition, bucket)
}

func (g *Global) put(k Key, partition, bucket int32) error {
	return g.index.Put(k, (uint64(partition)<<32|uint64(uint32(bucket)))+1)
}

func (g *Global) grow(partition, bucket int32) {
	p := &g.partitions[partition]
	for len(p.counts) <= int(bucket) {
		p.counts = append(p.counts, -1)
	}
	if p.counts[bucket] < 0 {
		p.counts[bucket] = 0
	}
}

// Place puts a key into a partition and gives its bucket: the first that is
// not full.
func (g *Global) Place(k Key, partition int32) (int32, error) {
	counts := g.partitions[partition].counts
	b := slices.IndexFunc(counts, func(n int64) bool { return n >= 0 && n < g.targetRows })
	if b < 0 {
		if b = slices.Index(counts, -1); b < 0 {
			b = len(counts)
		}
	}
	g.grow(partition, int32(b))
	g.partitions[partition].counts[b]++
	return int32(b), g.put(k, partition, int32(b))
}

// Leave says that a key has left a bucket.
func (g *Global) Leave(partition, bucket int32) { g.partitions[partition].counts[bucket]-- }

// Bytes is the memory that the keys take.
func (g *Global) Bytes() int64 { return g.index.Bytes() }

// Close drops the index.
func (g *Global) Close() error { return g.index.Close() }
