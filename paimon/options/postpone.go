package options

// Postpone says what becomes of the rows of postponed buckets ('bucket' =
// '-2').
type Postpone struct {
	// BatchFixedBucket lets batch jobs write to real buckets; default true.
	BatchFixedBucket bool

	defaultBuckets         int   // 0: by rows or bytes
	targetRows, targetSize int64 // of a bucket; 0: unset
}

func (r *reader) postpone() Postpone {
	return Postpone{
		BatchFixedBucket: r.boolean("postpone.batch-write-fixed-bucket", true),
		defaultBuckets:   r.integer("postpone.default-bucket-num", 0, 1),
		targetRows:       int64(r.integer("postpone.target-row-num-per-bucket", 0, 1)),
		targetSize:       r.bytes("postpone.target-size-per-bucket", 1<<30),
	}
}

// Buckets is the number of buckets that a partition gets first, for so many
// rows and bytes that wait there.
func (p Postpone) Buckets(rows, bytes int64) int {
	switch {
	case p.defaultBuckets > 0:
		return p.defaultBuckets
	case p.targetRows > 0:
		return int(max(1, (rows+p.targetRows-1)/p.targetRows))
	case p.targetSize > 0:
		return int(max(1, (bytes+p.targetSize-1)/p.targetSize))
	}
	return 1
}
