package mysqlcdc

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon/errs"
)

// position is the JSON form of a change.Position.
//
// (File, Pos) and GTID name the same transaction boundary. GTID is preferred
// when it is set, because it outlives a failover. Skip > 0 says that the
// batch ended inside the transaction that follows the boundary, after Skip of
// the table's row changes: the server sends that transaction again from its
// start.
type position struct {
	Version int    `json:"v"`
	File    string `json:"file,omitempty"`
	Pos     uint64 `json:"pos,omitempty"`
	GTID    string `json:"gtid,omitempty"`
	Skip    int    `json:"skip,omitempty"`
	// Snapshot is set while the snapshot is under way.
	Snapshot *snapshotCursor `json:"snapshot,omitempty"`
}

// snapshotCursor says how far the snapshot has come: all rows whose primary
// key is at or below Key have been read. Empty Key: none.
type snapshotCursor struct {
	Key []string `json:"key,omitempty"`
}

const positionVersion = 1

func parsePosition(from change.Position) (position, error) {
	var p position
	d := json.NewDecoder(strings.NewReader(string(from)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, errs.Invalid("read mysql-cdc position %q: %v", string(from), err)
	}
	if p.Version != positionVersion {
		return p, errs.Unsupported("read mysql-cdc position %q: version %d: written by another version of Tarn", string(from), p.Version)
	}
	if p.File == "" && p.GTID == "" || p.Skip < 0 {
		return p, errs.Invalid("read mysql-cdc position %q: names no place in the binlog", string(from))
	}
	return p, nil
}

func (p position) encode() change.Position {
	p.Version = positionVersion
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("mysqlcdc: encode position: %v", err)) // strings and numbers always encode
	}
	return change.Position(b)
}

func (p position) String() string {
	s := fmt.Sprintf("%s:%d", p.File, p.Pos)
	if p.GTID != "" {
		s += " (GTID " + p.GTID + ")"
	}
	return s
}

// fileOffset is a place in the binlog of one server.
type fileOffset struct {
	file string
	pos  uint64
}

func (a fileOffset) String() string { return fmt.Sprintf("%s:%d", a.file, a.pos) }

// before orders places: files by their number, then offsets.
func (a fileOffset) before(b fileOffset) bool {
	if a.file == b.file {
		return a.pos < b.pos
	}
	an, bn := fileNumber(a.file), fileNumber(b.file)
	if an != bn {
		return an < bn
	}
	return a.file < b.file
}

// fileNumber is the number at the end of "bin.000123".
func fileNumber(file string) uint64 {
	n, err := strconv.ParseUint(file[strings.LastIndexByte(file, '.')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
