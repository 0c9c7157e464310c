package kafka

import (
	"context"
	"crypto/sha256"
	_ "embed" // the POM
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNotInstalled reports that a broker cannot be had here: Java or Maven is
// missing, or Maven cannot fetch Kafka.
var ErrNotInstalled = errors.New("no Apache Kafka to be had; it needs Java (17 or newer) and, the first time, Maven (Debian, Ubuntu: apt-get install openjdk-17-jdk-headless maven)")

//go:embed pom.xml
var pom []byte

// JarsDir is where the jars are kept when nothing else is said: $TARN_KAFKA,
// else a folder of the user's cache.
func JarsDir() (string, error) {
	if dir := os.Getenv("TARN_KAFKA"); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for Kafka's jars: %w; set TARN_KAFKA", err)
	}
	return filepath.Join(cache, "tarn", "kafka"), nil
}

// Fetch makes sure that dir holds the jars of the broker: the first time they
// are fetched with Maven (43 MB). Several processes may do so at once. It
// returns an error that matches ErrNotInstalled when they cannot be had.
func Fetch(ctx context.Context, dir string) error {
	version := fmt.Sprintf("%x", sha256.Sum256(pom))[:12]
	stamp := filepath.Join(dir, "complete-"+version)
	if _, err := os.Stat(stamp); err == nil {
		return nil
	}
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: %s is not on PATH", ErrNotInstalled, program)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for Kafka's jars: %w", err)
	}
	work, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return fmt.Errorf("make a folder for Kafka's jars: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "-Dstyle.color=never", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(work, "libs"))
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: Maven cannot fetch it: %v: %s", ErrNotInstalled, err, tail(out))
	}
	err = os.Rename(filepath.Join(work, "libs"), libs(dir))
	if _, there := os.Stat(libs(dir)); err != nil && there != nil { // else another process was first
		return fmt.Errorf("keep Kafka's jars: %w", err)
	}
	return os.WriteFile(stamp, nil, 0o644)
}

// libs is the folder of the jars of the version that the POM names.
func libs(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("libs-%x", sha256.Sum256(pom))[:17])
}
