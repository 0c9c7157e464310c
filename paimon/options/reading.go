package options

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
)

// unreadable are options that change which rows a read gives, and that Tarn
// does not honour: reading on would silently give other rows.
var unreadable = []string{"incremental-between", "incremental-between-timestamp", "incremental-to-auto-tag", "scan.watermark",
	"scan.file-creation-time-millis", "scan.creation-time-millis", "scan.bucket", "scan.partitions"}

// CheckBatchScan refuses options and values of `scan.mode` that ask for other
// rows than a batch read gives.
func CheckBatchScan(m Map) error {
	modes := []string{"default", "latest-full", "full", "latest", "from-timestamp", "from-snapshot", "from-snapshot-full"}
	return m.checkScan("batch", modes, unreadable)
}

// CheckStreamScan is CheckBatchScan for streaming reads. A consumer would have
// to be written, else its snapshots are not kept from expiry.
func CheckStreamScan(m Map) error {
	modes := []string{"default", "latest-full", "full", "latest", "from-timestamp", "from-snapshot", "from-snapshot-full"}
	more := []string{"scan.tag-name", "scan.timestamp", "scan.version", "scan.bounded.watermark", "consumer-id"}
	if strings.EqualFold(m["streaming-read-append-overwrite"], "true") {
		more = append(more, "streaming-read-append-overwrite")
	}
	return m.checkScan("streaming", modes, append(more, unreadable...))
}

func (m Map) checkScan(kind string, modes, refused []string) error {
	for _, key := range refused {
		if v, ok := m[key]; ok {
			return errs.Unsupported("option '%s' = '%s' is not supported by this version of Tarn in %s reads; reset it", key, v, kind)
		}
	}
	if v, ok := m["scan.mode"]; ok && !slices.Contains(modes, strings.ToLower(strings.ReplaceAll(v, "_", "-"))) {
		return errs.Unsupported("'scan.mode' = '%s' is not supported by this version of Tarn in %s reads; it takes %s", v, kind, strings.Join(modes, ", "))
	}
	return nil
}
