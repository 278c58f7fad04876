package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/scrape"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// reading is what two nodes said some seconds after noon, with numbers that grow with them.
func reading(seconds int) Reading {
	metrics := func(n int) scrape.Samples {
		return scrape.Parse(fmt.Sprintf(`
wraft_api_requests_total{route="a"} %d
wraft_native_requests_total{kind="command"} %d
wraft_storage_syncs_total %d
wraft_storage_sync_seconds_total %v
wraft_storage_written_bytes_total %d
wraft_disk_free_bytes 3.3e10
wraft_raft_commit_index{group="2",machine="kv"} %d
wraft_raft_follower_lag_entries{group="2",machine="kv",peer="3"} 6
wraft_raft_follower_lag_entries{group="2",machine="kv",peer="2"} 7
wraft_raft_follower_lag_entries{group="9",machine="x",peer="2"} 8
wraft_link_up{peer="2"} 1
wraft_link_rtt_seconds{peer="2"} 0.0125
wraft_link_path_loss_ratio{peer="2"} 0.02
wraft_link_sent_bytes_total{peer="2"} %d
wraft_link_received_bytes_total{peer="2"} 5
`, 10*n, 5*n, 4*n, 0.02*float64(n), 2048*n, 100*n, 20480*n))
	}
	return Reading{
		At: noon.Add(time.Duration(seconds) * time.Second),
		Info: client.ClusterInfo{
			Cluster: "test", ServedBy: 1,
			Nodes: []client.NodeInfo{
				{ID: 1, State: client.NodeVoter, Role: "leader", Up: true, MemoryBudget: 100, MemoryUsed: 25},
				{ID: 2, State: client.NodeVoter, Role: "unknown", Down: "absent"},
				{ID: 3, State: client.NodeRemoved},
			},
			Groups: []client.GroupInfo{
				{Group: 1, State: client.MachineRunning, Commit: 9, Applied: 9},
				{Group: 2, Machine: "kv", Leader: 1, State: client.MachineRunning, Commit: 200, Applied: 199},
			},
		},
		Metrics: map[client.NodeID]scrape.Samples{1: metrics(seconds)},
	}
}

const twoReadings = `cluster test, as node 1 sees it, 12:00:02, every 1s; r: now, q: end

NODE  STATE  ROLE     UP         REQ/S  SYNC/S  SYNC   WRITES   FREE   MEMORY
1     voter  leader   yes        15     4       5.0ms  2048B/s  31GiB  25%
2     voter  unknown  no absent  -      -       -      -        -      -

MACHINE  LEADER  STATE    ENTRIES/S  COMMIT  APPLIED  LAG
(meta)   -       running  -          9       9        -
kv       1       running  100        200     199      7 at node 2

LINK   UP   RTT     LOSS  OUT      IN
1 > 2  yes  12.5ms  2.0%  20KiB/s  0B/s`

func TestScreen(t *testing.T) {
	if got := strings.Join(screen(span{reading(1), reading(2)}, time.Second), "\n"); got != twoReadings {
		t.Errorf("got\n%s\nwant\n%s", got, twoReadings)
	}
	// One reading has no rates, a node that began anew neither, and one that fails shows what was.
	for name, s := range map[string]span{"one reading": {Reading{}, reading(2)}, "began anew": {reading(3), reading(2)}} {
		got := strings.Join(screen(s, time.Second), "\n")
		if !strings.Contains(got, "yes        -      -") || strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	got := strings.Join(screen(span{reading(1), Reading{At: noon, Err: errors.New("gone")}}, time.Second), "\n")
	if !strings.HasPrefix(got, "nobody answers: gone\n\ncluster test") || !strings.Contains(got, "kv       1") {
		t.Errorf("got\n%s", got)
	}
}

// step gives the model a message and runs what it asks for, if that is a look.
func step(t *testing.T, m tea.Model, msg tea.Msg) (model, tea.Cmd) {
	t.Helper()
	next, cmd := m.Update(msg)
	return next.(model), cmd
}

func TestLooksFollowEachOther(t *testing.T) {
	looks := 0
	m := model{every: time.Hour, look: func() Reading { looks++; return reading(looks) }}
	if got := m.View(); got.Content != "asking the cluster ..." || !got.AltScreen {
		t.Errorf("%+v", got)
	}
	m, look := step(t, m, m.Init()())
	if look == nil || !m.looking {
		t.Fatal("it does not begin with a look")
	}
	if _, again := step(t, m, due{}); again != nil {
		t.Error("two looks at a time")
	}
	m, _ = step(t, m, look())
	if _, old := step(t, m, due{0}); old != nil {
		t.Error("the wait of an earlier round began a look")
	}
	m, look = step(t, m, due{1})
	m, _ = step(t, m, look())
	if got := m.View().Content; !strings.Contains(got, "REQ/S") || !strings.Contains(got, "kv       1       running  100") || looks != 2 {
		t.Errorf("%d looks:\n%s", looks, got)
	}
	m, look = step(t, m, tea.KeyPressMsg{Code: 'r', Text: "r"})
	if look == nil {
		t.Fatal("r does not look")
	}
	failed := Reading{At: noon, Err: errors.New("gone")}
	m, _ = step(t, m, failed)
	m, _ = step(t, m, failed)
	if m.span.before.Err != nil || m.span.before.At != reading(2).At {
		t.Error("a failed reading took the place of the last good one")
	}
}

func TestKeysAndSizes(t *testing.T) {
	m := model{every: time.Hour}
	for _, key := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: tea.KeyEscape}, {Code: 'c', Mod: tea.ModCtrl}} {
		_, quit := step(t, m, key)
		if quit == nil {
			t.Fatalf("%v does not end it", key)
		}
		if _, ok := quit().(tea.QuitMsg); !ok {
			t.Errorf("%v gives %v", key, quit())
		}
	}
	if _, cmd := step(t, m, tea.KeyPressMsg{Code: 'x', Text: "x"}); cmd != nil {
		t.Error("x does something")
	}
	m.span.last = reading(2)
	m, _ = step(t, m, tea.WindowSizeMsg{Width: 20, Height: 5})
	lines := strings.Split(m.View().Content, "\n")
	if len(lines) != 5 || lines[0] != "cluster test, as nod" || lines[4] != "... 8 more lines: ma" {
		t.Errorf("got %q", lines)
	}
}

// TestNoLookOutlivesTheView: the user quits while a look is under way.
func TestNoLookOutlivesTheView(t *testing.T) {
	keys, typed := io.Pipe()
	over := false // Why no lock: under the race detector a look that outlives Run shows here
	err := Run(t.Context(), Options{
		In: keys, Out: io.Discard, Every: time.Hour,
		Look: func(ctx context.Context) Reading {
			go func() { typed.Write([]byte("q")) }()
			<-ctx.Done()
			runtime.Gosched()
			over = true
			return Reading{Err: ctx.Err()}
		},
	})
	if err != nil || !over {
		t.Errorf("Run: %v, the look was over: %v", err, over)
	}
}
