package datafile

// StatsOptions says which column statistics data files keep.
type StatsOptions struct {
	// Mode is the default: "none", "counts", "full", "truncate(n)"; default
	// "truncate(16)". Table options "metadata.stats-mode" and, resolved by the
	// caller for the writer's level, "metadata.stats-mode.per.level".
	Mode string
	// FieldModes maps column names to their own mode. Table options
	// "fields.<column>.stats-mode".
	FieldModes map[string]string
	// KeepFirstColumns leaves columns after the first n without statistics;
	// 0 or less keeps all... see KeepFirst.
	KeepFirstColumns *int
	// Full stores an entry for every column, also those without statistics.
	// It is table option "metadata.stats-dense-store" = false.
	Full bool
}
