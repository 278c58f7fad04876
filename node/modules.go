package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// PutModule checks a module, stores it here and on enough nodes that a quorum has
// it, and reports whether it was new to this node. Whatever can be refused about a
// module is refused now, before anything is replicated.
func (n *Node) PutModule(ctx context.Context, want Digest, body io.Reader) (size int64, created bool, err error) {
	binary, err := io.ReadAll(io.LimitReader(body, int64(n.cfg.ModuleBytesMax)+1))
	if err != nil {
		return 0, false, fmt.Errorf("node: read module: %w", err)
	}
	if uint64(len(binary)) > n.cfg.ModuleBytesMax {
		return 0, false, fmt.Errorf("%w: the limit is %d bytes", ErrModuleTooLarge, n.cfg.ModuleBytesMax)
	}
	if got := DigestOf(binary); got != want {
		return 0, false, fmt.Errorf("%w: the bytes are %v, not %v", ErrDigestMismatch, got, want)
	}
	n.shelf.want(want)
	created = !n.modules.Has(want)
	if r := n.Room(); created && r.Low { // Why before Check: that needs some space of its own
		return 0, false, fmt.Errorf("%w: %d MiB are free here, %d MiB are needed", ErrDiskFull, r.Free>>20, r.Minimum>>20)
	}
	if created {
		if err := n.opener.Check(ctx, binary); err != nil {
			return 0, false, err
		}
		if err := n.keepModule(want, binary); err != nil {
			return 0, false, err
		}
	}
	return int64(len(binary)), created, n.spreadModule(ctx, want, Digest{})
}

// ModuleSize is the size of a module that is here, or 0.
func (n *Node) ModuleSize(d Digest) int64 {
	size, err := n.modules.Size(d)
	if err != nil {
		return 0
	}
	return size
}

func (n *Node) keepModule(d Digest, binary []byte) error {
	n.shelf.want(d)
	if err := n.modules.Put(d, binary); diskFull(err) {
		return fmt.Errorf("%w: store module: %w", ErrDiskFull, err)
	} else if err != nil {
		return fmt.Errorf("node: store module: %w", err)
	}
	n.deploys.in.force(func(dep *Deployer) { dep.ModuleStored(d) })
	return nil
}

// spreadModule asks every other node to fetch the module, and the artefact made of
// it if there is one yet, and returns when a quorum of the voters has them durable.
func (n *Node) spreadModule(ctx context.Context, module, artefact Digest) error {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	meta, err := n.awaitMeta(ctx)
	if err != nil {
		return err
	}
	type answer struct {
		voter bool
		err   error
	}
	members := meta.status.Load().Configuration.Configuration
	nodes := members.Nodes()
	answers := make(chan answer, len(nodes))
	have, open, need := 0, 0, len(members.Voters)/2+1
	for _, id := range nodes {
		voter := members.IsVoter(id)
		switch {
		case id != n.cfg.Self:
			open++
			n.spawn(func() {
				answers <- answer{voter, n.askToPull(ctx, id, forwardedPull{Module: module, Artefact: artefact})}
			})
		case voter:
			have++
		}
	}
	var problems []error
	for ; have < need && open > 0; open-- {
		switch a := <-answers; {
		case a.err != nil:
			problems = append(problems, a.err)
		case a.voter:
			have++
		}
	}
	if have < need {
		return fmt.Errorf("%w: the module is on %d of %d voters, %d are needed: %w", ErrNoQuorum, have, len(members.Voters), need, errors.Join(problems...))
	}
	return nil
}

// askToPull asks a node to fetch something from here. A node that is not connected, or was
// cut off before it answered, is asked again for LeaderWait: it may just be starting.
func (n *Node) askToPull(ctx context.Context, to raft.NodeID, p forwardedPull) error {
	patience := n.clock.NewTimer(n.cfg.LeaderWait)
	defer patience.Stop()
	for {
		_, err := n.forward(ctx, to, MetaGroup, forwardPull, p, nil)
		if !errors.Is(err, transport.ErrNotConnected) && !errors.As(err, new(*UnknownOutcomeError)) {
			return err
		}
		select {
		case <-n.clock.NewTimer(retryPause).C():
		case <-patience.C():
			return err
		case <-ctx.Done():
			return err
		case <-n.stop:
			return ErrStopping
		}
	}
}

// fetchModule gets a module from the first peer that has it, checks and stores it.
func (n *Node) fetchModule(ctx context.Context, d Digest, peers []raft.NodeID) error {
	n.shelf.want(d)
	if n.modules.Has(d) {
		return n.keptAlready(d)
	}
	if len(peers) == 0 {
		return fmt.Errorf("node: fetch module %v: there is no other node that may have it", d)
	}
	var problems []error
	for _, p := range peers {
		err := n.fetchModuleFrom(ctx, d, p)
		if err == nil {
			return nil
		}
		problems = append(problems, fmt.Errorf("%v: %w", p, err))
	}
	return fmt.Errorf("node: fetch module %v: %w", d, errors.Join(problems...))
}

func (n *Node) keptAlready(d Digest) error {
	n.deploys.in.force(func(dep *Deployer) { dep.ModuleStored(d) })
	return nil
}

func (n *Node) fetchModuleFrom(ctx context.Context, d Digest, peer raft.NodeID) error {
	binary, err := n.download(ctx, d, peer)
	if err != nil {
		return err
	}
	return n.keepModule(d, binary)
}

// download gets a module or an artefact from a peer and checks its digest.
func (n *Node) download(ctx context.Context, d Digest, peer raft.NodeID) ([]byte, error) {
	r, size, err := n.network.OpenFile(ctx, peer, NetworkFile(d), 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if most := max(n.cfg.ModuleBytesMax, plugins.ArtefactBytesMax); size < 0 || uint64(size) > most {
		return nil, fmt.Errorf("%w: the peer says %d bytes", ErrModuleTooLarge, size)
	}
	var binary bytes.Buffer
	if _, err := io.Copy(&binary, io.LimitReader(r, size+1)); err != nil {
		return nil, err
	}
	if got := DigestOf(binary.Bytes()); got != d {
		return nil, fmt.Errorf("%w: the peer sent %v", ErrDigestMismatch, got)
	}
	return binary.Bytes(), nil
}
