package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// UpgradeState says how far an upgrade is.
type UpgradeState string

// The states of an upgrade.
const (
	// UpgradePending: recorded; the machine's log has not decided it yet.
	UpgradePending UpgradeState = "pending"
	// UpgradeDone: the machine runs the new module.
	UpgradeDone UpgradeState = "done"
	// UpgradeRefused: the machine goes on with the old module, and Reason says why.
	UpgradeRefused UpgradeState = "refused"
)

// UpgradeInfo is one upgrade of a machine.
type UpgradeInfo struct {
	// Deploy is unique in the cluster and rises.
	Deploy uint64       `json:"deploy"`
	State  UpgradeState `json:"state"`
	// Rollback: it was asked for as a rollback.
	Rollback bool   `json:"rollback,omitempty"`
	From     Digest `json:"from"`
	To       Digest `json:"to"`
	// Limits are those of the new instance, in full.
	Limits MachineLimits `json:"limits,omitzero"`
	// By is the name in the certificate of who asked, "" when it showed none.
	By string `json:"by,omitempty"`
	// At is when it was asked for, by the clock of the node that was asked.
	At time.Time `json:"at"`
	// DeployIndex is the index of the meta group's entry that recorded it, Index
	// that of the machine's entry that decided it, 0 while it is pending.
	DeployIndex uint64 `json:"deploy_index"`
	Index       uint64 `json:"index,omitempty"`
	// Reason is why it was refused.
	Reason string `json:"reason,omitempty"`
}

// ActivateSpec says what a running machine is to run from now on.
type ActivateSpec struct {
	// Module is the digest of a module that was uploaded before.
	Module Digest `json:"module"`
	// Limits replace the machine's where they are not 0.
	Limits MachineLimits `json:"limits,omitzero"`
	// By is who asks; a node takes it from the certificate.
	By string `json:"-"`
}

// Activate upgrades a running machine to an uploaded module and returns once the
// machine's log has decided. changed is false when it runs just that already. It
// fails with CodeUpgradeRefused when a module fails at the migration, and then the
// old one goes on.
func (c *Client) Activate(ctx context.Context, machine string, spec ActivateSpec) (info MachineInfo, changed bool, err error) {
	return c.upgrade(ctx, machine, "/activate", spec, true)
}

// Rollback upgrades a machine to the module, and the limits, from before its last
// upgrade. Errors as of Activate, and CodeNothingToRollBack.
func (c *Client) Rollback(ctx context.Context, machine string) (MachineInfo, error) {
	// Why not repeated: a rollback that is done would be rolled back.
	info, _, err := c.upgrade(ctx, machine, "/rollback", struct{}{}, false)
	return info, err
}

func (c *Client) upgrade(ctx context.Context, machine, path string, spec any, repeatable bool) (info MachineInfo, changed bool, err error) {
	if err := CheckMachineName(machine); err != nil {
		return info, false, err
	}
	ctx, cancel := c.bound(ctx, deployTimeoutDefault)
	defer cancel()
	data, err := json.Marshal(spec)
	if err != nil {
		return info, false, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	a, err := c.do(ctx, &call{
		method: http.MethodPost, path: machinePath(machine) + path, header: http.Header{"Content-Type": {"application/json"}},
		body: bytesBody(data), size: int64(len(data)), repeatable: repeatable, whole: true,
	})
	if err != nil {
		return info, false, err
	}
	err = decode(a, &info)
	return info, info.Changed, err
}

// History lists a machine's upgrades, the newest first, as far back as the cluster
// keeps them.
func (c *Client) History(ctx context.Context, machine string) ([]UpgradeInfo, error) {
	if err := CheckMachineName(machine); err != nil {
		return nil, err
	}
	var list struct {
		Upgrades []UpgradeInfo `json:"upgrades"`
	}
	err := c.get(ctx, &call{path: machinePath(machine) + "/history"}, &list)
	return list.Upgrades, err
}
