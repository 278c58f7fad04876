package server

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/plugins"
)

// Backup implements api.Backups.
func (b backend) Backup(ctx context.Context, name string, form client.SnapshotMode) (client.BackupInfo, api.StateWriter, error) {
	now := time.Now()
	k, err := b.node.Backup(ctx, node.BackupRequest{Machine: name, Export: form == client.SnapshotExport, At: now.UnixNano()})
	if err != nil {
		return client.BackupInfo{}, nil, b.problem(backupProblem(err))
	}
	return client.BackupInfo{
		Cluster: b.cluster, Machine: name, Group: client.GroupID(k.Machine.Group), Node: client.NodeID(b.node.Self()),
		Form: form, Index: uint64(k.Index), Term: uint64(k.Term), Time: now.UTC(),
		Module: client.DigestFromSum(k.Run.Module), Artefact: client.DigestFromSum(k.Run.Artefact),
		PassVersion: k.Run.Pass, HostVersion: k.Run.Host, Limits: clientLimits(k.Run.Limits),
		Snapshot: client.SnapshotMode(k.Machine.Snapshot.String()), Sessions: k.Sessions,
	}, statesWriter{k}, nil
}

// statesWriter words what a module says while its state is written.
type statesWriter struct{ *node.Backup }

// WriteTo implements api.StateWriter.
func (s statesWriter) WriteTo(w io.Writer) (int64, error) {
	n, err := s.Backup.WriteTo(w)
	return n, backupProblem(err)
}

// backupProblem words what a module says that does not export its state.
func backupProblem(err error) error {
	var guest *plugins.GuestError
	if errors.As(err, &guest) {
		return client.NewProblem(client.CodeBackupForm, "%v", err).WithCause(err)
	}
	return err
}

// Restore implements api.Backups.
func (b backend) Restore(ctx context.Context, name string, info client.BackupInfo, content io.Reader) (client.RestoredMachine, error) {
	run, err := runOf(info)
	if err != nil {
		return client.RestoredMachine{}, err
	}
	mode, err := node.ParseSnapshotMode(string(info.Snapshot))
	if err != nil {
		return client.RestoredMachine{}, client.NewProblem(client.CodeBadRequest, "%v", err).WithCause(err)
	}
	m, index, err := b.node.RestoreMachine(ctx, node.RestoreRequest{
		Machine: name, Run: run, Export: info.Form == client.SnapshotExport, Snapshot: mode, Content: content,
	})
	if err != nil {
		return client.RestoredMachine{}, b.problem(err)
	}
	return client.RestoredMachine{
		Machine: name, Group: client.GroupID(m.Group), Module: client.DigestFromSum(m.Run.Module), Index: uint64(index),
	}, nil
}

// runOf is what a backup says that ran.
func runOf(info client.BackupInfo) (node.MachineRun, error) {
	module, ok := info.Module.Sum()
	artefact, made := info.Artefact.Sum()
	if !ok || !made {
		return node.MachineRun{}, client.NewProblem(client.CodeBadRequest, "module %.80q and artefact %.80q are to be digests", info.Module, info.Artefact)
	}
	return node.MachineRun{
		Module: module, Artefact: artefact, Pass: info.PassVersion, Host: info.HostVersion, Limits: nodeLimits(info.Limits),
	}, nil
}

// restoreProblem words what can go wrong with a restore; nil for any other error.
func restoreProblem(err error) *client.Problem {
	var (
		refused *node.RestoreRefusedError
		there   *node.RestoreExistsError
		version *plugins.VersionError
	)
	switch {
	case errors.As(err, &refused):
		return client.NewProblem(client.CodeBackupRefused, "%v", err).WithCause(err)
	case errors.As(err, &there):
		return client.NewProblem(client.CodeMachineExists, "%v", err).WithCause(err).
			WithHint("Restore it under another name with --as, or delete the one that is there first.")
	case errors.Is(err, node.ErrRestoreOverrun):
		return client.NewProblem(client.CodeRestoring, "%v", err).WithCause(err)
	case errors.Is(err, plugins.ErrArtefact), errors.As(err, &version):
		return client.NewProblem(client.CodeBackupRefused, "%v", err).WithCause(err).
			WithHint("An image needs a release that runs what was running; restore it there, upgrade, and back it up as an export.")
	}
	return nil
}

// Module implements api.Backups.
func (b backend) Module(ctx context.Context, digest client.Digest) ([]byte, error) {
	sum, ok := digest.Sum()
	if !ok {
		return nil, client.NewProblem(client.CodeBadRequest, "%q is no digest", digest)
	}
	data, err := b.node.Module(ctx, sum)
	if err != nil {
		return nil, b.problem(err)
	}
	return data, nil
}

// PutArtefact implements api.Backups.
func (b backend) PutArtefact(ctx context.Context, digest, module client.Digest, body io.Reader) (client.ModuleInfo, error) {
	want, ok := digest.Sum()
	of, known := module.Sum()
	if !ok || !known {
		return client.ModuleInfo{}, client.NewProblem(client.CodeBadRequest, "%q and %q are to be digests", digest, module)
	}
	if err := b.node.PutArtefact(ctx, want, of, body); err != nil {
		return client.ModuleInfo{}, b.problem(err)
	}
	return client.ModuleInfo{Digest: digest, Bytes: b.node.ModuleSize(want)}, nil
}
