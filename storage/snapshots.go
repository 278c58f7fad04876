package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/wraft/wraft/raft"
)

// Names of snapshot files: the index in twenty digits, a dash, the digest, and one
// of the suffixes.
const (
	snapshotSuffix = ".snap"
	partSuffix     = ".part"    // being received
	damagedSuffix  = ".damaged" // put away by Condemn

	snapshotIndexDigits = 20
	// snapshotChainMax bounds how many files a snapshot may need besides itself.
	snapshotChainMax = 64
)

// Snapshots holds the snapshot files of all groups. A file under its name is
// complete: it was written or received aside, checked, synced and only then given
// its name. Whether it still is what it was, reading it shows.
type Snapshots struct {
	store  *Store
	root   string
	writes atomic.Uint64 // names the files written aside

	mu        sync.Mutex      // guards what follows; held while parts are removed
	receiving map[string]bool // paths of parts that a SnapshotReceiver writes
}

// SnapshotFile names a snapshot file that is here.
type SnapshotFile struct {
	Group  raft.GroupID
	Index  raft.Index
	Digest Digest // SHA-256 of all its bytes but the last 32, which are the digest
	Size   int64  // bytes of the file
}

// openSnapshots makes the folder and removes what cut-off writes left behind. What
// was being received stays: the transfer may go on.
func openSnapshots(s *Store) (*Snapshots, error) {
	out := &Snapshots{store: s, root: s.dir.join(snapshotsName), receiving: map[string]bool{}}
	fsys := s.dir.fs
	if err := makeDirectories(fsys, out.root); err != nil {
		return nil, fmt.Errorf("storage: make %s: %w", snapshotsName, err)
	}
	groups, err := fsys.List(out.root)
	if err != nil {
		return nil, fmt.Errorf("storage: list %s: %w", snapshotsName, err)
	}
	for _, g := range groups {
		folder := fsys.PathJoin(out.root, g)
		names, err := fsys.List(folder)
		if err != nil {
			return nil, fmt.Errorf("storage: list %s/%s: %w", snapshotsName, g, err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, tempSuffix) {
				continue
			}
			if err := fsys.Remove(fsys.PathJoin(folder, name)); err != nil {
				return nil, fmt.Errorf("storage: remove leftover %s: %w", name, err)
			}
		}
	}
	return out, nil
}

// List returns a group's snapshot files, ascending by index. Files that are being
// received or were put away are not among them.
func (s *Snapshots) List(g raft.GroupID) ([]SnapshotFile, error) {
	return s.list(g, snapshotSuffix)
}

func (s *Snapshots) list(g raft.GroupID, suffix string) ([]SnapshotFile, error) {
	fsys := s.store.dir.fs
	names, err := fsys.List(s.folder(g))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("storage: list snapshots of group %d: %w", g, err)
	}
	var out []SnapshotFile
	for _, name := range names {
		file, ok := parseSnapshotName(g, name, suffix)
		if !ok {
			continue
		}
		info, err := fsys.Stat(fsys.PathJoin(s.folder(g), name))
		if err != nil {
			continue // it was removed meanwhile
		}
		file.Size = info.Size()
		out = append(out, file)
	}
	slices.SortFunc(out, func(a, b SnapshotFile) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), slices.Compare(a.Digest[:], b.Digest[:]))
	})
	return out, nil
}

// Find returns the file of a group with a digest; ErrSnapshotMissing.
func (s *Snapshots) Find(g raft.GroupID, d Digest) (SnapshotFile, error) {
	files, err := s.List(g)
	if err != nil {
		return SnapshotFile{}, err
	}
	at := slices.IndexFunc(files, func(f SnapshotFile) bool { return f.Digest == d })
	if at < 0 {
		return SnapshotFile{}, fmt.Errorf("%w: group %d, %v", ErrSnapshotMissing, g, d)
	}
	return files[at], nil
}

// Chain returns the files that a snapshot is made of: the whole one, the increments
// on it in order, and last file itself. ErrSnapshotMissing when one of them is not
// here; *SnapshotDamagedError when the header of one cannot be read.
func (s *Snapshots) Chain(file SnapshotFile) ([]SnapshotFile, error) {
	files, err := s.List(file.Group)
	if err != nil {
		return nil, err
	}
	chain := []SnapshotFile{file}
	for range snapshotChainMax {
		h, err := s.Header(chain[0])
		if err != nil {
			return nil, err
		}
		if h.whole() {
			return chain, nil
		}
		at := slices.IndexFunc(files, func(f SnapshotFile) bool { return f.Digest == h.Base && f.Index < chain[0].Index })
		if at < 0 {
			return nil, fmt.Errorf("%w: group %d: the one at %d rests on %v", ErrSnapshotMissing, file.Group, chain[0].Index, h.Base)
		}
		chain = slices.Insert(chain, 0, files[at])
	}
	return nil, &SnapshotDamagedError{File: file, Err: fmt.Errorf("it rests on more than %d others", snapshotChainMax)}
}

// Header reads what a snapshot file is, and nothing else of it.
func (s *Snapshots) Header(file SnapshotFile) (SnapshotHeader, error) {
	r, err := s.Open(file)
	if err != nil {
		return SnapshotHeader{}, err
	}
	return r.header, r.Close()
}

// OpenFile returns the bytes of a snapshot file as they are, unchecked, for somebody
// who will check them; ErrSnapshotMissing. The caller closes the reader.
func (s *Snapshots) OpenFile(file SnapshotFile) (r io.ReadSeekCloser, size int64, err error) {
	f, err := s.open(file)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("storage: open snapshot: %w", err), f.Close())
	}
	return moduleReader{io.NewSectionReader(f, 0, info.Size()), f}, info.Size(), nil
}

// settle gives a synced file its name.
func (s *Snapshots) settle(temp string, file SnapshotFile) error {
	fsys := s.store.dir.fs
	err := fsys.Rename(temp, s.path(file))
	if err == nil {
		err = syncDirectory(fsys, s.folder(file.Group))
	}
	if err != nil {
		// Why final: the file may have its name and lose it at the next power loss, after
		// the log behind it was cut.
		s.store.fail(err)
	}
	return err
}

// Condemn puts a damaged file away, so that nobody uses it and its owner can look at
// it. Retain removes it when it is older than what is kept.
func (s *Snapshots) Condemn(file SnapshotFile) error {
	fsys := s.store.dir.fs
	err := fsys.Rename(s.path(file), strings.TrimSuffix(s.path(file), snapshotSuffix)+damagedSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storage: put away snapshot of group %d at %d: %w", file.Group, file.Index, err)
	}
	return nil
}

// Condemned returns the files that were put away, ascending by index.
func (s *Snapshots) Condemned(g raft.GroupID) ([]SnapshotFile, error) {
	return s.list(g, damagedSuffix)
}

func (s *Snapshots) folder(g raft.GroupID) string {
	return s.store.dir.fs.PathJoin(s.root, strconv.FormatUint(uint64(g), 10))
}

func (s *Snapshots) path(f SnapshotFile) string { return s.pathAs(f, snapshotSuffix) }

func (s *Snapshots) pathAs(f SnapshotFile, suffix string) string {
	name := fmt.Sprintf("%0*d-%v%s", snapshotIndexDigits, uint64(f.Index), f.Digest, suffix)
	return s.store.dir.fs.PathJoin(s.folder(f.Group), name)
}

func parseSnapshotName(g raft.GroupID, name, suffix string) (SnapshotFile, bool) {
	stem, ok := strings.CutSuffix(name, suffix)
	if !ok || len(stem) <= snapshotIndexDigits || stem[snapshotIndexDigits] != '-' {
		return SnapshotFile{}, false
	}
	index, err := strconv.ParseUint(stem[:snapshotIndexDigits], 10, 64)
	if err != nil {
		return SnapshotFile{}, false
	}
	d, err := ParseDigest(stem[snapshotIndexDigits+1:])
	return SnapshotFile{Group: g, Index: raft.Index(index), Digest: d}, err == nil
}
