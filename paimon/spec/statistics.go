package spec

import (
	"encoding/json"
	"fmt"
)

// Statistics are what ANALYZE found in a snapshot: a file in statistics/.
// Pointers are nil for what is not known.
// Source: org.apache.paimon.stats.Statistics.
type Statistics struct {
	SnapshotID        int64                  `json:"snapshotId"` // what was read
	SchemaID          int64                  `json:"schemaId"`   // which the columns are of
	MergedRecordCount *int64                 `json:"mergedRecordCount,omitempty"`
	MergedRecordSize  *int64                 `json:"mergedRecordSize,omitempty"` // bytes of their share of the files
	Columns           map[string]ColumnStats `json:"colStats"`                   // by column name
}

// ColumnStats are those of one column. Min and Max are text: numbers in
// decimal, DATE in days and TIME in milliseconds, timestamps as 2025-06-01
// 10:00:00.5 (those with time zone in UTC). Source: org.apache.paimon.stats.ColStats.
type ColumnStats struct {
	ColumnID      int     `json:"colId"`
	DistinctCount *int64  `json:"distinctCount,omitempty"` // estimated
	Min           *string `json:"min,omitempty"`
	Max           *string `json:"max,omitempty"`
	NullCount     *int64  `json:"nullCount,omitempty"`
	AvgLen        *int64  `json:"avgLen,omitempty"` // bytes, of text characters
	MaxLen        *int64  `json:"maxLen,omitempty"`
}

// ParseStatistics reads a statistics file. Unknown fields are ignored.
func ParseStatistics(data []byte) (*Statistics, error) {
	s := &Statistics{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	if s.SnapshotID < 1 {
		return nil, fmt.Errorf("read statistics: %d is not a snapshot id", s.SnapshotID)
	}
	return s, nil
}

// JSON gives the bytes of the statistics file.
func (s *Statistics) JSON() ([]byte, error) {
	b, err := marshalPretty(s)
	if err != nil {
		return nil, fmt.Errorf("write statistics of snapshot %d: %w", s.SnapshotID, err)
	}
	return b, nil
}
