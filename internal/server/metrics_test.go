package server

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/node"
)

// workOnly shows the work of one group.
type workOnly struct {
	metrics workMetrics
	group   node.GroupInfo
}

func (w workOnly) Describe(chan<- *prometheus.Desc) {}

func (w workOnly) Collect(out chan<- prometheus.Metric) {
	w.metrics.collect(out, w.group, 64<<20, []string{"2", "counter"})
}

// gathered are a collector's values, by name and by the label reason where there is one, and
// how many series have the group.
func gathered(t *testing.T, c prometheus.Collector, group string) (values map[string]float64, series int) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values = map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				if l.GetName() == "group" && l.GetValue() == group {
					series++
				}
				if l.GetName() == "reason" {
					name += " " + l.GetValue()
				}
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() // one of them is nil, which is 0
		}
	}
	return values, series
}

// TestWorkIsShown: each number under its own name.
func TestWorkIsShown(t *testing.T) {
	group := node.GroupInfo{
		Work: node.Work{
			Commands: 1, Failed: [...]uint64{node.FailureMachine: 2, node.FailureTrap: 3, node.FailureFuel: 4, node.FailureLimits: 5, node.FailureMalformed: 6, node.FailureRefused: 7},
			Fuel: 8, Applying: 9 * time.Second, MemoryBytes: 10, Sessions: 11, Keys: 12,
		},
		Commits: node.CommitStats{Entries: 13, Time: 14 * time.Second},
	}
	got, _ := gathered(t, workOnly{newWorkMetrics(), group}, "2")
	want := map[string]float64{
		"wraft_machine_commands_total": 1, "wraft_machine_commands_failed_total machine": 2, "wraft_machine_commands_failed_total trap": 3,
		"wraft_machine_commands_failed_total fuel": 4, "wraft_machine_commands_failed_total limits": 5, "wraft_machine_commands_failed_total malformed": 6,
		"wraft_machine_commands_failed_total refused": 7, "wraft_machine_fuel_total": 8, "wraft_machine_apply_seconds_total": 9, "wraft_machine_memory_bytes": 10,
		"wraft_machine_memory_limit_bytes": 64 << 20, "wraft_machine_sessions": 11, "wraft_machine_idempotency_keys": 12, "wraft_raft_commits_total": 13, "wraft_raft_commit_seconds_total": 14,
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d series, want %d: %v", len(got), len(want), got)
	}
}

// TestSeriesOfAGroup: docs/OPERATIONS.md says how many series a machine costs.
func TestSeriesOfAGroup(t *testing.T) {
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`A machine has (\d+) series`).FindSubmatch(page)
	if said == nil {
		t.Fatal("docs/OPERATIONS.md does not say how many series a machine has")
	}
	want, err := strconv.Atoi(string(said[1]))
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(t, oneNode(t, "blue"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	series := 0
	for deadline := time.Now().Add(time.Minute); series == 0 && time.Now().Before(deadline); {
		_, series = gathered(t, newCollector(s.node, s.store), "1") // Why again: a scrape shows what it can get in time
	}
	if series != want {
		t.Errorf("a group has %d series, docs/OPERATIONS.md says %d", series, want)
	}
}
