package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/metric"
)

// What the disks of these tests are: small, with a mark that the nodes can keep.
const (
	diskBytes   = 64 << 20
	diskMinFree = 16 << 20
	diskBallast = 4 << 20
)

// smallDisk puts a node's data on a file system of diskBytes; what it has compiled stays
// where it is.
func smallDisk(t *testing.T, n *cluster.Node) {
	t.Helper()
	data, cache := dataDir(n), filepath.Join(n.Dir, "cache")
	if err := os.Rename(filepath.Join(data, "cache"), cache); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", diskBytes)); err != nil {
		t.Skipf("%s: %v", noMounts, err)
	}
	inside := filepath.Join(data, "cache")
	if err := errors.Join(os.Mkdir(inside, 0o700), syscall.Mount(cache, inside, "", syscall.MS_BIND, "")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = n.Kill() // Why: a process would hold the file system
		if err := errors.Join(syscall.Unmount(inside, 0), syscall.Unmount(data, 0)); err != nil {
			t.Error(err)
		}
	})
}

// filler is the file with which a test fills a node's disk.
func filler(n *cluster.Node) string { return filepath.Join(dataDir(n), "filler") }

// fillDisk leaves so many bytes of a node's disk free, at most.
func fillDisk(t *testing.T, n *cluster.Node, left uint64) {
	t.Helper()
	f, err := os.OpenFile(filler(n), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zeros := make([]byte, 64<<10)
	for {
		free := freeBytes(t, n)
		if free <= left {
			return
		}
		if _, err := f.Write(zeros[:min(free-left, uint64(len(zeros)))]); errors.Is(err, syscall.ENOSPC) && left == 0 {
			return
		} else if err != nil && !errors.Is(err, io.ErrShortWrite) {
			t.Fatal(err)
		}
	}
}

func freeBytes(t *testing.T, n *cluster.Node) uint64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dataDir(n), &s); err != nil {
		t.Fatal(err)
	}
	return s.Bavail * uint64(s.Bsize)
}

// freeDisk gives a node its disk back.
func freeDisk(t *testing.T, n *cluster.Node) {
	t.Helper()
	if err := os.Remove(filler(n)); err != nil {
		t.Fatal(err)
	}
}

// waitFull waits until a node's metrics say that its disk is full, or that it is not.
func waitFull(t *testing.T, ctx context.Context, n *cluster.Node, full bool) {
	t.Helper()
	for {
		m, err := n.Metrics(ctx)
		if err == nil && (m[metric.DiskFull] == 1) == full {
			return
		}
		if ctx.Err() != nil || !n.Running() {
			t.Fatalf("node %v, running %v: full is not %v: %v", n.ID, n.Running(), full, err)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// adders increment a counter until they are stopped, and count what came of it.
type adders struct {
	acknowledged, refused atomic.Int64
	stop                  context.CancelFunc
	wait                  sync.WaitGroup
	mu                    sync.Mutex // guards the rest
	doubtful              int        // refused at last, and perhaps taken at an earlier try
	answers               map[string]bool
	errs                  []error
}

func startAdders(t *testing.T, ctx context.Context, c *cluster.Cluster, workers int) *adders {
	a := &adders{answers: map[string]bool{}}
	working, stop := context.WithCancel(ctx)
	a.stop = stop
	for range workers {
		cl := newClient(t, c)
		s := session(t, ctx, cl, "counter")
		a.wait.Go(func() {
			for working.Err() == nil {
				<-time.After(5 * time.Millisecond) // Why: the disks are small
				if err := a.add(ctx, s); err != nil {
					a.mu.Lock()
					a.errs = append(a.errs, err)
					a.mu.Unlock()
					return
				}
			}
		})
	}
	return a
}

// add increments once. No two increments have the same answer.
func (a *adders) add(ctx context.Context, s *client.Session) error {
	r, err := s.Command(ctx, []byte("incr"))
	a.mu.Lock()
	defer a.mu.Unlock()
	var p *client.Problem
	switch {
	case err == nil && a.answers[string(r.Data)]:
		return fmt.Errorf("two increments were answered %s", r.Data)
	case err == nil:
		a.answers[string(r.Data)] = true
		a.acknowledged.Add(1)
	case errors.As(err, &p) && p.Code == client.CodeDiskFull:
		a.refused.Add(1)
		if p.Outcome != client.NotApplied {
			a.doubtful++
		}
	default:
		return err
	}
	return nil
}

// await waits until a number has grown by so many.
func (a *adders) await(t *testing.T, ctx context.Context, number *atomic.Int64, more int64) {
	t.Helper()
	for want := number.Load() + more; number.Load() < want; {
		a.mu.Lock()
		errs := errors.Join(a.errs...)
		a.mu.Unlock()
		if errs != nil || ctx.Err() != nil {
			t.Fatalf("acknowledged %d, refused %d: %v", a.acknowledged.Load(), a.refused.Load(), errors.Join(errs, ctx.Err()))
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestFullDisksOfProcesses fills the disks of real processes under load, to less than what
// lets them keep their ballast: a follower's, the leader's, all. Nobody ends, commands go on
// or are refused in plain words, and what was acknowledged is there, once.
func TestFullDisksOfProcesses(t *testing.T) {
	skipShort(t)
	ctx := within(t, 8*time.Minute)
	if !alone(t) {
		return
	}
	compileOnce(t, module(t, counterFolder))
	c := clusterFrom(t, ctx, cluster.Config{Name: "fulldisk", Compiled: compiled(), Flags: []string{
		"--disk-min-free", fmt.Sprint(diskMinFree), "--disk-ballast", fmt.Sprint(diskBallast),
	}})
	for _, n := range c.Nodes {
		smallDisk(t, n)
	}
	startAll(t, ctx, c)
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	a := startAdders(t, ctx, c, 4)
	a.await(t, ctx, &a.acknowledged, 100)
	pids := map[client.NodeID]int{}
	for _, n := range c.Nodes {
		pids[n.ID] = n.PID()
	}
	follower := c.Nodes[leader(t, ctx, c)%3]
	fillAndFree(t, ctx, a, follower)
	fillAndFree(t, ctx, a, c.Nodes[leader(t, ctx, c)-1])
	fillAll(t, ctx, c, a)
	for _, n := range c.Nodes {
		if n.PID() != pids[n.ID] || !n.Running() {
			t.Errorf("node %v has ended", n.ID)
		}
	}
	a.stop()
	a.wait.Wait()
	expectCounter(t, ctx, c, a)
	waitsForRoom(t, ctx, c, c.Nodes[0])
	expectCounter(t, ctx, c, a)
	t.Logf("acknowledged=%d refused=%d doubtful=%d", a.acknowledged.Load(), a.refused.Load(), a.doubtful)
}

// fillAndFree fills one node's disk, wants commands to go on, and frees it again.
func fillAndFree(t *testing.T, ctx context.Context, a *adders, n *cluster.Node) {
	t.Helper()
	fillDisk(t, n, diskMinFree*3/4)
	waitFull(t, ctx, n, true)
	fillDisk(t, n, diskMinFree/8)
	a.await(t, ctx, &a.acknowledged, 100)
	freeDisk(t, n)
	waitFull(t, ctx, n, false)
	a.await(t, ctx, &a.acknowledged, 100)
}

// fillAll fills all disks, wants commands to be refused and reads to be answered, and frees
// them again.
func fillAll(t *testing.T, ctx context.Context, c *cluster.Cluster, a *adders) {
	t.Helper()
	for _, n := range c.Nodes {
		fillDisk(t, n, diskMinFree*3/4)
	}
	for _, n := range c.Nodes {
		waitFull(t, ctx, n, true)
		fillDisk(t, n, diskMinFree/8)
	}
	a.await(t, ctx, &a.refused, 20)
	r := c.Wraftd(ctx, patience("call", "counter", "incr")...)
	if r.Code != int(client.ExitFailed) || !strings.Contains(r.Stderr, string(client.CodeDiskFull)) {
		t.Errorf("a command ends with %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := c.Wraftd(ctx, patience("query", "counter", "get")...); r.Code != 0 {
		t.Errorf("a query ends with %d:\n%s", r.Code, r.Stderr)
	}
	for _, n := range c.Nodes {
		freeDisk(t, n)
	}
	for _, n := range c.Nodes {
		waitFull(t, ctx, n, false)
	}
	a.await(t, ctx, &a.acknowledged, 100)
}

// expectCounter wants every node to have counted what was acknowledged, and nothing else but
// what nobody knows the outcome of.
func expectCounter(t *testing.T, ctx context.Context, c *cluster.Cluster, a *adders) {
	t.Helper()
	least, most := int(a.acknowledged.Load()), int(a.acknowledged.Load())+a.doubtful
	same := map[int]bool{}
	for _, n := range c.Nodes {
		r := c.Wraftd(ctx, patience("query", "counter", "get", "--server", n.URL())...)
		var value int
		if _, err := fmt.Sscanf(r.Stdout, `{"value":%d}`, &value); r.Code != 0 || err != nil || value < least || value > most {
			t.Errorf("node %v: exit code %d, %q, want %d to %d\n%s", n.ID, r.Code, r.Stdout, least, most, r.Stderr)
		}
		same[value] = true
	}
	if len(same) != 1 {
		t.Errorf("the nodes have counted %v", same)
	}
}

// waitsForRoom starts a node on a disk without a byte left. The first time its ballast makes
// room; with that gone it waits, says so, and starts by itself when there is some.
func waitsForRoom(t *testing.T, ctx context.Context, c *cluster.Cluster, n *cluster.Node) {
	t.Helper()
	for range 2 {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		fillDisk(t, n, 0)
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dataDir(n), "ballast")); err == nil {
			waitFull(t, ctx, n, true)
		}
	}
	untilSaid(t, ctx, n, "the disk is full, this node waits for room before it starts")
	pid := n.PID()
	freeDisk(t, n)
	if err := c.WaitReady(ctx); err != nil || n.PID() != pid || !n.Running() {
		t.Fatalf("with room again: %v, running %v", err, n.Running())
	}
	waitFull(t, ctx, n, false)
}
