package plugins

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// What another process has compiled comes in a folder of its own inside the cache
// and is moved to its place once it is complete. A receipt per artefact remembers
// what belongs to it, since the engine's names for its files are its own.
const (
	workplacePrefix = "worker-"
	receiptSuffix   = ".receipt"
	engineModule    = "github.com/tetratelabs/wazero"
)

var errNothingCompiled = errors.New("the compiler left no code")

// workplace is an empty folder; done removes it with all that is left in it.
func (c *codeCache) workplace() (dir string, done func(), err error) {
	if dir, err = os.MkdirTemp(c.dir, workplacePrefix); err != nil {
		return "", nil, err
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil // what stays is removed at the next start
}

// sweepWorkplaces removes what a process left that died.
func (c *codeCache) sweepWorkplaces() error {
	left, err := filepath.Glob(filepath.Join(c.dir, workplacePrefix+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// adopt moves the code in a workplace to where the engine looks for it, seals it
// and writes the receipt.
func (c *codeCache) adopt(dir string, artefact [32]byte) error {
	var files []string
	from := &codeCache{dir: dir}
	err := from.each(func(path string) error {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files = append(files, name)
		return c.take(path, name)
	})
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errNothingCompiled
	}
	if err := os.WriteFile(c.receipt(artefact), []byte(engineVersion()+"\n"+strings.Join(files, "\n")), sealMode); err != nil {
		return err
	}
	_, err = c.seal()
	return err
}

func (c *codeCache) take(path, name string) error {
	to := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(to), cacheDirMode); err != nil {
		return err
	}
	// Why: the seal of an earlier file by that name is not this one's.
	if err := os.Remove(to + sealSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(path, to)
}

// holds reports whether the code of an artefact is here, compiled for this engine.
func (c *codeCache) holds(artefact [32]byte) bool {
	text, err := os.ReadFile(c.receipt(artefact))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	if lines[0] != engineVersion() {
		return false
	}
	for _, name := range lines[1:] {
		if _, err := os.Stat(filepath.Join(c.dir, name)); err != nil {
			return false
		}
	}
	return len(lines) > 1
}

func (c *codeCache) receipt(artefact [32]byte) string {
	return filepath.Join(c.dir, hex.EncodeToString(artefact[:])+receiptSuffix)
}

// engineVersion is the release of the engine this program was built with.
func engineVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == engineModule {
			return m.Version + m.Sum
		}
	}
	return "unknown"
}
