package plugins

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"
)

const (
	cacheDirMode  = 0o700
	othersMayRead = 0o077
)

// openCache opens the directory of compiled code. Whoever can write there can
// run code in this process, so the mode is checked and not only set.
func openCache(dir string) (wazero.CompilationCache, error) {
	if err := os.MkdirAll(dir, cacheDirMode); err != nil {
		return nil, fmt.Errorf("plugins: code cache: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("plugins: code cache: %w", err)
	}
	if mode := info.Mode().Perm(); mode&othersMayRead != 0 {
		return nil, fmt.Errorf("plugins: code cache %s has mode %#o, want %#o: others could plant code there; chmod or delete it", dir, mode, cacheDirMode)
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("plugins: code cache: %w", err)
	}
	return cache, nil
}

// isCacheError tells an unreadable cache from an unacceptable module. The
// engine marks the former only in the text of its errors.
func isCacheError(err error) bool {
	return strings.HasPrefix(err.Error(), "compilationcache:") || strings.Contains(err.Error(), " compilationcache:")
}

// clearCache removes what is in the cache directory.
func clearCache(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return fmt.Errorf("plugins: clear code cache: %w", err)
	}
	for _, name := range names {
		entries, err := os.ReadDir(name)
		if err != nil {
			continue // a stray file, none of the engine's
		}
		for _, entry := range entries {
			if err := os.Remove(filepath.Join(name, entry.Name())); err != nil {
				return fmt.Errorf("plugins: clear code cache: %w", err)
			}
		}
	}
	return nil
}
