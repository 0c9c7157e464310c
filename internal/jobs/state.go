package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// stateDir is the folder of job states in the warehouse. Its name is no
// database's, so other engines do not look into it.
const stateDir = ".tarn/jobs"

// maxStateBytes bounds a state file.
const maxStateBytes = 16 << 20

// savedState is what a job knows of one sink after a commit.
type savedState struct {
	Identifier int64                      `json:"identifier"`
	Snapshot   int64                      `json:"snapshot"` // that the commit made
	Positions  map[string]change.Position `json:"positions"`
}

// stateStore keeps job states beside the tables. The truth is in the
// snapshots; a state counts only where the job's snapshots have expired.
type stateStore struct{ store fileio.Store }

func (s stateStore) path(job, table string) string {
	return fileio.Join(stateDir, url.PathEscape(job), url.PathEscape(table)+".json")
}

func (s stateStore) load(ctx context.Context, job, table string) (savedState, error) {
	var out savedState
	path := s.path(job, table)
	data, err := fileio.ReadAll(ctx, s.store, path, maxStateBytes)
	if errors.Is(err, errs.ErrNotFound) {
		return out, nil
	}
	if err == nil {
		if jerr := json.Unmarshal(data, &out); jerr != nil {
			err = errs.Corrupt(path, "%w", jerr)
		}
	}
	if err != nil {
		return out, fmt.Errorf("load state of job %s: %w", job, err)
	}
	return out, nil
}

func (s stateStore) save(ctx context.Context, job, table string, state savedState) error {
	data, err := json.Marshal(state)
	if err == nil {
		err = s.store.Put(ctx, s.path(job, table), data)
	}
	if err != nil {
		return fmt.Errorf("save state of job %s: %w", job, err)
	}
	return nil
}
