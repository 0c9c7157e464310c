package spec

import (
	"encoding/json"
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
)

// SnapshotVersion is the version of the snapshot files that Tarn writes and
// the newest that it reads.
const SnapshotVersion = 3

// BatchIdentifier is the commit identifier of commits that are not part of a
// stream.
const BatchIdentifier int64 = 1<<63 - 1

// CommitKind says what a snapshot did.
type CommitKind string

// The kinds of snapshots. Source: org.apache.paimon.Snapshot.CommitKind.
const (
	CommitAppend    CommitKind = "APPEND"    // files added only
	CommitCompact   CommitKind = "COMPACT"   // files rewritten, same rows
	CommitOverwrite CommitKind = "OVERWRITE" // files deleted, or deletion vectors changed
	CommitAnalyze   CommitKind = "ANALYZE"   // statistics only
)

// Snapshot is one committed version of a table. Pointers are nil where the
// file has no such field. Once made it is shared and not changed.
// Source: org.apache.paimon.Snapshot.
type Snapshot struct {
	Version                   int               `json:"version"`
	UUID                      *string           `json:"uuid,omitempty"` // 2.x
	ID                        int64             `json:"id"`
	SchemaID                  int64             `json:"schemaId"`
	BaseManifestList          string            `json:"baseManifestList"` // file names in manifest/
	BaseManifestListSize      *int64            `json:"baseManifestListSize,omitempty"`
	DeltaManifestList         string            `json:"deltaManifestList"`
	DeltaManifestListSize     *int64            `json:"deltaManifestListSize,omitempty"`
	ChangelogManifestList     *string           `json:"changelogManifestList,omitempty"`
	ChangelogManifestListSize *int64            `json:"changelogManifestListSize,omitempty"`
	IndexManifest             *string           `json:"indexManifest,omitempty"`
	CommitUser                string            `json:"commitUser"`
	WriterVersion             *string           `json:"writerVersion,omitempty"` // 2.x
	CommitIdentifier          int64             `json:"commitIdentifier"`
	CommitKind                CommitKind        `json:"commitKind"`
	TimeMillis                int64             `json:"timeMillis"`
	TotalRecordCount          int64             `json:"totalRecordCount"` // rows of all live files, unmerged
	DeltaRecordCount          int64             `json:"deltaRecordCount"` // rows added minus rows taken away
	ChangelogRecordCount      *int64            `json:"changelogRecordCount,omitempty"`
	Watermark                 *int64            `json:"watermark,omitempty"`
	Statistics                *string           `json:"statistics,omitempty"` // file name in statistics/
	Properties                map[string]string `json:"properties,omitempty"`
	NextRowID                 *int64            `json:"nextRowId,omitempty"`
	Operation                 *string           `json:"operation,omitempty"` // 2.x

	// Fallback is the snapshot of the branch that is read beside this one
	// ('scan.fallback-branch', 'scan.primary-branch'); nil: none. It is no part of the file.
	Fallback *Snapshot `json:"-"`
}

// ParseSnapshot reads a snapshot, or the snapshot part of a tag or of a
// long-lived changelog. Unknown fields are ignored; a version newer than
// SnapshotVersion is refused.
func ParseSnapshot(data []byte) (*Snapshot, error) {
	var s Snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return &s, nil
}

func (s *Snapshot) check() error {
	if s.Version > SnapshotVersion {
		return errs.Unsupported("snapshot %d has version %d; the newest known is %d", s.ID, s.Version, SnapshotVersion)
	}
	if s.ID < 1 {
		return fmt.Errorf("read snapshot: id %d is not a snapshot id", s.ID)
	}
	if s.BaseManifestList == "" || s.DeltaManifestList == "" {
		return fmt.Errorf("read snapshot %d: it names no manifest lists", s.ID)
	}
	switch s.CommitKind {
	case CommitAppend, CommitCompact, CommitOverwrite, CommitAnalyze:
		return nil
	}
	return fmt.Errorf("read snapshot %d: commit kind %q is unknown", s.ID, s.CommitKind)
}

// JSON gives the bytes of the snapshot file.
func (s *Snapshot) JSON() ([]byte, error) {
	b, err := marshalPretty(s)
	if err != nil {
		return nil, fmt.Errorf("write snapshot %d: %w", s.ID, err)
	}
	return b, nil
}
