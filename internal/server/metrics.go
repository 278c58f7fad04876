package server

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/internal/metric"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
)

// collectTimeout bounds what a scrape waits for the node's shards.
const collectTimeout = time.Second

// collector reads a node's numbers when it is scraped, so that counting costs the
// node nothing.
type collector struct {
	node  *node.Node
	store *storage.Store
	work  workMetrics

	role, term, commit, applied, lag       *prometheus.Desc
	events, eventBytes                     *prometheus.Desc
	machineRunning, machineRebuilt, jumps  *prometheus.Desc
	snapshotAt, purged                     *prometheus.Desc
	syncs, batches, entries, bytes, syncS  *prometheus.Desc
	snapTaken, snapFailed, snapInstalled   *prometheus.Desc
	snapDamaged, snapWritten, snapReceived *prometheus.Desc
	exports, exportsRefused                *prometheus.Desc
	scrubPasses, scrubBytes, scrubDamaged  *prometheus.Desc
	modules, moduleBytes, modulesPaused    *prometheus.Desc
	moduleRemoved, moduleRemovedB          *prometheus.Desc
	diskFree, diskFull, diskBallast        *prometheus.Desc
	stalled, peerFull, peerStalled         *prometheus.Desc
	linkUp, linkRTT, linkSent, linkRecv    *prometheus.Desc
	linkVariance                           *prometheus.Desc
	linkPackets, linkLost, linkDropped, re *prometheus.Desc
	linkRepair, linkPathLoss, linkPathLost *prometheus.Desc
	linkRepaired, linkRebuilt              *prometheus.Desc
	linkDown, linkNarrowed                 *prometheus.Desc
	linkParity, linkParityB                *prometheus.Desc
	linkCopies, linkCopyB                  *prometheus.Desc
	deadRemoved                            *prometheus.Desc
	handed                                 *prometheus.Desc
}

func newCollector(n *node.Node, s *storage.Store) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	group, peer := []string{"group", "machine"}, []string{"peer"}
	return &collector{
		node: n, store: s, work: newWorkMetrics(),
		role:           desc(metric.RaftIsLeader, "1 when this node leads the group.", group...),
		term:           desc(metric.RaftTerm, "The replica's term.", group...),
		jumps:          desc(metric.RaftTermJumpsTotal, "How often a peer raised the replica's term by more than 1,048,576 at once.", group...),
		commit:         desc(metric.RaftCommitIndex, "The replica's commit index.", group...),
		snapshotAt:     desc(metric.RaftSnapshotIndex, "The index of the replica's newest snapshot.", group...),
		purged:         desc(metric.RaftPurgedIndex, "The replica's log begins behind this index.", group...),
		events:         desc(metric.MachineEventsTotal, "Events of the machine that came by on this node since it started.", group...),
		eventBytes:     desc(metric.MachineEventsKeptBytes, "Bytes of the machine's newest events, which are kept for readers.", group...),
		applied:        desc(metric.MachineAppliedIndex, "The last index that ran through the machine.", group...),
		lag:            desc(metric.RaftFollowerLagEntries, "The leader's last index minus what is durable at the follower.", "group", "machine", "peer"),
		machineRunning: desc(metric.MachineRunning, "1 when the machine applies commands on this node.", group...),
		machineRebuilt: desc(metric.MachineRebuildsTotal, "How often the machine's state on this node was found wrong and made anew.", group...),
		syncs:          desc(metric.StorageSyncsTotal, "Synced batches."),
		batches:        desc(metric.StorageBatchesTotal, "Batches written."),
		entries:        desc(metric.StorageEntriesTotal, "Log entries written."),
		bytes:          desc(metric.StorageWrittenBytesTotal, "Bytes of batches written."),
		syncS:          desc(metric.StorageSyncSecondsTotal, "Time spent in synced batches."),
		snapTaken:      desc(metric.SnapshotsTakenTotal, "Snapshots that this node has taken."),
		snapFailed:     desc(metric.SnapshotsFailedTotal, "Snapshots that this node could not write."),
		snapInstalled:  desc(metric.SnapshotsInstalledTotal, "Snapshots that took the place of a log on this node."),
		exports:        desc(metric.SnapshotExportsTotal, "Entries at which the state of a machine went through its module's exports."),
		exportsRefused: desc(metric.SnapshotExportsRefusedTotal, "Entries at which a module refused that, and an image took its place."),
		snapDamaged:    desc(metric.SnapshotsDamagedTotal, "Snapshots that this node put away because they could not be used."),
		snapWritten:    desc(metric.SnapshotWrittenBytesTotal, "Bytes of the snapshots that this node has taken."),
		snapReceived:   desc(metric.SnapshotReceivedBytesTotal, "Bytes of snapshots that came from peers."),
		scrubPasses:    desc(metric.ScrubPassesTotal, "Times that this node has read over its disk for rot."),
		scrubBytes:     desc(metric.ScrubReadBytesTotal, "Bytes read over for rot."),
		scrubDamaged:   desc(metric.ScrubDamagedTotal, "Snapshots, modules and log entries that were found to be rotten."),
		modules:        desc(metric.ModulesStored, "Modules and artefacts on this node, as of when it last looked."),
		moduleBytes:    desc(metric.ModulesStoredBytes, "Their bytes."),
		modulesPaused:  desc(metric.ModulesRemovalPaused, "1 while no modules are removed because a machine's history does not reach back to where its log begins here."),
		moduleRemoved:  desc(metric.ModulesRemovedTotal, "Modules and artefacts that this node removed because nothing names them any more."),
		moduleRemovedB: desc(metric.ModulesRemovedBytesTotal, "Their bytes."),
		diskFree:       desc(metric.DiskFreeBytes, "Free space on the disk of the data directory."),
		diskFull:       desc(metric.DiskFull, "1 while there is too little space on the disk for commands."),
		diskBallast:    desc(metric.DiskBallastBytes, "Space held back for a full disk; 0 when it was let go."),
		stalled:        desc(metric.RaftDiskStalled, "1 while a write of the replica takes longer than disk.stall-timeout.", group...),
		peerFull:       desc(metric.RaftFollowerDiskFull, "1 while the follower says that its disk has too little space for commands.", "group", "machine", "peer"),
		peerStalled:    desc(metric.RaftFollowerDiskStalled, "1 while the follower says that its disk has stalled.", "group", "machine", "peer"),
		linkUp:         desc(metric.LinkUp, "1 while a connection to the peer stands.", peer...),
		linkDown:       desc(metric.LinkDown, "1 while no connection to the peer stands, with the reason as far as this node can tell.", "peer", "reason"),
		linkNarrowed:   desc(metric.LinkNarrowedTotal, "Connections to the peer that were made anew because the path had stopped to carry packets of their size.", peer...),
		linkRTT:        desc(metric.LinkRTTSeconds, "Smoothed round trip to the peer.", peer...),
		linkVariance:   desc(metric.LinkRTTVarianceSeconds, "Mean deviation of round trips to the peer.", peer...),
		linkSent:       desc(metric.LinkSentBytesTotal, "Bytes sent to the peer.", peer...),
		linkRecv:       desc(metric.LinkReceivedBytesTotal, "Bytes received from the peer.", peer...),
		linkPackets:    desc(metric.LinkSentPacketsTotal, "Packets sent to the peer.", peer...),
		linkLost:       desc(metric.LinkLostPacketsTotal, "Packets to the peer that were declared lost.", peer...),
		linkDropped:    desc(metric.LinkDroppedFramesTotal, "Frames refused or replaced before they were sent.", peer...),
		linkRepair:     desc(metric.LinkRepairActive, "1 while losses on the way to the peer are counted and repaired below QUIC.", peer...),
		linkPathLoss:   desc(metric.LinkPathLossRatio, "Share of packets to the peer that the path lost lately, before repair; 0 while that is not counted.", peer...),
		linkPathLost:   desc(metric.LinkPathLostPacketsTotal, "Packets to the peer that did not arrive by themselves, while that was counted.", peer...),
		linkRepaired:   desc(metric.LinkRepairedPacketsTotal, "Lost packets that the peer rebuilt.", peer...),
		linkRebuilt:    desc(metric.LinkRebuiltPacketsTotal, "Packets from the peer that were rebuilt here.", peer...),
		linkParity:     desc(metric.LinkParityPacketsTotal, "Parity packets sent to the peer.", peer...),
		linkParityB:    desc(metric.LinkParityBytesTotal, "Bytes of parity sent to the peer.", peer...),
		linkCopies:     desc(metric.LinkCopyPacketsTotal, "Packets sent to the peer again because losses come by chance and another peer is away.", peer...),
		linkCopyB:      desc(metric.LinkCopyBytesTotal, "Bytes of packets sent to the peer again.", peer...),
		deadRemoved:    desc(metric.DeadNodesRemovedTotal, "Nodes that this one had removed because nobody reached them."),
		re:             desc(metric.LinkReconnectsTotal, "Connections to the peer after the first.", peer...),
		handed:         desc(metric.LeaderTransfersTotal, "Transfers of leadership that this node has begun as a leader.", "reason"),
	}
}

// Describe implements prometheus.Collector: no descriptions, since the labels vary.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	c.group(ctx, out, node.MetaGroup, "", 0)
	for _, m := range c.node.Catalogue().Machines {
		c.group(ctx, out, m.Group, m.Name, m.Active.Run.Limits.MemoryBytes)
	}
	c.storage(out)
	c.disk(out)
	c.snapshots(out)
	c.moduleFiles(out)
	c.links(out)
	out <- prometheus.MustNewConstMetric(c.deadRemoved, prometheus.CounterValue, float64(c.node.DeadRemoved()))
	c.transfers(out)
}

func (c *collector) group(ctx context.Context, out chan<- prometheus.Metric, id raft.GroupID, machine string, memoryLimit uint64) {
	g, err := c.node.Group(ctx, id, machine)
	if err != nil {
		return // Why: a scrape shows what it can get in time
	}
	labels := []string{strconv.FormatUint(uint64(id), 10), machine}
	gauge := func(d *prometheus.Desc, v float64, extra ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append(labels, extra...)...)
	}
	gauge(c.role, one(g.Status.Role == raft.Leader))
	gauge(c.term, float64(g.Status.Term))
	gauge(c.commit, float64(g.Status.Commit))
	gauge(c.snapshotAt, float64(g.Status.SnapshotIndex))
	gauge(c.purged, float64(g.Status.PurgedIndex))
	gauge(c.applied, float64(g.Applied))
	gauge(c.machineRunning, one(g.Phase == node.PhaseRunning))
	out <- prometheus.MustNewConstMetric(c.machineRebuilt, prometheus.CounterValue, float64(g.Rebuilt), labels...)
	out <- prometheus.MustNewConstMetric(c.jumps, prometheus.CounterValue, float64(g.TermJumps), labels...)
	out <- prometheus.MustNewConstMetric(c.events, prometheus.CounterValue, float64(g.Events.Taken), labels...)
	gauge(c.eventBytes, float64(g.Events.KeptBytes))
	gauge(c.stalled, one(g.Status.DiskSlow))
	c.work.collect(out, g, memoryLimit, labels)
	for _, f := range g.Status.Followers {
		peer := strconv.FormatUint(uint64(f.ID), 10)
		gauge(c.lag, float64(g.Status.LastIndex-min(f.Match, g.Status.LastIndex)), peer)
		gauge(c.peerFull, one(f.DiskFull), peer)
		gauge(c.peerStalled, one(f.DiskSlow), peer)
	}
}

func (c *collector) storage(out chan<- prometheus.Metric) {
	m := c.store.Metrics()
	counter := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	counter(c.syncs, float64(m.Syncs))
	counter(c.batches, float64(m.Batches))
	counter(c.entries, float64(m.Entries))
	counter(c.bytes, float64(m.Bytes))
	counter(c.syncS, m.SyncTime.Seconds())
}

func (c *collector) disk(out chan<- prometheus.Metric) {
	r := c.node.Room()
	if !r.Known {
		return
	}
	gauge := func(d *prometheus.Desc, v float64) { out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(c.diskFree, float64(r.Free))
	gauge(c.diskFull, one(r.Low))
	gauge(c.diskBallast, float64(r.Ballast))
}

func (c *collector) snapshots(out chan<- prometheus.Metric) {
	s, scrub := c.node.SnapshotStats(), c.node.ScrubStats()
	for _, row := range []struct {
		desc  *prometheus.Desc
		value uint64
	}{
		{c.snapTaken, s.Taken}, {c.snapFailed, s.Failed}, {c.snapInstalled, s.Installed}, {c.snapDamaged, s.Damaged},
		{c.exports, s.Exports}, {c.exportsRefused, s.ExportsRefused}, {c.snapWritten, s.WrittenBytes}, {c.snapReceived, s.ReceivedBytes},
		{c.scrubPasses, scrub.Passes}, {c.scrubBytes, scrub.Bytes}, {c.scrubDamaged, scrub.Damaged},
	} {
		out <- prometheus.MustNewConstMetric(row.desc, prometheus.CounterValue, float64(row.value))
	}
}

func (c *collector) moduleFiles(out chan<- prometheus.Metric) {
	m := c.node.ModuleStats()
	out <- prometheus.MustNewConstMetric(c.modules, prometheus.GaugeValue, float64(m.Stored))
	out <- prometheus.MustNewConstMetric(c.moduleBytes, prometheus.GaugeValue, float64(m.StoredBytes))
	out <- prometheus.MustNewConstMetric(c.modulesPaused, prometheus.GaugeValue, one(m.Paused))
	out <- prometheus.MustNewConstMetric(c.moduleRemoved, prometheus.CounterValue, float64(m.Removed))
	out <- prometheus.MustNewConstMetric(c.moduleRemovedB, prometheus.CounterValue, float64(m.RemovedBytes))
}

func (c *collector) links(out chan<- prometheus.Metric) {
	for _, l := range c.node.Links() {
		peer := strconv.FormatUint(uint64(l.Peer), 10)
		out <- prometheus.MustNewConstMetric(c.linkUp, prometheus.GaugeValue, one(l.Up), peer)
		out <- prometheus.MustNewConstMetric(c.linkRTT, prometheus.GaugeValue, l.RTT.Seconds(), peer)
		out <- prometheus.MustNewConstMetric(c.linkVariance, prometheus.GaugeValue, l.RTTVariance.Seconds(), peer)
		out <- prometheus.MustNewConstMetric(c.linkRepair, prometheus.GaugeValue, one(l.Repair == transport.RepairActive), peer)
		out <- prometheus.MustNewConstMetric(c.linkPathLoss, prometheus.GaugeValue, l.RepairLoss, peer)
		for _, reason := range transport.DownReasons() {
			out <- prometheus.MustNewConstMetric(c.linkDown, prometheus.GaugeValue, one(l.Down == reason), peer, string(reason))
		}
		counters := []struct {
			desc  *prometheus.Desc
			value uint64
		}{
			{c.linkSent, l.SentBytes}, {c.linkRecv, l.RecvBytes}, {c.linkPackets, l.SentPackets},
			{c.linkPathLost, l.PathLostPackets}, {c.linkRepaired, l.RepairedPackets}, {c.linkRebuilt, l.RebuiltPackets},
			{c.linkParity, l.ParityPackets}, {c.linkParityB, l.ParityBytes}, {c.linkCopies, l.CopyPackets}, {c.linkCopyB, l.CopyBytes},
			{c.linkLost, l.LostPackets}, {c.linkDropped, l.Dropped}, {c.re, l.Reconnects}, {c.linkNarrowed, l.Narrowed},
		}
		for _, row := range counters {
			out <- prometheus.MustNewConstMetric(row.desc, prometheus.CounterValue, float64(row.value), peer)
		}
	}
}

// transfers counts by reason, those of 0 too: a counter that begins at 1 shows no rise.
func (c *collector) transfers(out chan<- prometheus.Metric) {
	for reason, count := range c.node.LeaderTransfers() {
		out <- prometheus.MustNewConstMetric(c.handed, prometheus.CounterValue, float64(count), string(reason))
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
