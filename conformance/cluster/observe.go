package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/internal/metric"
)

// scrapeBytesMax bounds an answer of /metrics.
const scrapeBytesMax = 4 << 20

// Profile writes what the node's processors do in the next seconds, 1 to 300, as pprof
// reads it.
func (n *Node) Profile(ctx context.Context, seconds int, to io.Writer) error {
	url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", n.URL(), seconds)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	// Why not the cluster's probe: it gives up long before.
	transport := &http.Transport{TLSClientConfig: n.cluster.TLS(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("cluster: profile of node %d: %w", n.ID, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("cluster: profile of node %d: %s", n.ID, resp.Status)
	}
	if _, err := io.Copy(to, resp.Body); err != nil {
		return fmt.Errorf("cluster: profile of node %d: %w", n.ID, err)
	}
	return nil
}

// Metrics are a node's numbers, by name and labels as /metrics writes them:
// `wraft_raft_term{group="2",machine="kv"}`. They count since the start of its process.
func (n *Node) Metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	resp, err := n.cluster.probe.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cluster: metrics of node %d: %w", n.ID, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, scrapeBytesMax))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("cluster: metrics of node %d: %s, %w", n.ID, resp.Status, errors.Join(err))
	}
	return parseMetrics(string(body)), nil
}

// WaitLinked returns once all running nodes have links to all others that run.
func (c *Cluster) WaitLinked(ctx context.Context) error {
	running := slices.DeleteFunc(slices.Clone(c.Nodes), func(n *Node) bool { return !n.Running() })
	for _, n := range running {
		for {
			m, err := n.Metrics(ctx)
			away := slices.IndexFunc(running, func(o *Node) bool { return o != n && m[fmt.Sprintf("%s{peer=%q}", metric.LinkUp, o.ID)] != 1 })
			if err == nil && away < 0 {
				break
			}
			select {
			case <-time.After(probeInterval):
			case <-ctx.Done():
				return fmt.Errorf("cluster: node %d is not linked to all others: %w", n.ID, errors.Join(ctx.Err(), err))
			}
		}
	}
	return nil
}

func parseMetrics(text string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err == nil {
			out[line[:at]] = v
		}
	}
	return out
}

// Messages counts how often each of some messages stands in the node's log, over all its
// processes.
func (n *Node) Messages(messages ...string) (map[string]int, error) {
	text, err := os.ReadFile(n.LogFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cluster: log of node %d: %w", n.ID, err)
	}
	out := map[string]int{}
	for _, m := range messages {
		out[m] = bytes.Count(text, []byte(`"msg":`+strconv.Quote(m)))
	}
	return out, nil
}

// What a node logs of snapshots.
const (
	messageTaken     = "snapshot taken"
	messageRestored  = "replica begins from a snapshot"
	messageInstalled = "a snapshot takes the place of the log"
)

// Snapshots is how often nodes had to do with snapshots.
type Snapshots struct {
	// Taken by a node of its own machines, Restored at the beginning of a replica,
	// Installed in place of a log.
	Taken, Restored, Installed int
}

// Snapshots adds up what the logs of all nodes say, over all processes.
func (c *Cluster) Snapshots() (sum Snapshots, err error) {
	for _, n := range c.Nodes {
		m, err := n.Messages(messageTaken, messageRestored, messageInstalled)
		if err != nil {
			return sum, err
		}
		sum.Taken += m[messageTaken]
		sum.Restored += m[messageRestored]
		sum.Installed += m[messageInstalled]
	}
	return sum, nil
}

// LeaseReads are flags with which nodes answer reads by lease.
var LeaseReads = []string{"--reads-lease", "on"}

// SmallSnapshots are flags with which nodes take snapshots all the time and keep next to
// nothing of their logs.
var SmallSnapshots = []string{"--snapshots-log-bytes", "4KiB", "--snapshots-tail-bytes", "1KiB"}
