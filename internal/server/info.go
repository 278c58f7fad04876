package server

import (
	"cmp"
	"context"
	"slices"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

func (b backend) machineInfo(ctx context.Context, m node.MachineRecord) (client.MachineInfo, error) {
	g, err := b.node.Group(ctx, m.Group, m.Name)
	if err != nil {
		return client.MachineInfo{}, err
	}
	state, reason := machineState(g)
	if b.node.Restoring(m.Group) && state == client.MachineRunning {
		state = client.MachineRestoring
	}
	run := m.Active.Run
	info := client.MachineInfo{
		Name: m.Name, Group: client.GroupID(m.Group), Module: client.DigestFromSum(run.Module), ModuleBytes: b.node.ModuleSize(run.Module),
		Artefact: client.DigestFromSum(run.Artefact), Run: client.DigestFromSum(run.ID()), PassVersion: run.Pass, HostVersion: run.Host,
		Limits:   clientLimits(run.Limits),
		Snapshot: client.SnapshotMode(m.Snapshot.String()), DeployIndex: uint64(m.Created), State: state, StateReason: reason,
		Leader: client.NodeID(g.Status.Leader), LeaderAPI: b.apiOf(g.Status.Leader),
		Term: uint64(g.Status.Term), Commit: uint64(g.Status.Commit), Applied: uint64(g.Applied),
		Upgrade: newestUpgrade(m), LastExport: lastExport(b.node.LastExport(m.Group)),
	}
	if running := b.node.Running(m.Group); running != (node.RunningModule{}) {
		info.RunningModule, info.RunningSince = client.DigestFromSum(running.Run.Module), uint64(running.Since)
	}
	return info, nil
}

// lastExport is what became of a machine's newest export, if there was one.
func lastExport(o node.ExportOutcome) *client.ExportInfo {
	if o.Index == 0 {
		return nil
	}
	return &client.ExportInfo{Index: uint64(o.Index), Refused: o.Reason}
}

func (b backend) groupInfo(ctx context.Context, id raft.GroupID, machine string) (client.GroupInfo, error) {
	g, err := b.node.Group(ctx, id, machine)
	if err != nil {
		return client.GroupInfo{}, err
	}
	state, reason := machineState(g)
	return client.GroupInfo{
		Group: client.GroupID(id), Machine: machine, Leader: client.NodeID(g.Status.Leader), Role: g.Status.Role.String(),
		Term: uint64(g.Status.Term), Commit: uint64(g.Status.Commit), Applied: uint64(g.Applied), State: state, StateReason: reason,
	}, nil
}

func machineState(g node.GroupInfo) (client.MachineState, string) {
	reason := ""
	if g.Cause != nil {
		reason = g.Cause.Error()
	}
	switch g.Phase {
	case node.PhaseRunning:
		return client.MachineRunning, ""
	case node.PhaseFailed:
		return client.MachineHalted, reason
	}
	return client.MachineStarting, reason
}

func (b backend) nodeInfos(c *node.Catalogue, disks map[raft.NodeID]node.DiskState) []client.NodeInfo {
	links := map[raft.NodeID]transport.LinkStats{}
	for _, l := range b.node.Links() {
		links[l.Peer] = l
	}
	var out []client.NodeInfo
	for _, r := range b.node.Nodes() {
		link := links[r.ID]
		info := client.NodeInfo{
			ID: client.NodeID(r.ID), Name: r.ID.String(), Region: r.Region, Peer: r.PeerAddress, API: r.APIAddress,
			Role: "unknown", Up: link.Up, Down: string(link.Down), RTT: link.RTT, Loss: link.RepairLoss, FEC: link.Repair.String(), Link: linkInfo(link),
			MemoryBudget: r.MemoryBudget, MemoryUsed: c.MemoryUsed(r.ID), FeatureLevel: uint32(r.Serves), Disk: diskWord(disks[r.ID]),
		}
		info.State, info.Incarnation = client.NodeState(r.State.String()), uint32(r.Incarnation)
		info.Lives = uint32(r.Lives)
		votes, learns := c.SeatsIn(r)
		info.Votes, info.Learns, info.Holds = groupIDs(votes), groupIDs(learns), groupIDs(c.Holds(r.ID))
		info.Lacks = groupIDs(c.Lacks(r))
		if r.ID == b.node.Self() {
			info.Up, info.Down, info.Version, info.FEC = true, "", b.version, ""
		}
		out = append(out, info)
	}
	return out
}

func groupIDs(groups []raft.GroupID) []client.GroupID {
	var out []client.GroupID
	for _, g := range groups {
		out = append(out, client.GroupID(g))
	}
	return out
}

// diskWord is the worse of what may be wrong with a disk.
func diskWord(d node.DiskState) string {
	switch {
	case d.Full:
		return client.DiskFull
	case d.Stalled:
		return client.DiskStalled
	}
	return ""
}

// setRoles fills in what this node knows of the others' roles in the meta group:
// who leads follows, everybody else it hears of does not.
func (b backend) setRoles(info *client.ClusterInfo, meta client.GroupInfo) {
	for i := range info.Nodes {
		n := &info.Nodes[i]
		switch {
		case n.ID == info.ServedBy:
			n.Role = meta.Role
		case n.State == client.NodeRemoved:
		case meta.Leader == n.ID:
			n.Role = raft.Leader.String()
		case meta.Leader != 0 && n.Up:
			n.Role = raft.Follower.String()
		}
	}
}

func (b backend) apiOf(id raft.NodeID) string {
	nodes := b.node.Nodes()
	for i := range nodes { // Why not the value: each answer to a command comes through here
		if nodes[i].ID == id {
			return nodes[i].APIAddress
		}
	}
	return ""
}

func (b backend) leaderAPI(machine string) string {
	if m := b.node.Catalogue().Lookup(machine); m != nil {
		return b.apiOf(b.node.Leader(m.Group))
	}
	return ""
}

func sortGroups(groups []client.GroupInfo) {
	slices.SortFunc(groups, func(a, b client.GroupInfo) int { return cmp.Compare(a.Group, b.Group) })
}
