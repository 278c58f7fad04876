package apitest

import (
	"context"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
)

// Activate changes the module of a machine at once. An error of Fail for
// "Activate" refuses it.
func (b *Backend) Activate(_ context.Context, name string, spec client.ActivateSpec) (client.MachineInfo, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("Activate", name)
	if err != nil {
		return client.MachineInfo{}, false, err
	}
	if _, ok := b.modules[spec.Module]; !ok {
		return client.MachineInfo{}, false, client.NewProblem(client.CodeUnknownModule, "module %s was not uploaded", spec.Module)
	}
	if m.info.Module == spec.Module && (spec.Limits == client.MachineLimits{} || spec.Limits == m.info.Limits) {
		return m.info, false, nil
	}
	if (spec.Limits == client.MachineLimits{}) {
		spec.Limits = m.info.Limits
	}
	return b.upgrade(m, client.UpgradeInfo{To: spec.Module, Limits: spec.Limits, By: spec.By}), true, nil
}

// Rollback changes back to the module before.
func (b *Backend) Rollback(_ context.Context, name, by string) (client.MachineInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("Rollback", name)
	if err != nil {
		return client.MachineInfo{}, err
	}
	if len(m.upgrades) == 0 {
		return client.MachineInfo{}, client.NewProblem(client.CodeNothingToRollBack, "%q runs the module it was created with", name)
	}
	return b.upgrade(m, client.UpgradeInfo{To: m.upgrades[0].From, Limits: m.info.Limits, By: by, Rollback: true}), nil
}

// History lists the upgrades, the newest first.
func (b *Backend) History(_ context.Context, name string) ([]client.UpgradeInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("History", name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(m.upgrades), nil
}

// upgrade carries out u, which lacks what follows from the machine. Callers hold mu.
func (b *Backend) upgrade(m *machine, u client.UpgradeInfo) client.MachineInfo {
	b.index += 2
	b.deploys++
	u.Deploy, u.State, u.From = b.deploys, client.UpgradeDone, m.info.Module
	u.At, u.DeployIndex, u.Index = time.Unix(1_800_000_000, 0).UTC(), b.index-1, b.index
	m.upgrades = slices.Insert(m.upgrades, 0, u)
	m.info.Module, m.info.Limits, m.info.ModuleBytes = u.To, u.Limits, b.modules[u.To]
	m.info.RunningModule, m.info.RunningSince, m.info.Upgrade = u.To, u.Index, &u
	return m.info
}
