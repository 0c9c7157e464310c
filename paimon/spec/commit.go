package spec

// CommitMessage is what a writer hands to the committer for one bucket of one
// partition. It holds no open files and may travel between processes.
type CommitMessage struct {
	Partition    []byte // BinaryRow bytes without the arity prefix; zero-field row if unpartitioned
	Bucket       int
	TotalBuckets int
	// Known, when set, is the newest snapshot whose rows the writer knew (0:
	// none): rows that another job has committed since make it a conflict.
	Known *int64

	// Files written since the last commit (level 0).
	NewFiles       []DataFileMeta
	ChangelogFiles []DataFileMeta
	// DeletedFiles are files that an append-kind commit takes away (overwrite).
	DeletedFiles []DataFileMeta
	// New index files (HASH, DELETION_VECTORS) and the ones they replace.
	// Deletion vectors make the commit an OVERWRITE.
	NewIndexFiles     []IndexFileMeta
	DeletedIndexFiles []IndexFileMeta

	// Compaction results: committed as a COMPACT snapshot of their own.
	CompactBefore    []DataFileMeta
	CompactAfter     []DataFileMeta
	CompactChangelog []DataFileMeta
	// Index files (DELETION_VECTORS) that go with the compaction, and those that
	// they replace.
	CompactNewIndexFiles     []IndexFileMeta
	CompactDeletedIndexFiles []IndexFileMeta
}

// Empty reports whether the message changes nothing.
func (m *CommitMessage) Empty() bool {
	return !m.HasAppend() && !m.HasCompact()
}

// HasAppend reports whether the message adds rows or index entries.
func (m *CommitMessage) HasAppend() bool {
	return len(m.NewFiles)+len(m.ChangelogFiles)+len(m.DeletedFiles)+len(m.NewIndexFiles)+len(m.DeletedIndexFiles) > 0
}

// HasCompact reports whether the message holds compaction results.
func (m *CommitMessage) HasCompact() bool {
	return len(m.CompactBefore)+len(m.CompactAfter)+len(m.CompactChangelog)+len(m.CompactNewIndexFiles)+len(m.CompactDeletedIndexFiles) > 0
}
