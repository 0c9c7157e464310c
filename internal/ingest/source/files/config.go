package files

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/internal/ingest/decode/debezium"
	"github.com/tarndb/tarn/internal/ingest/decode/json"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/types"
)

// Options are what the operator allows, as against what a script asks for.
type Options struct {
	// Dir is the folder of the script: relative paths start there, and it may
	// be read. "" when there is none.
	Dir string
	// Warehouse may be read too. "" when it is not a local folder.
	Warehouse string
	// AllowedDirs are more folders that may be read.
	AllowedDirs []string
}

// Format is a form of lines.
type Format string

// The formats.
const (
	JSON     Format = "json"
	Debezium Format = "debezium-json"
)

// Config says what to read and how. Start from ParseOptions.
type Config struct {
	Path   string // as the user wrote it; for messages
	Format Format

	// MonitorInterval is how often the directory is listed again; 0 reads to
	// the end and stops: source.monitor-interval.
	MonitorInterval time.Duration

	// MaxLine is the longest line, in bytes; a longer one is an error, or left
	// out with ignore-parse-errors. Default 16 MiB. It has no option.
	MaxLine int
	// MaxBatchRows and MaxBatchBytes (of text) end a batch; default 4096 rows
	// and 4 MiB. They have no options.
	MaxBatchRows  int
	MaxBatchBytes int

	// OnIgnored, when set, hears how many lines were left out and values made
	// null by ignore-parse-errors. It has no option.
	OnIgnored func(lines, values int)

	json     json.Options
	debezium debezium.Options

	root  string // folder that may be read
	below string // the path's place in root
}

// ParseOptions reads the options of a filesystem table. An unknown one is an
// error, and so is a path outside the folders that may be read.
func ParseOptions(given map[string]string, o Options) (Config, error) {
	c := Config{MaxLine: 16 << 20, MaxBatchRows: 4096, MaxBatchBytes: 4 << 20}
	rest := map[string]string{}
	keys := make([]string, 0, len(given))
	for k := range given {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		v := given[k]
		var err error
		switch k {
		case "connector":
		case "path":
			c.Path = v
		case "format":
			c.Format = Format(strings.ToLower(strings.TrimSpace(v)))
		case "source.monitor-interval":
			c.MonitorInterval, err = options.ParseDuration(v)
			if err == nil && c.MonitorInterval < time.Millisecond {
				err = errs.Invalid("%q: want at least 1 ms", v)
			}
		default:
			if !strings.HasPrefix(k, "json.") && !strings.HasPrefix(k, "debezium-json.") {
				err = errs.Invalid("unknown; known are path, format, source.monitor-interval and those of the format")
			}
			rest[k] = v
		}
		if err != nil {
			return c, fmt.Errorf("filesystem option %q: %w", k, err)
		}
	}
	if err := c.parseFormat(rest); err != nil {
		return c, err
	}
	return c, c.place(o)
}

func (c *Config) parseFormat(rest map[string]string) error {
	var err error
	switch c.Format {
	case JSON:
		c.json, err = json.ParseOptions(rest, "json.")
	case Debezium:
		c.debezium, err = debezium.ParseOptions(rest)
	case "":
		return errs.Invalid("filesystem option \"format\" is required: json or debezium-json")
	default:
		return errs.Unsupported("filesystem option \"format\" = %q: not supported; this version has json and debezium-json", c.Format)
	}
	if err != nil {
		return err
	}
	for k := range rest {
		if !strings.HasPrefix(k, string(c.Format)+".") {
			return errs.Invalid("filesystem option %q has no effect on 'format' = '%s'", k, c.Format)
		}
	}
	return nil
}

// place finds the folder that allows the path to be read.
func (c *Config) place(o Options) error {
	p, err := localPath(c.Path)
	if err != nil {
		return fmt.Errorf("filesystem option \"path\": %w", err)
	}
	if !filepath.IsAbs(p) {
		if o.Dir == "" {
			return errs.Invalid("filesystem option \"path\" = %q: a relative path needs a script to be relative to; give an absolute one", c.Path)
		}
		p = filepath.Join(o.Dir, p)
	}
	if p, err = filepath.Abs(p); err != nil {
		return fmt.Errorf("filesystem option \"path\": %w", err)
	}
	for _, dir := range append([]string{o.Dir, o.Warehouse}, o.AllowedDirs...) {
		if dir == "" {
			continue
		}
		if c.root, c.below = inside(dir, p); c.root != "" {
			return nil
		}
	}
	return errs.Invalid("filesystem option \"path\" = %q lies outside the folders that may be read: those of the script and the warehouse, and those that the operator allows", c.Path)
}

// localPath takes file:// off, and refuses every other scheme.
func localPath(text string) (string, error) {
	if text == "" {
		return "", errs.Invalid("it is required")
	}
	scheme, rest, ok := strings.Cut(text, ":")
	if !ok || len(scheme) < 2 || strings.ContainsFunc(scheme, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		return text, nil
	}
	if strings.ToLower(scheme) != "file" {
		return "", errs.Unsupported("%q: scheme %s: not supported; this version reads local files", text, scheme)
	}
	rest, host := strings.CutPrefix(rest, "//")
	if host && !strings.HasPrefix(rest, "/") {
		return "", errs.Invalid("%q names a host; write file:///path", text)
	}
	p, err := url.PathUnescape(rest)
	if err != nil {
		return "", errs.Invalid("%q: %w", text, err)
	}
	return filepath.FromSlash(p), nil
}

// inside gives the path's place below dir; root is "" when it is not there.
// Either may be reached over symbolic links.
func inside(dir, p string) (root, below string) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", ""
	}
	if rel, err := filepath.Rel(dir, p); err == nil && filepath.IsLocal(rel) {
		return dir, rel
	}
	realDir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", ""
	}
	realPath, err := filepath.EvalSymlinks(p)
	if err != nil {
		return "", ""
	}
	if rel, err := filepath.Rel(realDir, realPath); err == nil && filepath.IsLocal(rel) {
		return realDir, rel
	}
	return "", ""
}

func (c *Config) validate() error {
	if c.root == "" {
		return errs.Invalid("files %q: the configuration was not made by ParseOptions", c.Path)
	}
	if c.MaxLine < 1 || c.MaxBatchRows < 1 || c.MaxBatchBytes < 1 {
		return errs.Invalid("files %s: MaxLine, MaxBatchRows and MaxBatchBytes must be at least 1", c.Path)
	}
	return nil
}

func (c *Config) decoder(fields []types.Field) (decode.Decoder, error) {
	var d decode.Decoder
	var err error
	if c.Format == Debezium {
		d, err = debezium.NewDecoder(fields, c.debezium)
	} else {
		d, err = json.NewDecoder(fields, c.json)
	}
	if err != nil {
		return nil, fmt.Errorf("format %s: %w", c.Format, err)
	}
	return d, nil
}

// ignores tells whether wrong lines are left out.
func (c *Config) ignores() bool {
	return c.json.IgnoreParseErrors || c.debezium.JSON.IgnoreParseErrors
}
