package lsm

// lookupOnly watches compactions of tables that need lookup and have no
// changelog of it (force-lookup, say). Without it a level-0 row would go up
// without the row that lies above, which MergeLookup then hides for good.
type lookupOnly struct{ maxLevel int }

var _ ChangelogProducer = lookupOnly{}

// Rewrites implements ChangelogProducer.
func (lookupOnly) Rewrites(outputLevel int, sections []Section) bool {
	if outputLevel == 0 {
		return false
	}
	for _, s := range sections {
		for _, f := range s.Files() {
			if f.Level == 0 {
				return true
			}
		}
	}
	return false
}

// Upgrade implements ChangelogProducer.
func (l lookupOnly) Upgrade(outputLevel int, f *File) UpgradeMode {
	if f.Level == 0 && outputLevel < l.maxLevel {
		return UpgradeByRewrite
	}
	return UpgradeOnly
}

// Silent implements ChangelogProducer.
func (lookupOnly) Silent(level int32) bool { return level > 0 }

// Writes implements ChangelogProducer.
func (lookupOnly) Writes() bool { return false }

// Changes implements ChangelogProducer.
func (lookupOnly) Changes(*Window, *After, *Changes) error { return nil }
