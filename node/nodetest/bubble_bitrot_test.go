package nodetest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// filesBelow returns the files of a node's data directory that are not empty, by path.
func filesBelow(fs *vfs.MemFS, folder string) (paths []string, err error) {
	names, err := fs.List(folder)
	for _, name := range names {
		path := fs.PathJoin(folder, name)
		info, statErr := fs.Stat(path)
		switch {
		case statErr != nil:
			return nil, statErr
		case info.IsDir():
			below, err := filesBelow(fs, path)
			if err != nil {
				return nil, err
			}
			paths = append(paths, below...)
		case info.Size() > 0 && !strings.HasSuffix(path, ".damaged"):
			paths = append(paths, path)
		}
	}
	return paths, err
}

// injectRot flips a random bit of a random file, or cuts it in every fifth case. It
// returns which file and says what it did.
func injectRot(fs *vfs.MemFS, rng *rand.Rand) (path, what string, err error) {
	paths, err := filesBelow(fs, "data")
	if err != nil {
		return "", "", err
	}
	slices.Sort(paths) // a folder of such a disk has no order
	path = paths[rng.IntN(len(paths))]
	info, err := fs.Stat(path)
	if err != nil {
		return "", "", err
	}
	if rng.IntN(5) > 0 {
		bit := rng.Int64N(info.Size() * 8)
		return path, fmt.Sprintf("bit %d of %s", bit, path), flipBit(fs, path, bit)
	}
	size := rng.Int64N(info.Size())
	return path, fmt.Sprintf("%s cut to %d of %d bytes", path, size, info.Size()), cutFile(fs, path, size)
}

// rotKinds are the kinds of file in a data directory, each of which has to be hit.
var rotKinds = []string{"FORMAT", "identity", "votes", "mark", "log", "table", "MANIFEST", "OPTIONS", "snapshot", "module"}

// rotKind is the kind of a file, or its path where it is of no kind of the list.
func rotKind(path string) string {
	folder, name, _ := strings.Cut(strings.TrimPrefix(path, "data/"), "/")
	switch {
	case name == "":
		return folder
	case folder == "snapshots":
		return "snapshot"
	case folder == "modules":
		return "module"
	case folder != "store":
		return path
	}
	switch prefix, _, _ := strings.Cut(name, "-"); {
	case strings.HasSuffix(name, ".log"):
		return "log"
	case strings.HasSuffix(name, ".sst"):
		return "table"
	default:
		return prefix
	}
}

// rotTally counts injections and what came of them.
type rotTally struct {
	injected, healed int
	faults           map[string]int
	kinds            map[string]int // files that were hit
	// dark are the injections at a node that lost power within the mark's last 10 ms,
	// while it names fewer writes than were acknowledged; darkLost those that cost one.
	dark, darkLost int
}

// show prints the tally; its last line is stable.
func (r *rotTally) show() {
	fmt.Print("bitrot: files")
	for _, kind := range slices.Sorted(maps.Keys(r.kinds)) {
		fmt.Printf(" %s=%d", kind, r.kinds[kind])
	}
	fmt.Printf("\nbitrot: within the last 10 ms of the mark: injected=%d lost=%d, counted apart\n", r.dark, r.darkLost)
	fmt.Printf("bitrot: injected=%d lost=%d silent=%d healed=%.1f%%\n", r.injected, r.faults["lost"], r.faults["silent"], 100*float64(r.healed)/float64(max(1, r.injected-r.darkLost)))
}

// judge fails a test that found more than is promised.
func (r *rotTally) judge(t *testing.T) {
	// Why one in a small run: one in a hundred is what is promised, and chance is chance.
	if r.faults["lost"]+r.faults["silent"] > 0 || r.injected-r.darkLost-r.healed > max(1, r.injected/100) {
		t.Errorf("%d healed of %d, %v", r.healed, r.injected, r.faults)
	}
	if r.injected < 500 {
		return
	}
	for _, kind := range rotKinds {
		if r.kinds[kind] == 0 {
			t.Errorf("no %s was hit", kind)
		}
	}
}

// inject lets something rot on one node at a random moment of a life and judges what
// the cluster makes of it. Every second time that it was killed it lost power too.
func (r *rotTally) inject(t *testing.T, life *crashRecorder, i int, how judging) {
	rng := rand.New(rand.NewPCG(uint64(i), 11))
	p := &life.points[len(life.points)/2+rng.IntN(len(life.points)/2)]
	p.victim = raft.NodeID(1 + rng.IntN(3))
	left := "kept"
	if rng.IntN(2) == 0 {
		left = "lost"
	}
	disks, err := p.leave(left, 0)
	if err != nil {
		t.Fatal(err)
	}
	path, what, err := injectRot(disks[p.victim], rng)
	if err != nil {
		t.Fatal(err)
	}
	r.injected++
	r.kinds[rotKind(path)]++
	dark := left == "lost" && !sameFile(t, p.synced[p.victim], p.disks[p.victim], "data/mark")
	if dark {
		r.dark++
	}
	fault, err := p.judge(t, disks, how)
	switch {
	case fault == "":
		r.healed++
		return
	case fault == "lost" && dark && rotKind(path) == "log":
		r.darkLost++
	default:
		r.faults[fault]++
	}
	t.Logf("%d: %s on node %v, unsynced data %s, snapshots by %v: %s: %v", i, what, p.victim, left, p.mode, fault, err)
}

// sameFile reports whether a file is the same on two disks.
func sameFile(t *testing.T, a, b *vfs.MemFS, path string) bool {
	t.Helper()
	var content [2][]byte
	for i, fs := range []*vfs.MemFS{a, b} {
		f, err := fs.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		content[i], err = io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Equal(content[0], content[1])
}

// TestBitrot lets a bit rot, or an end go, of a random file of one of three nodes that were
// killed, of which it may have lost power, and starts them: nothing acknowledged may be
// lost, and the node has to come back by itself and to vote again. WRAFT_BITROT says how
// often; every second time snapshots are exports.
func TestBitrot(t *testing.T) {
	n := 10
	if s := os.Getenv("WRAFT_BITROT"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 {
			t.Fatalf("WRAFT_BITROT is %q", s)
		}
	}
	lives := livesToRot(t, 20)
	tally := newRotTally()
	for i := range n {
		tally.inject(t, lives[i%2], i, judging{whole: true})
	}
	tally.show()
	tally.judge(t)
}

// livesToRot lives the script in both modes of snapshots.
func livesToRot(t *testing.T, stride int) [2]*crashRecorder {
	lives := [2]*crashRecorder{newCrashRecorder(node.SnapshotImage, stride), newCrashRecorder(node.SnapshotExport, stride)}
	for _, r := range lives {
		crashScript(t, r)
	}
	return lives
}

func newRotTally() rotTally { return rotTally{faults: map[string]int{}, kinds: map[string]int{}} }
