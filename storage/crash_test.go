package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/wraft/wraft/raft"
)

// crashPoint is what a power loss just before one operation on the disk leaves.
type crashPoint struct {
	op        string
	fs        *vfs.MemFS
	steps     int  // that were acknowledged as durable by then
	performed int  // that had begun by then
	module    bool // the module was acknowledged by then
}

// crashRecorder notes a crash point before every operation that changes the disk.
type crashRecorder struct {
	disk  *vfs.MemFS
	leave func(disk *vfs.MemFS, n int) *vfs.MemFS // what crash point n leaves of it

	mu        sync.Mutex // guards the fields below: Pebble writes in the background
	off       bool
	points    []crashPoint
	steps     int
	performed int
	module    bool
}

func (r *crashRecorder) fs() vfs.FS {
	return errorfs.Wrap(recordedDisk{r.disk}, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose {
			r.record(op)
		}
		return nil
	}))
}

// recordedDisk reuses files in two steps. The file system's own way takes a lock
// twice and hangs when a clone is made in between.
type recordedDisk struct{ *vfs.MemFS }

func (d recordedDisk) ReuseForWrite(oldName, newName string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.Rename(oldName, newName); err != nil {
		return nil, err
	}
	return d.OpenReadWrite(newName, c)
}

func (r *crashRecorder) record(op errorfs.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off {
		return
	}
	n := len(r.points)
	clone := r.leave(r.disk, n)
	r.points = append(r.points, crashPoint{op: fmt.Sprintf("%d (op %d on %s)", n, op.Kind, op.Path),
		fs: clone, steps: r.steps, performed: r.performed, module: r.module})
}

// begin, durable and moduleStored mark how far the script has come.
func (r *crashRecorder) begin(step int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.performed = step
}

func (r *crashRecorder) durable(step int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = step
}

func (r *crashRecorder) moduleStored() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.module = true
}

// crashScript runs a life of a store on a recorded disk: open, bootstrap, groups,
// writes, a module, a restart, a flush. It returns the model behind every step.
func crashScript(t *testing.T, r *crashRecorder) (states []model) {
	rng := rand.New(rand.NewPCG(42, 42))
	m := &machine{t: t, now: model{}}
	open := func() {
		s, err := Open(testDir, testOptions(t, r.fs()))
		if err != nil {
			t.Fatal(err)
		}
		m.store = s
	}
	states = append(states, m.now)
	step := func(sync bool, next model, f func() error) {
		states = append(states, next)
		r.begin(len(states) - 1)
		if err := f(); err != nil {
			t.Fatal(err)
		}
		m.now = next
		if sync {
			r.durable(len(states) - 1)
		}
	}
	open()
	step(true, m.now, func() error { return m.store.Bootstrap(testIdentity, "d") })
	for g := raft.GroupID(1); g <= 3; g++ {
		next := model{g: {}}
		for k, v := range m.now {
			next[k] = v
		}
		step(true, next, func() error { return m.store.CreateGroup(g, testMeta) })
	}
	for i := range 40 {
		gw := m.now.write(raft.GroupID(1+rng.IntN(3)), rng.IntN)
		step(gw.Write.Sync, m.now.with(gw), func() error { return m.store.Commit([]GroupWrite{gw}) })
		switch i {
		case 10:
			step(false, m.now, func() error {
				return m.store.Modules().Put(testDigest, bytes.NewReader(testModule), 100)
			})
			r.moduleStored()
		case 20:
			step(true, m.now, func() error { return m.store.Close() })
			open()
			for g := range m.now {
				mustRestore(t, m.store, g)
			}
		case 30:
			step(true, m.now, m.store.db.Flush)
		}
	}
	mustClose(t, m.store)
	r.mu.Lock()
	r.off = true
	r.mu.Unlock()
	return states
}

func TestNothingAcknowledgedIsLostAtAnyCrashPoint(t *testing.T) {
	for name, leave := range map[string]func(*vfs.MemFS, int) *vfs.MemFS{
		"only what was synced": func(disk *vfs.MemFS, _ int) *vfs.MemFS { return crashClone(disk, false) },
		"all that was written": func(disk *vfs.MemFS, _ int) *vfs.MemFS { return crashClone(disk, true) },
		"a torn end of the log": func(disk *vfs.MemFS, n int) *vfs.MemFS {
			synced := crashClone(disk, false)
			return tear(t, synced, crashClone(disk, true), rand.New(rand.NewPCG(uint64(n), 7)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &crashRecorder{disk: vfs.NewCrashableMem(), leave: leave}
			states := crashScript(t, r)
			if len(r.points) < 200 {
				t.Fatalf("only %d crash points", len(r.points))
			}
			t.Logf("%d crash points", len(r.points))
			for _, p := range r.points {
				if err := p.check(t, states); err != nil {
					t.Fatalf("crash before %s: %v", p.op, err)
				}
			}
		})
	}
}

// tear cuts every log of written at some place behind what was synced, or fills
// it with zeros from there on.
func tear(t *testing.T, synced, written *vfs.MemFS, rng *rand.Rand) *vfs.MemFS {
	dir := written.PathJoin(testDir, pebbleName)
	names, err := written.List(dir)
	if err != nil {
		return written // the folder is not there yet
	}
	slices.Sort(names)
	for _, name := range names {
		path := written.PathJoin(dir, name)
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		content := mustRead(t, written, path)
		floor := 0
		if info, err := synced.Stat(path); err == nil {
			floor = min(int(info.Size()), len(content))
		}
		cut := floor + rng.IntN(len(content)-floor+1)
		clear(content[cut:])
		mustWrite(t, written, path, content[:cut+rng.IntN(2)*(len(content)-cut)])
	}
	return written
}

func mustRead(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustWrite(t testing.TB, fs vfs.FS, path string, content []byte) {
	t.Helper()
	f, err := fs.Create(path, writeCategory)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close(), syncDirectory(fs, fs.PathDir(path))); err != nil {
		t.Fatal(err)
	}
}

// check opens what a crash left and looks for a state that is allowed.
func (p *crashPoint) check(t *testing.T, states []model) error {
	s, err := Open(testDir, testOptions(t, p.fs))
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Bootstrap(testIdentity, "d"); err != nil {
		return err
	}
	names, err := p.fs.List(s.dir.join(modulesName))
	if err != nil {
		return err
	}
	stored, err := s.Modules().List()
	if err != nil || len(stored) != len(names) || p.module && len(stored) == 0 {
		return fmt.Errorf("modules %v, %v, want what is in %v", stored, err, names)
	}
	for _, d := range stored {
		if _, err := s.Modules().Read(d); err != nil {
			return err
		}
	}
	var problems error
	for _, state := range states[p.steps : p.performed+1] {
		err := state.differs(s, states[p.performed])
		if err == nil {
			return nil
		}
		problems = errors.Join(problems, err)
	}
	return fmt.Errorf("none of the states %d to %d: %w", p.steps, p.performed, problems)
}
