package apitest

import (
	"context"
	"io"
	"strings"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api"
)

// stateText is a state that is a text.
type stateText struct{ *strings.Reader }

// Close implements api.StateWriter.
func (stateText) Close() {}

// Backup gives a machine's state as it is.
func (b *Backend) Backup(_ context.Context, name string, form client.SnapshotMode) (client.BackupInfo, api.StateWriter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("Backup", name)
	if err != nil {
		return client.BackupInfo{}, nil, err
	}
	return client.BackupInfo{Machine: name, Group: m.info.Group, Node: b.node, Form: form, Index: b.index, Term: 1, Module: m.info.Module},
		stateText{strings.NewReader(m.state)}, nil
}

// Restore deploys a machine with a state.
func (b *Backend) Restore(_ context.Context, name string, info client.BackupInfo, content io.Reader) (client.RestoredMachine, error) {
	state, err := io.ReadAll(content)
	if err != nil {
		return client.RestoredMachine{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("Restore", ""); err != nil {
		return client.RestoredMachine{}, err
	}
	if b.machines[name] != nil {
		return client.RestoredMachine{}, client.NewProblem(client.CodeMachineExists, "machine %q is there already", name)
	}
	b.addMachine(name, client.DeploySpec{Module: info.Module})
	m := b.machines[name]
	m.state = string(state)
	return client.RestoredMachine{Machine: name, Group: m.info.Group, Module: info.Module, Index: b.index}, nil
}

// Module knows of modules only that they are there.
func (b *Backend) Module(_ context.Context, digest client.Digest) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("Module", ""); err != nil {
		return nil, err
	}
	return nil, client.NewProblem(client.CodeUnknownModule, "no module is %s", digest)
}

// PutArtefact keeps nothing but the digest.
func (b *Backend) PutArtefact(_ context.Context, digest, _ client.Digest, body io.Reader) (client.ModuleInfo, error) {
	n, err := io.Copy(io.Discard, body)
	if err != nil {
		return client.ModuleInfo{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err = b.enter("PutArtefact", "")
	return client.ModuleInfo{Digest: digest, Bytes: n}, err
}
