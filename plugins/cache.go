package plugins

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"
)

const (
	cacheDirMode  = 0o700
	sealMode      = 0o600
	othersMask    = 0o077
	sealSuffix    = ".seal"
	cacheBytesMax = 4 * gib // a larger cache is emptied at the start
)

// codeCache is the directory of compiled code.
//
// The engine maps these files into executable memory, and it checks the code
// in them but not the offsets at their head: one flipped bit there ends the
// process. So each file has a seal beside it, a checksum of all of it, written
// after the engine has written the file. What has no seal or a broken one is
// removed before the engine may look.
type codeCache struct {
	dir    string
	engine wazero.CompilationCache
}

// openCache checks the directory, removes what is damaged and opens the rest.
// Whoever can write there can run code in this process, so the mode is checked
// and not only set. A directory serves one Engine at a time.
func openCache(dir string) (*codeCache, error) {
	c := &codeCache{dir: dir}
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("plugins: code cache: %w", err)
	}
	return c, nil
}

func (c *codeCache) open() error {
	if err := os.MkdirAll(c.dir, cacheDirMode); err != nil {
		return err
	}
	info, err := os.Stat(c.dir)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&othersMask != 0 && filepath.Separator == '/' {
		return fmt.Errorf("%s has mode %#o, want %#o: others could plant code there; chmod or delete it", c.dir, mode, cacheDirMode)
	}
	if err := errors.Join(c.sweepWorkplaces(), c.sweep()); err != nil {
		return err
	}
	c.engine, err = wazero.NewCompilationCacheWithDir(c.dir)
	return err
}

// sweep removes every file whose seal doesn't fit, and all files of a cache
// that has grown too large.
func (c *codeCache) sweep() error {
	var total int64
	err := c.each(func(path string) error {
		size, ok, err := sealed(path)
		if err != nil {
			return err
		}
		if total += size; ok {
			return nil
		}
		return removeSealed(path)
	})
	if err != nil || total <= cacheBytesMax {
		return err
	}
	return c.clear()
}

// clear removes every file.
func (c *codeCache) clear() error { return c.each(removeSealed) }

// seal writes the seals of files that have none yet, and returns how many there were.
func (c *codeCache) seal() (fresh int, err error) {
	err = c.each(func(path string) error {
		if _, err := os.Stat(path + sealSuffix); err == nil {
			return nil
		}
		seal, _, err := checksum(path)
		if err != nil {
			return err
		}
		fresh++
		return os.WriteFile(path+sealSuffix, []byte(seal), sealMode)
	})
	return fresh, err
}

// each calls f for every file of the engine, that is all but the seals.
func (c *codeCache) each(f func(path string) error) error {
	return filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, sealSuffix) {
			return err
		}
		return f(path)
	})
}

// sealed reports a file's size and whether its seal fits.
func sealed(path string) (size int64, ok bool, err error) {
	want, size, err := checksum(path)
	if err != nil {
		return 0, false, err
	}
	got, err := os.ReadFile(path + sealSuffix)
	return size, err == nil && string(got) == want, nil
}

// checksum returns what a file's seal must say: its length and CRC-32C.
func checksum(path string) (seal string, size int64, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", 0, err
	}
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return fmt.Sprintf("%d %08x\n", len(b), sum), int64(len(b)), nil
}

func removeSealed(path string) error {
	if err := os.Remove(path + sealSuffix); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Remove(path)
}

// isCacheError tells an unreadable cache from an unacceptable module. The
// engine marks the former only in the text of its errors.
func isCacheError(err error) bool {
	return strings.HasPrefix(err.Error(), "compilationcache:") || strings.Contains(err.Error(), " compilationcache:")
}
