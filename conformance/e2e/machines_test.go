package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// machinesCount is how many machines share the cluster.
const machinesCount = 32

// machinesMemory is the limit of each, so that a node has room for all of them.
const machinesMemory = "32MiB"

// The slow machine is told how many rounds to spin; how long that takes is found
// out, not known.
const (
	spinFirst  = 16_000_000
	spinTarget = 2 * time.Second
	spinTries  = 6
)

// TestMachinesWorkSideBySide deploys 32 machines. While one of them is inside an
// apply of two seconds, all the others answer.
func TestMachinesWorkSideBySide(t *testing.T) {
	ctx := within(t, 10*time.Minute)
	skipShort(t)
	c := startCluster(t, ctx, "machines", module(t, slowFolder), module(t, counterFolder))
	deploy(t, ctx, c, module(t, slowFolder), "slow", "--memory", machinesMemory)
	names := deployCounters(t, ctx, c, machinesCount-1)
	cl := newClient(t, c)
	machines, err := cl.Machines(ctx)
	if err != nil || len(machines) != machinesCount {
		t.Fatalf("%d machines are listed: %v", len(machines), err)
	}
	sessions := everyoneAnswers(t, ctx, cl, names)
	slow := session(t, ctx, cl, "slow")
	spins := calibrate(t, ctx, slow)
	for try := range spinTries {
		took, latencies := besideSlow(t, ctx, slow, sessions, spins)
		t.Logf("apply_s=%.2f answered_meanwhile=%d p50_ms=%.1f p99_ms=%.1f", took.Seconds(), len(latencies),
			millis(quantile(latencies, 0.50)), millis(quantile(latencies, 0.99)))
		if took >= spinTarget && len(latencies) >= len(names) {
			if err := c.WaitLinked(ctx); err != nil {
				t.Error(err)
			}
			checkViews(t, ctx, c)
			return
		}
		// Not a verdict yet: the spin was shorter than it was alone, or a machine
		// short of processors needs longer for 31 answers. A held up machine never
		// answers, however long the spin.
		t.Logf("try %d: spinning twice as long", try+1)
		spins *= 2
	}
	t.Fatal("machines are held up by another one's apply")
}

// deployersCount is how many counters are deployed at once: most of a deploy is
// waiting for the disks of three nodes.
const deployersCount = 4

// deployCounters deploys n counters and returns their names.
func deployCounters(t *testing.T, ctx context.Context, c *cluster.Cluster, n int) []string {
	t.Helper()
	file := module(t, counterFolder)
	names, queue := make([]string, n), make(chan string, n)
	for i := range names {
		names[i] = fmt.Sprintf("counter-%d", i+1)
		queue <- names[i]
	}
	close(queue)
	var deployers sync.WaitGroup
	for range deployersCount {
		deployers.Go(func() {
			for name := range queue {
				if r := c.Wraftd(ctx, patience("deploy", file, "--name", name, "--memory", machinesMemory)...); r.Code != 0 {
					t.Errorf("deploy %s: exit code %d\n%s", name, r.Code, r.Stderr)
				}
			}
		})
	}
	deployers.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return names
}

// everyoneAnswers increments each counter once, each in a session that it returns.
func everyoneAnswers(t *testing.T, ctx context.Context, cl *client.Client, names []string) []*client.Session {
	t.Helper()
	var sessions []*client.Session
	for _, name := range names {
		s := session(t, ctx, cl, name)
		if r, err := s.Command(ctx, []byte("incr")); err != nil || string(r.Data) != `{"value":1}` {
			t.Fatalf("%s: %q, %v", name, r.Data, err)
		}
		sessions = append(sessions, s)
	}
	return sessions
}

// calibrate finds a number of rounds that keeps the machine busy for spinTarget.
func calibrate(t *testing.T, ctx context.Context, slow *client.Session) uint64 {
	t.Helper()
	spins := uint64(spinFirst)
	for spin(t, ctx, slow, spins) < spinTarget {
		spins *= 2
	}
	return spins
}

func spin(t *testing.T, ctx context.Context, slow *client.Session, spins uint64) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := slow.Command(ctx, fmt.Appendf(nil, "spin %d", spins)); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// besideSlow lets the slow machine spin and asks all others, each once and a few
// at a time, until it is done. It returns how long the spin took and the latency
// of every answer that came before its end.
func besideSlow(t *testing.T, ctx context.Context, slow *client.Session, sessions []*client.Session, spins uint64) (time.Duration, []time.Duration) {
	t.Helper()
	var done atomic.Bool
	spun := make(chan time.Duration, 1)
	go func() {
		began := time.Now()
		_, err := slow.Command(ctx, fmt.Appendf(nil, "spin %d", spins))
		done.Store(true)
		if err != nil {
			t.Error(err)
		}
		spun <- time.Since(began)
	}()
	var mu sync.Mutex
	var latencies []time.Duration
	var workers sync.WaitGroup
	queue := make(chan *client.Session, len(sessions))
	for _, s := range sessions {
		queue <- s
	}
	close(queue)
	for range 4 {
		workers.Go(func() {
			for s := range queue {
				began := time.Now()
				_, err := s.Command(ctx, []byte("incr"))
				if err != nil {
					t.Error(err)
				}
				if meanwhile := !done.Load(); err == nil && meanwhile {
					mu.Lock()
					latencies = append(latencies, time.Since(began))
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return <-spun, latencies
}

// checkViews wants each node to know all nodes and all groups.
func checkViews(t *testing.T, ctx context.Context, c *cluster.Cluster) {
	t.Helper()
	for _, n := range c.Nodes {
		cl, err := client.New(client.Config{Endpoints: []string{n.API}, TLS: c.TLS()})
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		info, err := cl.Cluster(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Nodes) != len(c.Nodes) || len(info.Groups) != machinesCount+1 {
			t.Errorf("node %v sees %d nodes and %d groups", n.ID, len(info.Nodes), len(info.Groups))
		}
	}
}

// quantile is the q-th part of the sorted values, 0 of none.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
