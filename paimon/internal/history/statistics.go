package history

import (
	"context"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

const statisticsPrefix = "stat-"

// statisticsPath gives the path of a statistics file. All branches have theirs
// in one place, as their manifests.
func (h *History) statisticsPath(name string) string {
	return fileio.Join(h.table, "statistics", name)
}

// Statistics reads the statistics that s names; nil if it names none,
// errs.ErrNotFound if they are gone.
// Source: org.apache.paimon.stats.StatsFileHandler.readStats.
func (h *History) Statistics(ctx context.Context, s *spec.Snapshot) (*spec.Statistics, error) {
	if s == nil || s.Statistics == nil {
		return nil, nil
	}
	return load(ctx, h.store, h.statisticsPath(*s.Statistics), spec.ParseStatistics)
}

// WriteStatistics writes a file that no snapshot names yet and gives its name.
// Source: org.apache.paimon.stats.StatsFile.write.
func (h *History) WriteStatistics(ctx context.Context, s *spec.Statistics) (string, error) {
	data, err := s.JSON()
	if err != nil {
		return "", err
	}
	name := statisticsPrefix + uuid.NewString() + "-0"
	if err := h.store.PutIfAbsent(ctx, h.statisticsPath(name), data); err != nil {
		h.DropStatistics(context.WithoutCancel(ctx), name)
		return "", err
	}
	return name, nil
}

// DropStatistics deletes a file that no snapshot names. What stays is an orphan.
func (h *History) DropStatistics(ctx context.Context, name string) {
	_ = h.store.Delete(ctx, h.statisticsPath(name))
}
