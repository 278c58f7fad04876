package nodetest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
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

// injectRot flips a random bit of a random file, or cuts it in every fifth case, and
// says what it did.
func injectRot(fs *vfs.MemFS, rng *rand.Rand) (what string, err error) {
	paths, err := filesBelow(fs, "data")
	if err != nil {
		return "", err
	}
	path := paths[rng.IntN(len(paths))]
	info, err := fs.Stat(path)
	if err != nil {
		return "", err
	}
	if rng.IntN(5) > 0 {
		bit := rng.Int64N(info.Size() * 8)
		return fmt.Sprintf("bit %d of %s", bit, path), flipBit(fs, path, bit)
	}
	size := rng.Int64N(info.Size())
	return fmt.Sprintf("%s cut to %d of %d bytes", path, size, info.Size()), cutFile(fs, path, size)
}

// TestBitrot lets a bit rot, or an end go, of a random file of one of three nodes that lost
// power, and starts them: nothing acknowledged may be lost, and the node has to come
// back by itself. WRAFT_BITROT says how often; every second time snapshots are exports.
func TestBitrot(t *testing.T) {
	n := 10
	if s := os.Getenv("WRAFT_BITROT"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 {
			t.Fatalf("WRAFT_BITROT is %q", s)
		}
	}
	scripts := []*crashRecorder{newCrashRecorder(node.SnapshotImage, 20), newCrashRecorder(node.SnapshotExport, 20)}
	for _, r := range scripts {
		crashScript(t, r)
	}
	faults, healed := map[string]int{}, 0
	for i := range n {
		rng := rand.New(rand.NewPCG(uint64(i), 11))
		r := scripts[i%2]
		p := &r.points[len(r.points)/2+rng.IntN(len(r.points)/2)]
		p.victim = raft.NodeID(1 + rng.IntN(3))
		disks, err := p.leave("kept", 0)
		if err != nil {
			t.Fatal(err)
		}
		what, err := injectRot(disks[p.victim], rng)
		if err != nil {
			t.Fatal(err)
		}
		fault, err := p.judge(t, disks)
		if fault == "" {
			healed++
			continue
		}
		faults[fault]++
		t.Logf("%d: %s on node %v, snapshots by %v: %s: %v", i, what, p.victim, p.mode, fault, err)
	}
	fmt.Printf("bitrot: injected=%d lost=%d silent=%d healed=%.1f%%\n", n, faults["lost"], faults["silent"], 100*float64(healed)/float64(n))
	// Why one in a small run: one in a hundred is what is promised, and chance is chance.
	if faults["lost"]+faults["silent"] > 0 || n-healed > max(1, n/100) {
		t.Errorf("%d healed of %d, %v", healed, n, faults)
	}
}
