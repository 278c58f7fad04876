package nemesis

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/wraft/wraft/client"
)

// transfer has another node lead a machine, or the catalogue.
func transfer(n *nemesis, ctx context.Context) (func() error, error) {
	ask := client.Transfer{Machine: []string{kvMachine, counterMachine, ""}[n.rng.IntN(3)], To: n.anyone().ID}
	n.operate(ctx, "transfer", func(ctx context.Context) error {
		_, err := n.admin.TransferLeader(ctx, ask)
		return err
	})
	return nothing, nil
}

// seat has a node vote or learn.
func (n *nemesis) seat(ctx context.Context, what string, id client.NodeID, state client.NodeState) {
	n.operate(ctx, what, func(ctx context.Context) error {
		_, err := n.admin.ChangeNode(ctx, id, client.NodeChange{State: state})
		return err
	})
}

// demote has a node vote no more, and then again.
func demote(n *nemesis, ctx context.Context) (func() error, error) {
	id := n.victim(ctx).ID
	n.demoted[id] = true
	n.seat(ctx, "demote", id, client.NodeLearner)
	return func() error {
		n.seat(ctx, "promote", id, client.NodeVoter)
		return nil
	}, nil
}

// upgrade has the counter run its other module, forth and back.
func upgrade(n *nemesis, ctx context.Context) (func() error, error) {
	n.modules[0], n.modules[1] = n.modules[1], n.modules[0]
	n.operate(ctx, "upgrade", func(ctx context.Context) error {
		_, _, err := n.admin.Activate(ctx, counterMachine, client.ActivateSpec{Module: n.modules[0]})
		return err
	})
	return nothing, nil
}

// deploy creates a machine and deletes it at the end.
func deploy(n *nemesis, ctx context.Context) (func() error, error) {
	n.deployed++
	name := fmt.Sprintf("extra-%d", n.deployed)
	n.operate(ctx, "deploy", func(ctx context.Context) error {
		_, _, err := n.admin.Deploy(ctx, name, client.DeploySpec{Module: n.modules[0], Limits: client.MachineLimits{MemoryBytes: 16 << 20}})
		return err
	})
	return func() error {
		n.operate(ctx, "delete", func(ctx context.Context) error {
			_, err := n.admin.Delete(ctx, name, 0)
			return err
		})
		return nil
	}, nil
}

// rot flips a bit of a file that a stopped node has stored, and starts the node again.
func rot(n *nemesis, ctx context.Context) (func() error, error) {
	node := n.victim(ctx)
	n.hurt = node
	if _, err := node.Stop(ctx); err != nil {
		return nil, err
	}
	var files []string
	err := filepath.WalkDir(node.DataDir(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, statErr := d.Info(); statErr == nil && info.Size() > 0 {
				files = append(files, path)
			}
		}
		return err
	})
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no file of node %d can rot: %w", node.ID, err)
	}
	if err := n.flip(files[n.rng.IntN(len(files))]); err != nil {
		return nil, err
	}
	return nothing, node.Start()
}

// flip turns one bit of a file over.
func (n *nemesis) flip(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	bit := n.rng.IntN(8 * len(data))
	data[bit/8] ^= 1 << (bit % 8)
	n.log("  bit %d of %s", bit, file)
	return os.WriteFile(file, data, 0o600)
}
