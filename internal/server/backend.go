package server

import (
	"context"
	"io"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// backend is a node in the words of the API: it translates, and decides nothing.
type backend struct {
	node    *node.Node
	id      *identity
	cluster string
	version string
}

// Command implements api.Commands.
func (b backend) Command(ctx context.Context, machine string, c client.Command) (client.CommandResult, error) {
	r, err := b.node.Call(ctx, machine, node.Call{
		Data: c.Data, Session: node.SessionID(c.Session), Sequence: c.Sequence, AckBelow: c.AcknowledgedBelow, Key: c.Key, Forward: c.Forward,
	})
	if err != nil {
		return client.CommandResult{}, b.problem(err)
	}
	result := client.CommandResult{
		Data: r.Data, Index: uint64(r.Index), Term: uint64(r.Term), Replayed: r.Replayed, Leader: b.leaderAPI(machine),
	}
	if p := statusProblem(r.Status, r.Data, machine); p != nil {
		return result, p.WithIndex(uint64(r.Index))
	}
	return result, nil
}

// OpenSession implements api.Commands.
func (b backend) OpenSession(ctx context.Context, machine string) (client.SessionID, error) {
	id, err := b.node.OpenSession(ctx, machine)
	if err != nil {
		return 0, b.problem(err)
	}
	return client.SessionID(id), nil
}

// Query implements api.Queries.
func (b backend) Query(ctx context.Context, machine string, q client.Query) (client.QueryResult, error) {
	r, err := b.node.Ask(ctx, machine, node.Ask{
		Data: q.Data, Mode: readMode(q), MaxStaleness: q.MaxStaleness, MinIndex: raft.Index(q.MinIndex), Wait: q.Wait, Forward: q.Forward,
	})
	if err != nil {
		return client.QueryResult{}, b.problem(err)
	}
	result := client.QueryResult{Data: r.Data, AppliedIndex: uint64(r.Applied), Leader: b.leaderAPI(machine), Staleness: r.Age}
	if p := statusProblem(r.Status, r.Data, machine); p != nil {
		return result, p.WithOutcome(client.NotApplied)
	}
	return result, nil
}

// readMode is a consistency in the node's words.
func readMode(q client.Query) raft.ReadMode {
	switch {
	case q.Consistency == client.Lease:
		return raft.ReadLease
	case q.Consistency == client.Stale && q.MaxStaleness > 0:
		return raft.ReadBounded
	case q.Consistency == client.Stale:
		return raft.ReadLocal
	}
	return raft.ReadLinearizable
}

// Machines implements api.Catalogue.
func (b backend) Machines(ctx context.Context) ([]client.MachineInfo, error) {
	if err := b.node.Barrier(ctx); err != nil {
		return nil, b.problem(err)
	}
	out := []client.MachineInfo{}
	for _, m := range b.node.Catalogue().Machines {
		info, err := b.machineInfo(ctx, m)
		if err != nil {
			return nil, b.problem(err)
		}
		out = append(out, info)
	}
	return out, nil
}

// Machine implements api.Catalogue.
func (b backend) Machine(ctx context.Context, name string, export bool) (client.MachineInfo, error) {
	m, err := b.node.Find(ctx, name)
	if err != nil {
		return client.MachineInfo{}, b.problem(err)
	}
	info, err := b.machineInfo(ctx, m)
	if err != nil {
		return client.MachineInfo{}, b.problem(err)
	}
	if export {
		digest, index, err := b.node.Digest(ctx, m.Group)
		if err != nil {
			return client.MachineInfo{}, b.problem(err)
		}
		info.ExportDigest, info.ExportIndex = client.DigestFromSum(digest), uint64(index)
	}
	return info, nil
}

// PutModule implements api.Catalogue.
func (b backend) PutModule(ctx context.Context, digest client.Digest, body io.Reader, _ int64) (client.ModuleInfo, bool, error) {
	sum, ok := digest.Sum()
	if !ok {
		return client.ModuleInfo{}, false, client.NewProblem(client.CodeBadRequest, "%q is no digest", digest)
	}
	size, created, err := b.node.PutModule(ctx, sum, body)
	if err != nil {
		return client.ModuleInfo{}, false, b.problem(err)
	}
	return client.ModuleInfo{Digest: digest, Bytes: size}, created, nil
}

// Deploy implements api.Catalogue.
func (b backend) Deploy(ctx context.Context, name string, spec client.DeploySpec) (client.MachineInfo, bool, error) {
	if err := client.CheckMachineName(name); err != nil {
		return client.MachineInfo{}, false, err
	}
	sum, ok := spec.Module.Sum()
	if !ok {
		return client.MachineInfo{}, false, client.NewProblem(client.CodeBadRequest, "%q is no digest", spec.Module)
	}
	limits := nodeLimits(spec.Limits)
	mode, err := node.ParseSnapshotMode(string(spec.Snapshot))
	if err != nil {
		return client.MachineInfo{}, false, client.NewProblem(client.CodeBadRequest, "%v", err).WithCause(err)
	}
	have, err := b.node.Find(ctx, name)
	found, upgraded := err == nil, false
	if found && spec.Upgrade {
		info, changed, err := b.upgrade(ctx, node.UpgradeRequest{Machine: name, Module: sum, Limits: limits, By: spec.By})
		if err != nil || mode == node.SnapshotDefault || mode == have.Snapshot {
			return info, false, err
		}
		limits, upgraded = nodeLimits(info.Limits), changed
	}
	m, created, err := b.node.Deploy(ctx, node.DeployRequest{Machine: name, Module: sum, Limits: limits, Snapshot: mode})
	if err != nil {
		return client.MachineInfo{}, false, b.problem(err)
	}
	info, err := b.machineInfo(ctx, m)
	if err != nil {
		return client.MachineInfo{}, false, b.problem(err)
	}
	info.Changed = created || upgraded || found && have.Snapshot != m.Snapshot
	return info, created, nil
}

// ClusterInfo implements api.Cluster.
func (b backend) ClusterInfo(ctx context.Context) (client.ClusterInfo, error) {
	self := b.node.Self()
	catalogue := b.node.Catalogue()
	disks, err := b.node.Disks(ctx)
	if err != nil {
		return client.ClusterInfo{}, b.problem(err)
	}
	info := client.ClusterInfo{Cluster: b.cluster, ServedBy: client.NodeID(self), FeatureLevel: uint32(catalogue.Level), Leaders: leaderPolicy(catalogue), Nodes: b.nodeInfos(catalogue, disks)}
	meta, err := b.groupInfo(ctx, node.MetaGroup, "")
	if err != nil {
		return client.ClusterInfo{}, b.problem(err)
	}
	info.Groups = append(info.Groups, meta)
	for _, m := range catalogue.Machines {
		g, err := b.groupInfo(ctx, m.Group, m.Name)
		if err != nil {
			return client.ClusterInfo{}, b.problem(err)
		}
		info.Groups = append(info.Groups, g)
	}
	sortGroups(info.Groups)
	b.setRoles(&info, meta)
	return info, nil
}

// RaiseFeatureLevel implements api.Cluster.
func (b backend) RaiseFeatureLevel(ctx context.Context, level uint32) error {
	if err := b.node.RaiseLevel(ctx, node.FeatureLevel(level)); err != nil {
		return b.problem(err)
	}
	return nil
}

// Checks implements api.Cluster.
func (b backend) Checks(context.Context) []client.Check {
	var out []client.Check
	for _, c := range b.node.Checks() {
		out = append(out, client.Check(c))
	}
	return out
}
