package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The names inside a data directory that this package owns.
const (
	lockName      = "LOCK"
	formatName    = "FORMAT"
	identityName  = "identity"
	pebbleName    = "store"
	modulesName   = "modules"
	snapshotsName = "snapshots"
	markName      = "mark"
	votesName     = "votes"
	tempSuffix    = ".tmp"
	asideSuffix   = ".damaged"
)

// formatText is the whole content of the FORMAT file: its number twice, so that one with
// a flipped bit is not taken for that of another release.
const (
	formatPrefix  = "wraft-store "
	formatText    = formatPrefix + "1 1"
	fileBytesMax  = 4096 // of FORMAT, identity and mark, which are far smaller
	formatMissing = "none"
)

const writeCategory vfs.DiskWriteCategory = "wraft"

// directory is a data directory: where files lie and how they are made durable.
type directory struct {
	fs   vfs.FS
	path string
}

func (d directory) join(name string) string { return d.fs.PathJoin(d.path, name) }

// openDirectory makes the directory if it is missing and takes its lock.
func openDirectory(path string, fsys vfs.FS) (directory, io.Closer, error) {
	if fsys == vfs.Default {
		// Why: locks within a process go by name, so every caller must use the same.
		abs, err := filepath.Abs(path)
		if err != nil {
			return directory{}, nil, fmt.Errorf("storage: resolve directory: %w", err)
		}
		path = abs
	}
	d := directory{fs: fsys, path: path}
	if err := makeDirectories(fsys, path); err != nil {
		return d, nil, fmt.Errorf("storage: make directory: %w", err)
	}
	lock, err := fsys.Lock(d.join(lockName))
	if err != nil {
		if isLockHeld(err) {
			return d, nil, fmt.Errorf("%w: %s", ErrInUse, path)
		}
		return d, nil, fmt.Errorf("storage: lock directory: %w", err)
	}
	return d, lock, nil
}

// isLockHeld tells a lock that somebody holds from one that could not be tried.
// The file system says the first with a bare errno, or in words within a process.
func isLockHeld(err error) bool {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return false
	}
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "lock held")
}

// makeDirectories makes path and every parent that is missing, durably.
func makeDirectories(fsys vfs.FS, path string) error {
	var parents []string
	for p := path; ; {
		if _, err := fsys.Stat(p); err == nil {
			break
		}
		parent := fsys.PathDir(p)
		if parent == p {
			break
		}
		parents = append(parents, parent)
		p = parent
	}
	if len(parents) == 0 {
		return nil
	}
	if err := fsys.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, p := range parents {
		if err := syncDirectory(fsys, p); err != nil {
			return err
		}
	}
	return nil
}

func syncDirectory(fsys vfs.FS, path string) error {
	f, err := fsys.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// checkFormat reads the FORMAT file, and writes it when the directory is fresh.
func (d directory) checkFormat() error {
	b, err := d.read(formatName)
	if errors.Is(err, fs.ErrNotExist) {
		if d.exists(pebbleName) || d.exists(identityName) {
			return &DamagedError{Why: "the FORMAT file is missing from a directory that was in use"}
		}
		return d.write(formatName, []byte(formatText+"\n"))
	}
	if err != nil {
		return fmt.Errorf("storage: read %s: %w", formatName, err)
	}
	text := strings.TrimSuffix(string(b), "\n")
	switch {
	case text == formatText:
		return nil
	case strings.HasPrefix(text, formatPrefix) && isNumberTwice(strings.TrimPrefix(text, formatPrefix)):
		return &FormatError{Found: text, Want: formatText}
	}
	return &DamagedError{Why: fmt.Sprintf("the FORMAT file says %.40q", text)}
}

// isNumberTwice reports whether a text is a format's number and the same again.
func isNumberTwice(text string) bool {
	first, second, _ := strings.Cut(text, " ")
	_, err := strconv.ParseUint(first, 10, 16)
	return err == nil && first == second
}

func (d directory) exists(name string) bool {
	_, err := d.fs.Stat(d.join(name))
	return err == nil
}

// read returns a small file's content; fs.ErrNotExist when it is missing.
func (d directory) read(name string) ([]byte, error) {
	return readFile(d.fs, d.join(name), fileBytesMax)
}

// readFile returns the first bytesMax bytes of a file.
func readFile(fs vfs.FS, path string, bytesMax int64) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, bytesMax))
	return b, errors.Join(err, f.Close())
}

// write replaces a small file: after a crash it has the old content or the new
// one, and after a return without an error the new one.
func (d directory) write(name string, content []byte) error {
	temp := d.join(name + tempSuffix)
	f, err := d.fs.Create(temp, writeCategory)
	if err != nil {
		return fmt.Errorf("storage: write %s: %w", name, err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.fs.Rename(temp, d.join(name))
	}
	if err == nil {
		err = syncDirectory(d.fs, d.path)
	}
	if err != nil {
		return fmt.Errorf("storage: write %s: %w", name, err)
	}
	return nil
}
