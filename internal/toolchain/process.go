package toolchain

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// findTimeout bounds how long a compiler may take to tell its version.
	findTimeout = 30 * time.Second
	// processWaitDelay is how long output of an ended compiler is waited for.
	processWaitDelay = 5 * time.Second
	// outputBytesMax bounds what is kept of a compiler's messages.
	outputBytesMax = 64 << 10
)

// run starts a compiler in dir with the caller's environment and env on top of
// it. A compiler that ends with an error is a *BuildError with what it wrote.
func run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	text, err := output(ctx, dir, env, name, args...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &BuildError{Output: text, Cause: err}
	}
	return nil
}

// output is what a program writes to standard output and error, trimmed.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = processWaitDelay
	var kept bounded
	cmd.Stdout, cmd.Stderr = &kept, &kept
	err := cmd.Run()
	return strings.TrimSpace(kept.buffer.String()), err
}

// bounded keeps the first outputBytesMax bytes and swallows the rest.
type bounded struct{ buffer bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.buffer.Write(p[:min(len(p), outputBytesMax-b.buffer.Len())])
	return len(p), nil
}

// program is the first of several names that is installed.
func program(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no " + strings.Join(names, " or ") + " in PATH")
}

// has reports whether the folder has a file of each pattern, a file name with the
// wildcards of path.Match.
func has(dir string, patterns ...string) bool {
	for _, pattern := range patterns {
		if found, err := filepath.Glob(filepath.Join(escaped(dir), pattern)); err != nil || len(found) == 0 {
			return false
		}
	}
	return true
}

// escaped keeps Glob from taking a folder's name for a pattern.
func escaped(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
