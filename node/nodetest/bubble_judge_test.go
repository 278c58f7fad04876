package nodetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// judging is how a cluster is judged.
type judging struct {
	// whole waits until the first three nodes count again: they vote in their groups, and
	// nothing of theirs is damaged.
	whole bool
	plant func(*bubble) // a bug in nodes that boot; nil: none
}

// judge starts the cluster again on what the crash left. It returns what is wrong: lost,
// broken or stuck and why; nil: nothing.
func (p *crashPoint) judge(t *testing.T, disks map[raft.NodeID]*vfs.MemFS, how judging) (fault string, err error) {
	synctest.Test(t, func(t *testing.T) {
		b := crashBubble(t, p.mode)
		defer b.close()
		if how.plant != nil {
			how.plant(b)
		}
		for id, fs := range disks {
			if err = b.tryBoot(id, fs); err != nil {
				fault = "broken"
				return
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if len(disks) < 3 {
			return // not all had begun: nothing was acknowledged
		}
		sums := map[uint64]bool{}
		last := raft.NodeID(3)
		if p.told.joined {
			last = 4
		}
		for id := raft.NodeID(1); id <= last; id++ {
			sum, askErr := b.ask(ctx, id, p.told.deployed)
			if askErr != nil {
				fault, err = "stuck", fmt.Errorf("node %v: %w", id, askErr)
				return
			}
			sums[sum] = true
			if second := node.DigestOf([]byte("second")); p.told.upgraded && b.nodes[id].node.Running(2).Run.Module != second {
				fault, err = "lost", fmt.Errorf("node %v does not run the upgrade", id)
			}
			if sum < p.told.sum || sum > p.told.sum+1 {
				fault, err = "lost", fmt.Errorf("node %v has the sum %d, %d was acknowledged", id, sum, p.told.sum)
			}
		}
		if fault == "" && how.whole {
			fault, err = b.judgeWhole(ctx, p.told.deployed)
		}
		if fault == "" && p.told.left {
			fault, err = b.judgeLeft(ctx)
		}
		if len(sums) != 1 {
			fault, err = "silent", fmt.Errorf("the nodes have the sums %v", sums)
		}
	})
	return fault, err
}

// judgeWhole waits until the first three nodes count.
func (b *bubble) judgeWhole(ctx context.Context, deployed bool) (fault string, err error) {
	groups := []raft.GroupID{node.MetaGroup}
	if deployed {
		groups = append(groups, 2)
	}
	for id := raft.NodeID(1); id <= 3; id++ {
		for _, g := range groups {
			for info, err := b.nodes[id].node.Group(ctx, g, ""); err != nil || !b.counts(id, info.Status); info, err = b.nodes[id].node.Group(ctx, g, "") {
				if ctx.Err() != nil {
					return "stuck", fmt.Errorf("node %v does not count in group %d: damaged %v, %v, %w", id, g, info.Status.Damaged, info.Status.Configuration, errors.Join(err, ctx.Err()))
				}
				time.Sleep(10 * time.Millisecond) // virtual
			}
		}
	}
	return "", nil
}

// counts reports whether a replica says that it is whole and votes, in the life of its disk.
func (b *bubble) counts(id raft.NodeID, s raft.Status) bool {
	have, _ := b.nodes[id].store.Identity()
	return !s.Damaged && s.Leader != 0 && s.Configuration.Configuration.VotesAs(raft.Member{Node: id, Incarnation: have.Incarnation})
}

// judgeLeft asks the catalogue, as of now, whether node 4 is removed.
func (b *bubble) judgeLeft(ctx context.Context) (fault string, err error) {
	n := b.nodes[1].node
	for err = n.Barrier(ctx); err != nil; err = n.Barrier(ctx) {
		if ctx.Err() != nil {
			return "stuck", fmt.Errorf("catalogue: %w", err)
		}
		time.Sleep(10 * time.Millisecond) // virtual: lets a leader be elected
	}
	if r := recordOf(n, 4); r.State != node.NodeRemoved {
		return "lost", fmt.Errorf("node 4 left and is %v", r.State)
	}
	return "", nil
}

// ask waits for a linearizable read of a node; without a machine that must be there, for
// a leader that it knows.
func (b *bubble) ask(ctx context.Context, id raft.NodeID, deployed bool) (uint64, error) {
	n := b.nodes[id].node
	for {
		r, err := n.Ask(ctx, "adder", node.Ask{Forward: true})
		switch {
		case err == nil:
			return binary.BigEndian.Uint64(r.Data), nil
		case !deployed && errors.Is(err, node.ErrNoMachine) && n.Leader(1) != 0:
			return 0, nil
		case ctx.Err() != nil:
			return 0, err
		}
		time.Sleep(10 * time.Millisecond) // virtual: lets the node replay its log
	}
}
