package options

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// FileForm is how the files of one level are written.
type FileForm struct {
	Format      string // identifier, lower case
	Compression string // as in "file.compression"
	StatsMode   string // as in "metadata.stats-mode"
}

// DataForm gives the form of data files of a level of a table with a primary
// key. Tables without one know no levels: theirs is that of Files.
// Source: org.apache.paimon.io.KeyValueFileWriterFactory.FileWriterContextFactory.
func (t *Table) DataForm(level int) FileForm {
	f := FileForm{t.Files.Format, t.Files.Compression, t.Files.StatsMode}
	for _, o := range []struct {
		byLevel map[int]string
		value   *string
	}{{t.Files.FormatByLevel, &f.Format}, {t.Files.CompressionByLevel, &f.Compression}, {t.Files.StatsByLevel, &f.StatsMode}} {
		if v, ok := o.byLevel[level]; ok {
			*o.value = v
		}
	}
	return f
}

// ChangelogForm gives the form of the changelog files that a compaction into
// level, or a flush (level 0), makes.
func (t *Table) ChangelogForm(level int) FileForm {
	f, c := t.DataForm(level), t.Changelog
	return FileForm{cmp.Or(c.FileFormat, f.Format), cmp.Or(c.FileCompression, f.Compression), cmp.Or(c.FileStatsMode, f.StatsMode)}
}

// Formats gives the formats that writers of the table may use, each once.
func (t *Table) Formats() []string {
	out := append(slices.Collect(maps.Values(t.Files.FormatByLevel)), t.Files.Format)
	if t.Changelog.FileFormat != "" {
		out = append(out, t.Changelog.FileFormat)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// levels reads a value for each level: "0:avro,3:parquet".
func (r *reader) levels(key string) map[int]string {
	out := map[int]string{}
	for _, item := range r.list(key) {
		level, value, ok := strings.Cut(item, ":")
		n, err := strconv.Atoi(strings.TrimSpace(level))
		value = strings.TrimSpace(value)
		if _, twice := out[n]; !ok || err != nil || value == "" || twice {
			r.fail(key, "a value for each level, such as 0:x,5:y")
			return nil
		}
		out[n] = value
	}
	return out
}

// formats reads the formats of levels.
func (r *reader) formats(key string) map[int]string {
	out := r.levels(key)
	for level, v := range out {
		out[level] = strings.ToLower(v)
		if !slices.Contains(fileFormats, out[level]) {
			r.fail(key, "formats among "+strings.Join(fileFormats, ", "))
		}
	}
	return out
}

// fileFormats are the formats that Paimon knows.
var fileFormats = []string{"parquet", "orc", "avro", "row", "csv", "json", "text", "lance", "vortex", "mosaic"}

// directory reads a folder below the table.
func (r *reader) directory(key string) string {
	v := strings.Trim(r.str(key, ""), "/")
	if slices.Contains(strings.Split(v, "/"), "..") || v != "" && path.Clean(v) != v {
		r.fail(key, "a folder below the table, without .. in it")
	}
	return v
}

// External says that new data files lie outside of the table's directory.
type External struct {
	Paths   []string // URIs of directories, as Java prints them; nil: inside
	Entropy bool     // directories are made from hashes of file names
	Weights []int    // of Paths; nil: they take turns
}

// external reads where data files lie.
// Source: org.apache.paimon.AbstractFileStore.createExternalPaths.
func (r *reader) external() External {
	const key = "data-file.external-paths"
	strategy := r.oneOf(key+".strategy", "none", "none", "specific-fs", "round-robin", "entropy-inject", "weight-robin")
	if strategy == "none" || len(r.list(key)) == 0 {
		return External{}
	}
	out := External{Entropy: strategy == "entropy-inject"}
	for _, text := range r.list(key) {
		scheme, rest, ok := strings.Cut(text, ":")
		if !ok || !strings.HasPrefix(rest, "/") {
			r.fail(key, "URIs with their scheme, such as file:/data")
			return External{}
		}
		if strategy == "specific-fs" && !strings.EqualFold(scheme, r.str(key+".specific-fs", "")) {
			continue
		}
		if strings.HasPrefix(rest, "///") {
			rest = rest[2:]
		}
		out.Paths = append(out.Paths, scheme+":"+strings.TrimRight(rest, "/"))
	}
	if len(out.Paths) == 0 {
		r.fail(key, "a path of the file system that "+key+".specific-fs names")
	}
	if strategy == "weight-robin" && len(out.Paths) > 1 {
		out.Weights = r.weights(key+".weights", len(out.Paths))
	}
	return out
}

// weights reads one weight for each of n paths; nil when the option is not set.
func (r *reader) weights(key string, n int) []int {
	var out []int
	for _, text := range r.list(key) {
		w, err := strconv.Atoi(text)
		if err != nil || w < 1 {
			r.fail(key, "whole numbers above 0")
			return nil
		}
		out = append(out, w)
	}
	if out != nil && len(out) != n {
		r.fail(key, "as many weights as there are external paths")
	}
	return out
}
