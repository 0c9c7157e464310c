package spec

import (
	"encoding/json"
	"time"
)

// SuccessFile says that a partition, or the snapshot of a tag, is complete.
// Source: org.apache.paimon.partition.file.SuccessFile.
type SuccessFile struct {
	CreationTime     int64 `json:"creationTime"` // epoch milliseconds
	ModificationTime int64 `json:"modificationTime"`
}

// Touched gives the file as it is after one more marking; before is what it
// held, nil for no file.
func Touched(before []byte, now time.Time) ([]byte, error) {
	s := SuccessFile{CreationTime: now.UnixMilli()}
	if before != nil {
		if err := json.Unmarshal(before, &s); err != nil {
			return nil, err
		}
	}
	s.ModificationTime = now.UnixMilli()
	return marshalPretty(s)
}
