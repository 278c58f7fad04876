package nodetest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// crashPoint is the moment before one operation of one node on its disk: what every disk
// holds then, and what clients had been told.
type crashPoint struct {
	op     string
	victim raft.NodeID
	disks  map[raft.NodeID]*vfs.MemFS // all that was written
	synced map[raft.NodeID]*vfs.MemFS // what a loss of power leaves of that
	told   toldSoFar
	mode   node.SnapshotMode // of the machine
}

// toldSoFar is what the script was acknowledged.
type toldSoFar struct {
	deployed, upgraded bool
	joined, left       bool // node 4
	sum                uint64
}

// crashRecorder notes the crash points of a script, every stride-th of them.
type crashRecorder struct {
	mode   node.SnapshotMode // of the script's machine
	mu     sync.Mutex        // guards the fields below
	disks  map[raft.NodeID]*vfs.MemFS
	told   toldSoFar
	off    bool
	count  int
	stride int
	points []crashPoint
	plant  func(vfs.FS) vfs.FS // a bug below the nodes; nil: none
}

func newCrashRecorder(mode node.SnapshotMode, stride int) *crashRecorder {
	return &crashRecorder{mode: mode, disks: map[raft.NodeID]*vfs.MemFS{}, stride: stride}
}

// watch is a bubble's watch.
func (r *crashRecorder) watch(id raft.NodeID, fs *vfs.MemFS) vfs.FS {
	r.mu.Lock()
	r.disks[id] = fs
	r.mu.Unlock()
	var disk vfs.FS = stepwise{fs}
	if r.plant != nil {
		disk = r.plant(disk)
	}
	return errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose {
			r.record(id, op)
		}
		return nil
	}))
}

// stepwise reuses files in two steps: the file system's own way takes a lock twice and
// hangs when a clone is made in between.
type stepwise struct{ *vfs.MemFS }

func (d stepwise) ReuseForWrite(oldName, newName string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.Rename(oldName, newName); err != nil {
		return nil, err
	}
	return d.OpenReadWrite(newName, c)
}

func (r *crashRecorder) record(id raft.NodeID, op errorfs.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count++; r.off || r.count%r.stride != 0 {
		return
	}
	p := crashPoint{
		op: fmt.Sprintf("operation %d (kind %d of node %v on %s)", r.count, op.Kind, id, op.Path), victim: id,
		synced: map[raft.NodeID]*vfs.MemFS{}, disks: map[raft.NodeID]*vfs.MemFS{}, told: r.told, mode: r.mode,
	}
	for other, fs := range r.disks {
		p.synced[other] = fs.CrashClone(vfs.CrashCloneCfg{})
		p.disks[other] = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
	}
	r.points = append(r.points, p)
}

// tell notes what was acknowledged.
func (r *crashRecorder) tell(f func(*toldSoFar)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.told)
}

// onDemand takes snapshots when it is told to and keeps next to nothing of the log.
func onDemand(c *node.Config) {
	c.SnapshotLogBytes, c.SnapshotInterval, c.LogTailEntries, c.LogTailBytes, c.LogPinnedBytes = -1, -1, 2, 100, 1
}

// byEntries exports the machine every few entries and keeps next to nothing of the log.
func byEntries(c *node.Config) {
	onDemand(c)
	c.SnapshotLogBytes = 800
}

// scriptTuning is how nodes of a script take snapshots of a machine with a mode.
func scriptTuning(mode node.SnapshotMode) func(*node.Config) {
	if mode == node.SnapshotExport {
		return byEntries
	}
	return onDemand
}

// crashScript is a short life of a cluster: election, deploy, 20 appends and more, a
// follower that was away and gets a snapshot because the log is cut, an upgrade and
// snapshots behind it, a module that is removed because nothing names it, a fourth node that joins, a leader and a follower that lose power and
// come back, the fourth that leaves, and an orderly stop.
func crashScript(t *testing.T, r *crashRecorder) {
	synctest.Test(t, func(t *testing.T) {
		b := crashBubble(t, r.mode)
		b.watch, b.mode = r.watch, r.mode
		for id := raft.NodeID(1); id <= 3; id++ {
			b.boot(id, vfs.NewCrashableMem())
		}
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("first"))
		r.tell(func(s *toldSoFar) { s.deployed = true })
		b.append(ctx, t, r, 10)
		b.installLate(ctx, t, r)
		request := node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, 2, []byte("second")), By: "ann", At: 5}
		if _, _, _, err := b.nodes[2].node.Upgrade(ctx, request); err != nil {
			t.Fatal(err)
		}
		r.tell(func(s *toldSoFar) { s.upgraded = true })
		b.upload(ctx, 3, []byte("never deployed"))
		b.cutLogs(ctx, t, r)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.eventually(ctx, "what was never deployed is removed", func() bool { return b.nodes[id].node.ModuleStats().Removed == 1 })
		}
		b.takeIn(ctx, t)
		r.tell(func(s *toldSoFar) { s.joined = true })
		for _, victim := range []raft.NodeID{b.leader(2), b.leader(2)%3 + 1} {
			disk := b.crash(victim)
			b.boot(victim, disk)
			b.append(ctx, t, r, 5)
		}
		r.tell(func(s *toldSoFar) { s.joined = false })
		if err := b.nodes[1].node.MoveNode(ctx, 4, node.NodeLeaving); err != nil {
			t.Fatal(err)
		}
		b.expectState(ctx, 1, 4, node.NodeRemoved)
		r.tell(func(s *toldSoFar) { s.left = true })
		b.append(ctx, t, r, 3)
	})
	r.mu.Lock()
	r.off = true
	r.mu.Unlock()
}

// crashBubble is an empty bubble as the script and its judge need it.
func crashBubble(t *testing.T, mode node.SnapshotMode) *bubble {
	return emptyBubble(t, func(raft.NodeID) node.MachineOpener { return heirs{} }, func(c *node.Config) {
		scriptTuning(mode)(c)
		joins(c)
		c.ModuleGrace = node.ModuleGraceMin
	})
}

// takeIn has a fourth node join as a learner, and waits until it has everything.
func (b *bubble) takeIn(ctx context.Context, t *testing.T) {
	if err := b.nodes[1].node.AddNode(ctx, joiner(4)); err != nil {
		t.Fatal(err)
	}
	b.boot(4, vfs.NewCrashableMem())
	b.eventually(ctx, "node 4 is a learner of all groups", func() bool {
		c := b.nodes[1].node.Catalogue()
		r, _ := c.Node(4)
		_, learns := c.SeatsIn(r)
		return len(learns) == 2
	})
	if _, err := b.ask(ctx, 4, true); err != nil {
		t.Fatal(err)
	}
}

// installLate keeps a follower away until the others have cut their logs, and waits
// until it has taken a snapshot in place of its own.
func (b *bubble) installLate(ctx context.Context, t *testing.T, r *crashRecorder) {
	late := b.follower(2)
	disk := b.crash(late)
	time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
	b.append(ctx, t, r, 10)
	b.cutLogs(ctx, t, r)
	b.boot(late, disk)
	b.eventually(ctx, "it has installed a snapshot", func() bool { return b.nodes[late].node.SnapshotStats().Installed > 0 })
}

// cutLogs has every node that runs take a snapshot of the machine, and waits until its log
// begins behind what was applied before.
func (b *bubble) cutLogs(ctx context.Context, t *testing.T, r *crashRecorder) {
	if r.mode == node.SnapshotExport {
		b.exportAll(ctx, t, r)
		return
	}
	for id := raft.NodeID(1); id <= 3; id++ {
		if b.nodes[id] == nil {
			continue
		}
		s, err := b.nodes[id].node.TriggerSnapshot(ctx, "adder")
		if err != nil {
			t.Fatalf("snapshot on %v: %v", id, err)
		}
		b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, 2).PurgedIndex+5 > s.File.Index })
	}
}

// exportAll runs commands until the next export entry comes, and waits until every node
// that runs has its file and its log begins behind it.
func (b *bubble) exportAll(ctx context.Context, t *testing.T, r *crashRecorder) {
	any := b.nodes[b.leader(2)].node
	before := any.LastExport(2).Index
	b.eventually(ctx, "an export", func() bool {
		b.append(ctx, t, r, 1)
		return any.LastExport(2).Index > before
	})
	last := any.LastExport(2)
	if last.Status != 0 {
		t.Fatalf("the newest export is %+v", last)
	}
	for id := range b.nodes {
		b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, 2).PurgedIndex+5 > last.Index })
		if f, ok := b.files(id)[last.Index]; !ok || b.kindOf(id, f) != "export/1" {
			t.Fatalf("node %v has %+v and not the export of %d", id, b.files(id), last.Index)
		}
	}
}

// append runs n commands, each answered once.
func (b *bubble) append(ctx context.Context, t *testing.T, r *crashRecorder, n int) {
	err := b.clientThat(ctx, n, func(sum uint64) { r.tell(func(s *toldSoFar) { s.sum = sum }) })
	if err != nil {
		t.Fatal(err)
	}
}

// leave returns the disks after a crash of the victim; the others were just killed.
// What was not synced is lost, kept, or torn somewhere in the newest log; or lost
// everywhere, since the power failed for all.
func (p *crashPoint) leave(how string, seed uint64) (map[raft.NodeID]*vfs.MemFS, error) {
	out := map[raft.NodeID]*vfs.MemFS{}
	for id, fs := range p.disks {
		out[id] = fs.CrashClone(vfs.CrashCloneCfg{})
	}
	switch how {
	case "everywhere":
		for id, fs := range p.synced {
			out[id] = fs.CrashClone(vfs.CrashCloneCfg{})
		}
	case "lost":
		out[p.victim] = p.synced[p.victim].CrashClone(vfs.CrashCloneCfg{})
	case "torn":
		return out, tearLogs(p.synced[p.victim], out[p.victim], rand.New(rand.NewPCG(seed, 7)))
	}
	return out, nil
}

// tearLogs cuts every log of written at some place behind what was synced.
func tearLogs(synced, written *vfs.MemFS, rng *rand.Rand) error {
	if _, err := written.Stat("data/store"); err != nil {
		return nil // it is not there yet
	}
	return eachFile(written, "data/store", ".log", func(path string, size int64) error {
		floor := int64(0)
		if info, err := synced.Stat(path); err == nil {
			floor = min(info.Size(), size)
		}
		return cutFile(written, path, floor+rng.Int64N(size-floor+1))
	})
}

// cutFile leaves the first bytes of a file.
func cutFile(fs *vfs.MemFS, path string, size int64) error {
	content := make([]byte, size)
	f, err := fs.Open(path)
	if err != nil {
		return err
	}
	_, err = f.ReadAt(content, 0)
	if err = errors.Join(err, f.Close()); err != nil && size > 0 {
		return err
	}
	w, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return errors.Join(err, w.Sync(), w.Close())
}

// exportStride is by how much fewer the crash points are with snapshots of exports.
const exportStride = 4

// TestCrashPoints cuts the power of each node before every operation on its disk, a
// hundredth of them unless WRAFT_CRASHPOINTS says another stride, and starts again from
// what is left. With snapshots of exports it does so for a quarter of them.
func TestCrashPoints(t *testing.T) {
	stride := 100
	if testing.Short() {
		stride = 500
	}
	if s := os.Getenv("WRAFT_CRASHPOINTS"); s != "" {
		var err error
		if stride, err = strconv.Atoi(s); err != nil || stride < 1 {
			t.Fatalf("WRAFT_CRASHPOINTS is %q", s)
		}
	}
	tally := crashTally{faults: map[string]int{}}
	inBothModes(t, func(t *testing.T, mode node.SnapshotMode) {
		stride, want := stride, int64(5000/stride)
		if mode == node.SnapshotExport {
			stride, want = exportStride*stride, want/exportStride
		}
		r, before := newCrashRecorder(mode, stride), tally.points.Load()
		crashScript(t, r)
		t.Run("judge", func(t *testing.T) { tally.judgeAll(t, r.points) })
		if got := tally.points.Load() - before; got < want {
			t.Errorf("only %d crash points, want %d or more", got, want)
		}
	})
	fmt.Printf("crashpoints: points=%d lost=%d broken=%d stuck=%d\n", tally.points.Load(), tally.faults["lost"], tally.faults["broken"]+tally.faults["silent"], tally.faults["stuck"])
}

// crashTally counts crash points and what was wrong at them.
type crashTally struct {
	points atomic.Int64
	mu     sync.Mutex // guards faults
	faults map[string]int
}

// waysOf are the ways in which unsynced data is judged at the i-th point. Why everywhere is one of
// them at each third point only: make crashpoints has to end within three minutes.
func waysOf(i int) []string {
	ways := []string{"lost", "kept", "torn"}
	if i%3 == 0 {
		ways = append(ways, "everywhere")
	}
	return ways
}

// judgeAll judges points, each in several ways. In one of four it waits until the nodes
// are whole, which takes three times as long.
func (c *crashTally) judgeAll(t *testing.T, points []crashPoint) {
	const workers = 2
	for w := range workers {
		t.Run(strconv.Itoa(w), func(t *testing.T) {
			t.Parallel()
			for i := w; i < len(points); i += workers {
				for way, how := range waysOf(i) {
					p := &points[i]
					disks, err := p.leave(how, uint64(i))
					if err != nil {
						t.Fatal(err)
					}
					c.points.Add(1)
					if fault, err := p.judge(t, disks, judging{whole: (i+way)%4 == 0}); fault != "" {
						t.Errorf("crash before %s, unsynced data %s: %s: %v", p.op, how, fault, err)
						c.mu.Lock()
						c.faults[fault]++
						c.mu.Unlock()
					}
				}
			}
		})
	}
}
