package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/internal/metric"
	"github.com/wraft/wraft/node"
)

// workMetrics show what a group's machine does on this node, and how long its leader's
// entries take to be committed.
type workMetrics struct {
	commands, failed, seconds, fuel *prometheus.Desc
	memory, limit, sessions, keys   *prometheus.Desc
	commits, commitSeconds          *prometheus.Desc
}

func newWorkMetrics() workMetrics {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"group", "machine"}, more...), nil)
	}
	return workMetrics{
		commands:      desc(metric.MachineCommandsTotal, "Commands that the machine was called with on this node, those of a replay included."),
		failed:        desc(metric.MachineCommandsFailedTotal, "Commands that failed on this node, those of a replay included, by reason.", "reason"),
		seconds:       desc(metric.MachineApplySecondsTotal, "Time spent in applying entries to the machine."),
		fuel:          desc(metric.MachineFuelTotal, "Fuel that its commands have spent on this node."),
		memory:        desc(metric.MachineMemoryBytes, "Linear memory of the machine on this node."),
		limit:         desc(metric.MachineMemoryLimitBytes, "Linear memory that the machine may have at most; 0 for the meta group, whose machine is no module."),
		sessions:      desc(metric.MachineSessions, "Sessions of clients that the machine knows."),
		keys:          desc(metric.MachineIdempotencyKeys, "Idempotency keys that it remembers."),
		commits:       desc(metric.RaftCommitsTotal, "Entries with commands that this node proposed as the leader and that were committed."),
		commitSeconds: desc(metric.RaftCommitSecondsTotal, "Time from their proposal until a quorum had them."),
	}
}

// collect shows a group; limit is what its machine may have of memory, 0 for the meta group.
func (m workMetrics) collect(out chan<- prometheus.Metric, g node.GroupInfo, limit uint64, labels []string) {
	counter := func(d *prometheus.Desc, v float64, more ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, append(labels[:len(labels):len(labels)], more...)...)
	}
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter(m.commands, float64(g.Work.Commands))
	for reason, count := range g.Work.Failed {
		counter(m.failed, float64(count), node.CommandFailure(reason).String())
	}
	counter(m.seconds, g.Work.Applying.Seconds())
	counter(m.fuel, float64(g.Work.Fuel))
	counter(m.commits, float64(g.Commits.Entries))
	counter(m.commitSeconds, g.Commits.Time.Seconds())
	gauge(m.memory, float64(g.Work.MemoryBytes))
	gauge(m.limit, float64(limit))
	gauge(m.sessions, float64(g.Work.Sessions))
	gauge(m.keys, float64(g.Work.Keys))
}
