package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoHistory: the repository does not have the commit, as a shallow clone has not, or is
// no repository. Skip what needs it, and say so.
var ErrNoHistory = errors.New("cluster: the history of the repository is not here")

// BuildCommit builds wraftd as it was at a commit and returns its path. It stays in the
// user's cache folder: a commit never changes, and its build takes minutes of a processor.
func BuildCommit(ctx context.Context, commit string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	if exec.CommandContext(ctx, "git", "-C", root, "cat-file", "-e", commit+"^{commit}").Run() != nil {
		return "", fmt.Errorf("%w: it lacks %s", ErrNoHistory, commit)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	kept := filepath.Join(cache, "wraft", "releases", commit, "wraftd")
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return "", fmt.Errorf("cluster: keep a release: %w", err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(kept), "build-")
	if err != nil {
		return "", fmt.Errorf("cluster: build a release: %w", err)
	}
	err = buildAt(ctx, root, commit, dir)
	if err == nil { // whole or not at all: two tests may build it at once
		err = os.Rename(filepath.Join(dir, "wraftd"), kept)
	}
	return kept, errors.Join(err, os.RemoveAll(dir))
}

// buildAt lays a commit's files out below dir and builds dir/wraftd of them.
func buildAt(ctx context.Context, root, commit, dir string) error {
	archive, sources := filepath.Join(dir, "sources.tar"), filepath.Join(dir, "sources")
	if err := os.Mkdir(sources, 0o700); err != nil {
		return fmt.Errorf("cluster: build a release: %w", err)
	}
	for _, args := range [][]string{
		{"git", "-C", root, "archive", "--format", "tar", "--output", archive, commit},
		{"tar", "-xf", archive, "-C", sources},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("cluster: sources of %s: %w\n%s", commit, err, out)
		}
	}
	// Why so: there is no repository around these files, and they are all of that commit.
	return goBuild(ctx, sources, "-buildvcs=false", "-ldflags", "-X "+versionVariable+"="+commit, "-o", filepath.Join(dir, "wraftd"), "./cmd/wraftd")
}
