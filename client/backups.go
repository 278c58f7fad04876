package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// BackupInfo describes the state of one machine in a backup, and what it takes to have
// it again.
type BackupInfo struct {
	// Cluster, Machine and Group are where it comes from, Node is who wrote it down.
	Cluster string  `json:"cluster"`
	Machine string  `json:"machine"`
	Group   GroupID `json:"group"`
	Node    NodeID  `json:"node"`
	// Form says of what it is made: of what the module exports, which other releases and
	// other modules can take, or of its memory as it was, which needs the same artefact.
	Form SnapshotMode `json:"form"`
	// Index is that of the last entry in it, Term that of its last command.
	Index uint64    `json:"index"`
	Term  uint64    `json:"term"`
	Time  time.Time `json:"time"`
	// Module is what ran, Artefact what was made of it, by the rewriting pass and for the
	// host's semantics of these versions, under these limits.
	Module      Digest        `json:"module"`
	Artefact    Digest        `json:"artefact"`
	PassVersion uint32        `json:"pass_version"`
	HostVersion uint32        `json:"host_version"`
	Limits      MachineLimits `json:"limits"`
	// Snapshot says of what the machine's Raft snapshots are made.
	Snapshot SnapshotMode `json:"snapshot"`
	// Sessions is how many exactly-once sessions it remembers.
	Sessions int `json:"sessions"`
}

// RestoredMachine is a machine that has the state of a backup.
type RestoredMachine struct {
	Machine string  `json:"machine"`
	Group   GroupID `json:"group"`
	Module  Digest  `json:"module"`
	// Index is that of the machine's entry behind which it has the state.
	Index uint64 `json:"index"`
}

// Backup has the node that answers write down the state of a machine, and calls take
// with it once: an error of take ends it. form is SnapshotExport or SnapshotImage. What
// take reads ends with io.EOF only when it was whole. It fails with CodeBackupForm when
// the module does not export its state.
func (c *Client) Backup(ctx context.Context, machine string, form SnapshotMode, take func(BackupInfo, io.Reader) error) error {
	if err := CheckMachineName(machine); err != nil {
		return err
	}
	var taken error
	_, err := c.do(ctx, &call{
		method: http.MethodGet, path: machinePath(machine) + "/backup", query: "form=" + string(form), whole: true,
		consume: func(r io.Reader) error {
			var info BackupInfo
			content, err := NewFrameReader(r, &info)
			if err != nil {
				return err
			}
			taken = take(info, content)
			return taken
		},
	})
	if taken != nil {
		return taken
	}
	return asRead(err)
}

// Restore creates a machine and gives it the state that content has, of which info says
// what it is. Before the machine has all of it, it executes nothing; after a failure the
// same may be done again. It fails with CodeMachineExists when the name is taken, and
// with CodeBackupRefused when the bytes make no state.
func (c *Client) Restore(ctx context.Context, machine string, info BackupInfo, content io.Reader) (out RestoredMachine, err error) {
	if err := CheckMachineName(machine); err != nil {
		return out, err
	}
	opened := false
	a, err := c.do(ctx, &call{
		method: http.MethodPut, path: machinePath(machine) + "/backup", whole: true, size: -1,
		header: http.Header{"Expect": {"100-continue"}, "Content-Type": {FramesMediaType}},
		body: func() (io.ReadCloser, error) {
			if opened {
				return nil, errors.New("client: the state was read once already")
			}
			opened = true
			return frameBody(info, content), nil
		},
	})
	if err != nil {
		return out, err
	}
	return out, decode(a, &out)
}

// frameBody writes frames from a goroutine that ends when the body is closed.
func frameBody(info BackupInfo, content io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		out, err := NewFrameWriter(w, info)
		if err == nil {
			_, err = io.Copy(out, content)
		}
		if err == nil {
			err = out.Close()
		}
		w.CloseWithError(err)
	}()
	return r
}

// Module reads a module or an artefact that the cluster has, into memory.
func (c *Client) Module(ctx context.Context, digest Digest) ([]byte, error) {
	if _, err := ParseDigest(string(digest)); err != nil {
		return nil, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	ctx, cancel := c.bound(ctx, uploadTimeoutDefault)
	defer cancel()
	a, err := c.do(ctx, &call{method: http.MethodGet, path: "/v1/modules/" + string(digest), repeatable: true, whole: true})
	if err != nil {
		return nil, asRead(err)
	}
	if got := DigestOf(a.body); got != digest {
		return nil, NewProblem(CodeDigestMismatch, "the node sent %s for %s", got, digest)
	}
	return a.body, nil
}

// PutArtefact uploads what a release made of a module that was uploaded before, so that
// an image of it can be restored.
func (c *Client) PutArtefact(ctx context.Context, module Digest, artefact []byte) error {
	ctx, cancel := c.bound(ctx, uploadTimeoutDefault)
	defer cancel()
	_, err := c.do(ctx, &call{
		method: http.MethodPut, path: "/v1/modules/" + string(DigestOf(artefact)), query: "of=" + string(module),
		header: http.Header{"Expect": {"100-continue"}, "Content-Type": {"application/wasm"}},
		body:   bytesBody(artefact), size: int64(len(artefact)), repeatable: true, whole: true,
	})
	return err
}
