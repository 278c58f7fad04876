package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
	"github.com/wraft/wraft/internal/metric"
)

// TestFlippedByteIsMended changes one byte in the memory of a machine of a running
// node, from outside, as a fault of the hardware would: the node notices, makes its
// machine anew, and nobody who writes sees anything of it.
func TestFlippedByteIsMended(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	skipShort(t)
	c := startCluster(t, ctx, "memory", module(t, counterFolder))
	deploy(t, ctx, c, module(t, counterFolder), "counter", "--memory", "64MiB")
	clients := []*client.Client{newClient(t, c), newClient(t, c), newClient(t, c)}
	load := counter.Start(ctx, counter.Config{Clients: clients, Workers: 8})
	victim := c.Nodes[1]
	for valueOf(t, ctx, c, victim, metric.MachineAppliedIndex) < 100 { // a replica may be late
		if err := load.WaitFor(ctx, load.Acknowledged()+50); err != nil {
			t.Fatal(err)
		}
	}
	before := valueOf(t, ctx, c, victim, metric.MachineAppliedIndex)
	// The guest's runtime holds texts that no command touches.
	flipByte(t, victim.PID(), []byte("concurrent map writes"))
	for valueOf(t, ctx, c, victim, metric.MachineRebuildsTotal) == 0 {
		if err := load.WaitFor(ctx, load.Acknowledged()+50); err != nil {
			t.Fatalf("nothing was noticed, or writes stopped: %v", err)
		}
	}
	t.Logf("noticed within %v entries", valueOf(t, ctx, c, victim, metric.MachineAppliedIndex)-before)
	if err := load.WaitFor(ctx, load.Acknowledged()+500); err != nil {
		t.Fatal(err)
	}
	if _, err := load.Settle(ctx, c.Endpoints(), c.TLS()); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		want := 0.0
		if n == victim {
			want = 1
		}
		got := valueOf(t, ctx, c, n, metric.MachineRebuildsTotal)
		for ; got < want && ctx.Err() == nil; got = valueOf(t, ctx, c, n, metric.MachineRebuildsTotal) {
			<-time.After(20 * time.Millisecond) // Why again: a shard that does not answer in time says nothing
		}
		if got != want {
			t.Errorf("node %v rebuilt its machine %v times, want %v", n.ID, got, want)
		}
	}
	if err := c.Stop(within(t, stopPatience)); err != nil {
		t.Fatal(err)
	}
}

// valueOf is a number of the counter's from a node's metrics.
func valueOf(t *testing.T, ctx context.Context, c *cluster.Cluster, n *cluster.Node, name string) float64 {
	t.Helper()
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: c.TLS(), ForceAttemptHTTP2: true}}
	defer hc.CloseIdleConnections()
	_, _, body := probe(t, ctx, n, hc, "/metrics")
	found := regexp.MustCompile(`(?m)^` + name + `\{[^}]*machine="counter"[^}]*\} (\S+)$`).FindStringSubmatch(body)
	if found == nil {
		return 0 // the shard did not answer in time, or it has nothing to say
	}
	v, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// goHeapEnd is beyond every address that Go's allocator hands out here, so that what
// lies higher was mapped for something else: the memory of guests.
const goHeapEnd = 0x7000_0000_0000

// flipByte changes a byte of the first copy of a text in the memory of guests.
func flipByte(t *testing.T, pid int, text []byte) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Skipf("the memory of a process cannot be seen here: %v", err)
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		t.Skipf("the memory of a process cannot be written here: %v", err)
	}
	defer memory.Close()
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatal(err)
		}
		if from < goHeapEnd || to-from < 16<<20 || !strings.HasPrefix(mode, "rw") {
			continue
		}
		content := make([]byte, to-from)
		if _, err := memory.ReadAt(content, from); err != nil {
			continue // not all of it can be read
		}
		at := bytes.Index(content, text)
		if at < 0 {
			continue
		}
		if _, err := memory.WriteAt([]byte{text[0] ^ 4}, from+int64(at)); err != nil {
			t.Skipf("the memory of a process cannot be written here: %v", err)
		}
		return
	}
	t.Fatalf("%q is in the memory of no guest", text)
}
