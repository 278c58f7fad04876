package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Digest is the SHA-256 of a module, which is its name.
type Digest [sha256.Size]byte

// String returns 64 hexadecimal digits, lower case.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads what String writes; anything else is ErrInvalid.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != hex.EncodedLen(len(d)) || strings.ToLower(s) != s {
		return Digest{}, fmt.Errorf("%w: a digest has 64 lower-case hexadecimal digits", ErrInvalid)
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, fmt.Errorf("%w: digest: %w", ErrInvalid, err)
	}
	return d, nil
}

const moduleSuffix = ".wasm"

// Modules holds module files by digest. A file that is there is complete: it was
// written aside, checked, synced and only then given its name. Whether it still
// is what it was, the store's Open and Read check.
type Modules struct {
	store *Store
	path  string
	puts  atomic.Uint64 // names the files written aside
}

// openModules makes the folder and removes what cut-off Puts left behind, and modules
// that rotted: others have them.
func openModules(s *Store, log *slog.Logger) (*Modules, error) {
	m := &Modules{store: s, path: s.dir.join(modulesName)}
	if err := makeDirectories(s.dir.fs, m.path); err != nil {
		return nil, fmt.Errorf("storage: make %s: %w", modulesName, err)
	}
	names, err := s.dir.fs.List(m.path)
	if err != nil {
		return nil, fmt.Errorf("storage: list %s: %w", modulesName, err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, tempSuffix) {
			continue
		}
		if err := s.dir.fs.Remove(s.dir.fs.PathJoin(m.path, name)); err != nil {
			return nil, fmt.Errorf("storage: remove leftover %s: %w", name, err)
		}
	}
	return m, m.removeRotten(log)
}

// removeRotten removes every module that does not match its digest.
func (m *Modules) removeRotten(log *slog.Logger) error {
	digests, err := m.List()
	if err != nil {
		return err
	}
	for _, d := range digests {
		_, err := m.Read(d)
		if errors.Is(err, ErrDamaged) {
			log.Error("a module rotted; it is removed, and fetched from another node when it is needed", "err", err)
			err = m.Remove(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Put stores what r yields under its digest, durably. A module that is already
// there is left alone and r is not read. More than sizeMax bytes are refused with
// ErrModuleTooLarge, other bytes with ErrModuleDigest, and sizeMax bytes for which there
// is no room with ErrDiskFull; errors of r are passed on.
// In each of these cases nothing is stored. A sync that fails is final, see Options.Fatal.
func (m *Modules) Put(digest Digest, r io.Reader, sizeMax int64) error {
	if err := m.store.usable(); err != nil {
		return err
	}
	if m.Has(digest) {
		return nil
	}
	if err := m.store.space.take(sizeMax); err != nil {
		return fmt.Errorf("storage: put module %v: %w", digest, err)
	}
	fsys := m.store.dir.fs
	temp := fmt.Sprintf("%s.%d%s", m.file(digest), m.puts.Add(1), tempSuffix)
	if err := m.writeAside(temp, digest, r, sizeMax); err != nil {
		// Why the second error does not matter: the leftover has no module's name, and
		// the next Open tries again.
		_ = fsys.Remove(temp)
		return fmt.Errorf("storage: put module %v: %w", digest, err)
	}
	err := fsys.Rename(temp, m.file(digest))
	if err == nil {
		err = syncDirectory(fsys, m.path)
	}
	if err != nil {
		// Why final: the file may have its name and lose it at the next power loss,
		// after Has has vouched for it.
		err = fmt.Errorf("storage: put module %v: %w", digest, err)
		m.store.fail(err)
	}
	return err
}

// writeAside writes and syncs a file that holds exactly the module.
func (m *Modules) writeAside(temp string, digest Digest, r io.Reader, sizeMax int64) error {
	f, err := m.store.dir.fs.Create(temp, writeCategory)
	if err != nil {
		return err
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(hash, f), io.LimitReader(r, sizeMax+1))
	switch {
	case err != nil:
	case n > sizeMax:
		err = fmt.Errorf("%w: more than %d bytes", ErrModuleTooLarge, sizeMax)
	case Digest(hash.Sum(nil)) != digest:
		err = ErrModuleDigest
	default:
		if err = f.Sync(); err != nil {
			m.store.fail(fmt.Errorf("storage: put module %v: %w", digest, err))
		}
	}
	return errors.Join(err, f.Close())
}

// Has reports whether the module is stored.
func (m *Modules) Has(digest Digest) bool {
	_, err := m.store.dir.fs.Stat(m.file(digest))
	return err == nil
}

// Open returns the module's bytes, unchecked, for somebody who will check them;
// ErrModuleMissing when it is not stored. The caller closes the reader.
func (m *Modules) Open(digest Digest) (r io.ReadSeekCloser, size int64, err error) {
	f, err := m.store.dir.fs.Open(m.file(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("%w: %v", ErrModuleMissing, digest)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("storage: open module %v: %w", digest, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("storage: open module %v: %w", digest, err), f.Close())
	}
	return moduleReader{io.NewSectionReader(f, 0, info.Size()), f}, info.Size(), nil
}

// moduleReader adds Seek to a file of vfs.
type moduleReader struct {
	*io.SectionReader
	file vfs.File
}

// Close closes the file.
func (r moduleReader) Close() error { return r.file.Close() }

// Read returns the whole module after checking it against its digest. One that
// rotted is a *DamagedError: Remove it and fetch it again.
func (m *Modules) Read(digest Digest) ([]byte, error) {
	r, size, err := m.Open(digest)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(int(size))
	_, err = io.Copy(&b, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("storage: read module %v: %w", digest, err)
	}
	if Digest(sha256.Sum256(b.Bytes())) != digest {
		return nil, &DamagedError{Why: fmt.Sprintf("module %v does not match its digest", digest)}
	}
	return b.Bytes(), nil
}

// Remove deletes a module, durably; one that is not stored is already deleted. A crash
// during Remove leaves all of the module or nothing. No Put of the same module may be under
// way. A sync that fails is final, see Options.Fatal.
func (m *Modules) Remove(digest Digest) error {
	err := m.store.dir.fs.Remove(m.file(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("storage: remove module %v: %w", digest, err)
	}
	if err := syncDirectory(m.store.dir.fs, m.path); err != nil {
		err = fmt.Errorf("storage: remove module %v: %w", digest, err)
		m.store.fail(err)
		return err
	}
	return nil
}

// List returns the digests of all modules, ascending. Other files are ignored.
func (m *Modules) List() ([]Digest, error) {
	names, err := m.store.dir.fs.List(m.path)
	if err != nil {
		return nil, fmt.Errorf("storage: list %s: %w", modulesName, err)
	}
	var out []Digest
	for _, name := range names {
		stem, ok := strings.CutSuffix(name, moduleSuffix)
		if !ok {
			continue
		}
		if d, err := ParseDigest(stem); err == nil {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Digest) int { return bytes.Compare(a[:], b[:]) })
	return out, nil
}

func (m *Modules) file(d Digest) string {
	return m.store.dir.fs.PathJoin(m.path, d.String()+moduleSuffix)
}
