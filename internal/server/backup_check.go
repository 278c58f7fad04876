package server

import (
	"context"
	"errors"
	"io"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// TriedState is what came of a state that was restored to be thrown away.
type TriedState struct {
	Index    uint64
	Sessions int
	// State names the machine's state.
	State string
	// Exact: what ran has made it, so that another release which can run that makes the
	// same. Otherwise this release made the module anew.
	Exact bool
}

// TryState makes a machine of a state, as a node does that restores it, and throws it
// away. The error is a *client.Problem: client.CodeBackupRefused when the bytes make no
// state or this release cannot run what it takes; that of content if it has one.
func TryState(ctx context.Context, engine *plugins.Engine, info client.BackupInfo, module, artefact []byte, content io.Reader) (TriedState, error) {
	run, err := runOf(info)
	if err != nil {
		return TriedState{}, err
	}
	out, err := node.CheckState(ctx, node.NewWASM(engine), node.StateCheckup{
		Cluster: info.Cluster, Group: raft.GroupID(info.Group), Machine: info.Machine, Run: run, Module: module, Artefact: artefact,
	}, content)
	var problem *client.Problem
	switch {
	case errors.As(err, &problem):
		return TriedState{}, problem
	case ctx.Err() != nil:
		return TriedState{}, ctx.Err()
	case err != nil:
		return TriedState{}, client.NewProblem(client.CodeBackupRefused, "machine %q: %v", info.Machine, err).WithCause(err)
	}
	return TriedState{Index: uint64(out.Index), Sessions: out.Sessions, State: out.State.String(), Exact: out.Exact}, nil
}
