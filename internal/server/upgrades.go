package server

import (
	"context"
	"errors"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
)

// Activate implements api.Upgrades.
func (b backend) Activate(ctx context.Context, name string, spec client.ActivateSpec) (client.MachineInfo, bool, error) {
	sum, ok := spec.Module.Sum()
	if !ok {
		return client.MachineInfo{}, false, client.NewProblem(client.CodeBadRequest, "%q is no digest", spec.Module)
	}
	limits := node.MachineLimits{MemoryBytes: spec.Limits.MemoryBytes, CommandBytes: spec.Limits.CommandBytes}
	return b.upgrade(ctx, node.UpgradeRequest{Machine: name, Module: sum, Limits: limits, By: spec.By})
}

// Rollback implements api.Upgrades.
func (b backend) Rollback(ctx context.Context, name, by string) (client.MachineInfo, error) {
	info, _, err := b.upgrade(ctx, node.UpgradeRequest{Machine: name, Rollback: true, By: by})
	return info, err
}

func (b backend) upgrade(ctx context.Context, r node.UpgradeRequest) (client.MachineInfo, bool, error) {
	r.At = time.Now().UnixNano()
	m, _, changed, err := b.node.Upgrade(ctx, r)
	if err != nil {
		return client.MachineInfo{}, false, b.problem(err)
	}
	info, err := b.machineInfo(ctx, m)
	if err != nil {
		return client.MachineInfo{}, false, b.problem(err)
	}
	info.Changed = changed
	return info, changed, nil
}

// History implements api.Upgrades.
func (b backend) History(ctx context.Context, name string) ([]client.UpgradeInfo, error) {
	if err := b.node.Barrier(ctx); err != nil {
		return nil, b.problem(err)
	}
	m, err := b.node.Find(ctx, name)
	if err != nil {
		return nil, b.problem(err)
	}
	var out []client.UpgradeInfo
	if m.Pending != nil {
		out = append(out, upgradeInfo(*m.Pending))
	}
	for i := len(m.History) - 1; i >= 0; i-- {
		out = append(out, upgradeInfo(m.History[i]))
	}
	return out, nil
}

// newestUpgrade is the one under way, or else the last one decided, or nil.
func newestUpgrade(m node.MachineRecord) *client.UpgradeInfo {
	var info client.UpgradeInfo
	switch n := len(m.History); {
	case m.Pending != nil:
		info = upgradeInfo(*m.Pending)
	case n > 0:
		info = upgradeInfo(m.History[n-1])
	default:
		return nil
	}
	return &info
}

func upgradeInfo(u node.UpgradeRecord) client.UpgradeInfo {
	return client.UpgradeInfo{
		Deploy: uint64(u.ID), State: client.UpgradeState(u.State.String()), Rollback: u.Rollback,
		From: client.DigestFromSum(u.From.Module), To: client.DigestFromSum(u.To.Module), Limits: clientLimits(u.To.Limits),
		By: u.By, At: time.Unix(0, u.At).UTC(), DeployIndex: uint64(u.Asked), Index: uint64(u.Index), Reason: u.Reason,
	}
}

// upgradeProblem words what can go wrong with an upgrade once it is recorded; nil
// for any other error.
func upgradeProblem(err error) *client.Problem {
	var refused *node.UpgradeRefusedError
	var pending *node.UpgradePendingError
	switch {
	case errors.As(err, &refused):
		u := refused.Upgrade
		return client.NewProblem(client.CodeUpgradeRefused, "upgrade %d of %q was refused at index %d: %s; module %s goes on",
			u.ID, refused.Machine, u.Index, u.Reason, client.DigestFromSum(u.From.Module).Short()).WithCause(err)
	case errors.As(err, &pending):
		return client.NewProblem(client.CodeUpgradePending, "upgrade %d of %q is recorded and was not decided in time", pending.ID, pending.Machine).WithCause(err)
	}
	return nil
}
