package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	ballastName = "ballast"
	// ballastWriteBytes is how much of a ballast is written at a time where it cannot
	// be set aside at once.
	ballastWriteBytes = 1 << 20
	// criticalShare: with less than this share of Options.MinFreeBytes free the ballast
	// goes, and without a ballast to let go a start waits.
	criticalShare = 4
	// returnShare: room has to exceed Options.MinFreeBytes by this share of it before a
	// disk that was low counts as having room again. Why: at the mark itself the nodes
	// would change their minds with every file that comes and goes.
	returnShare = 4
)

// Space watches the free space on the disk of a data directory. Below a low-water mark,
// Options.MinFreeBytes, nothing large is begun, long before a write can fail: a write
// that fails ends the process. A ballast file holds space back for that case, so that
// there is some to open the store, to cut logs and to rewrite tables. Its methods may be
// called at any time.
type Space struct {
	dir     directory
	minimum uint64 // 0: nothing is watched
	ballast uint64 // bytes of the ballast file; 0: there is none

	mu   sync.Mutex // guards the fields below; held while the ballast is made or removed
	low  bool
	held bool // the ballast is on the disk
}

// Room is what Space found.
type Room struct {
	// Known is false when nothing is watched, or the file system does not say.
	Known       bool
	Free, Total uint64 // bytes
	Minimum     uint64 // Options.MinFreeBytes
	// Low: below the mark, or not above it by enough since.
	Low bool
	// Ballast is how many bytes can still be let go.
	Ballast uint64
}

// FullError is ErrDiskFull with figures.
type FullError struct {
	Path       string // of the data directory
	Free, Need uint64 // bytes
}

// Error says how much there is, how much there has to be, and where.
func (e *FullError) Error() string {
	return fmt.Sprintf("storage: disk full: %d MiB are free on the disk of %s, %d MiB are needed; free some space there",
		e.Free>>20, e.Path, (e.Need+1<<20-1)>>20)
}

// Is makes errors.Is(err, ErrDiskFull) true.
func (e *FullError) Is(target error) bool { return target == ErrDiskFull }

func newSpace(d directory, o Options) *Space {
	return &Space{dir: d, minimum: o.MinFreeBytes, ballast: o.BallastBytes, held: d.exists(ballastName)}
}

// usage asks the file system; known is false when there is nothing to go by.
func (s *Space) usage() (u vfs.DiskUsage, known bool, err error) {
	if s.minimum == 0 {
		return u, false, nil
	}
	u, err = s.dir.fs.GetDiskUsage(s.dir.path)
	if errors.Is(err, vfs.ErrUnsupported) {
		return u, false, nil
	}
	if err != nil {
		return u, false, fmt.Errorf("storage: free space of %s: %w", s.dir.path, err)
	}
	return u, true, nil
}

// owed is what of the free space belongs to a ballast that was let go.
func (s *Space) owed() uint64 {
	if s.held {
		return 0
	}
	return s.ballast
}

// Look asks how much room there is. It lets the ballast go when there is nearly none,
// and makes it again when there is enough.
func (s *Space) Look() (Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, known, err := s.usage()
	if err != nil || !known {
		return Room{}, err
	}
	if s.held && u.AvailBytes < s.minimum/criticalShare {
		if err = s.release(); err == nil {
			u, _, err = s.usage()
		}
	}
	wanted := s.minimum + s.owed()
	if s.low {
		wanted += s.minimum / returnShare
	}
	s.low = u.AvailBytes < wanted
	if !s.low && !s.held && s.ballast > 0 {
		if madeErr := s.make(); madeErr != nil {
			err = errors.Join(err, madeErr)
		} else {
			u, _, err = s.usage()
		}
	}
	r := Room{Known: true, Free: u.AvailBytes, Total: u.TotalBytes, Minimum: s.minimum, Low: s.low}
	if s.held {
		r.Ballast = s.ballast
	}
	return r, err
}

// take is a *FullError when bytes more would go below the mark. What is written in
// pieces asks for each of them: others take space, too.
func (s *Space) take(bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, known, err := s.usage()
	if err != nil || !known {
		return nil // Why: whoever watches hears of the error; a write may still work
	}
	if need := s.minimum + s.owed() + uint64(max(bytes, 0)); u.AvailBytes < need {
		return &FullError{Path: s.dir.path, Free: u.AvailBytes, Need: need}
	}
	return nil
}

// admit is a *FullError when there is too little space to open a store in, even
// without the ballast, which it then has let go.
func (s *Space) admit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, known, err := s.usage()
	if err != nil || !known {
		return err
	}
	need := s.minimum / criticalShare
	if u.AvailBytes < need && s.held {
		if err := s.release(); err != nil {
			return err
		}
		if u, _, err = s.usage(); err != nil {
			return err
		}
	}
	if u.AvailBytes < need {
		return &FullError{Path: s.dir.path, Free: u.AvailBytes, Need: need}
	}
	return nil
}

// release removes the ballast.
func (s *Space) release() error {
	err := s.dir.fs.Remove(s.dir.join(ballastName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storage: let the ballast go: %w", err)
	}
	s.held = false
	return nil
}

// make sets the ballast aside: at once where the file system can, else by writing it.
func (s *Space) make() error {
	temp := s.dir.join(ballastName + tempSuffix)
	f, err := s.dir.fs.Create(temp, writeCategory)
	if err != nil {
		return fmt.Errorf("storage: make the ballast: %w", err)
	}
	before, _, err := s.usage()
	if err == nil {
		err = s.fill(f, before)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.dir.fs.Rename(temp, s.dir.join(ballastName))
	}
	if err != nil {
		_ = s.dir.fs.Remove(temp) // Why unchecked: the next try creates it anew
		return fmt.Errorf("storage: make the ballast: %w", err)
	}
	s.held = true
	return nil
}

// fill gives a file the ballast's blocks. Why the look at what became of the free space:
// not every file system that says it has set blocks aside did so. And why noise: some
// store nothing for what compresses well.
func (s *Space) fill(f vfs.File, before vfs.DiskUsage) error {
	if f.Preallocate(0, int64(s.ballast)) == nil {
		after, _, err := s.usage()
		if err != nil {
			return err
		}
		if after.AvailBytes+s.ballast/2 <= before.AvailBytes {
			return nil
		}
	}
	noise := rand.NewChaCha8(sha256.Sum256([]byte(s.dir.path)))
	for left := s.ballast; left > 0; {
		piece := make([]byte, min(left, ballastWriteBytes))
		_, _ = noise.Read(piece) // it never fails
		if _, err := f.Write(piece); err != nil {
			return err
		}
		left -= uint64(len(piece))
	}
	return nil
}
