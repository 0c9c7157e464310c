package options

import "time"

// Cross says how the place of keys is known in tables whose primary key lacks
// partition columns.
type Cross struct {
	// IndexTTL leaves keys of buckets without a file younger than this out; 0:
	// all are known. A key that was left out may get a second row.
	IndexTTL             time.Duration
	BootstrapParallelism int // buckets read at once when a writer starts; 10
}

func (r *reader) cross() Cross {
	return Cross{
		IndexTTL:             r.duration("cross-partition-upsert.index-ttl", 0),
		BootstrapParallelism: r.integer("cross-partition-upsert.bootstrap-parallelism", 10, 1),
	}
}
