package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// lookPause is the pause between two looks at the cluster.
const lookPause = 50 * time.Millisecond

// Join has a machine that knows nothing but a token become a node, and waits until it votes.
func (d *Day) Join(ctx context.Context) error {
	token, err := d.token(ctx)
	if err != nil {
		return err
	}
	n, err := d.Cluster.Plan()
	if err != nil {
		return err
	}
	args := n.JoinArgs(token)
	d.Type(args...)
	if err := d.Judge(d.Cluster.Stranger(ctx, args...), fmt.Sprintf("%d voters -> %d, tolerates", len(d.Members), len(d.Members)+1), args...); err != nil {
		return err
	}
	if err := d.StartNew(ctx, n); err != nil {
		return err
	}
	return d.Step(ctx, "voter", "wait", "node", n.ID.String())
}

// token makes one at the first of the members, which has the authority's key.
func (d *Day) token(ctx context.Context) (string, error) {
	args := d.at(d.Members[0], "token", "create", "--join", "-o", "name")
	d.Type(args...)
	made := d.Cluster.Wraftd(ctx, args...)
	return strings.TrimSpace(made.Stdout), d.Judge(made, "wraftd nodes join TOKEN", args...)
}

// Replace has a new node take the place of a dead one: one command, which waits for the node.
func (d *Day) Replace(ctx context.Context, dead *cluster.Node, says string) error {
	n, err := d.Cluster.Plan()
	if err != nil {
		return err
	}
	args := d.at(d.Members[0], "nodes", "replace", dead.ID.String(), n.Spec(), "--ca-dir", d.Cluster.AuthorityDir(), "--out", n.Dir, "--yes")
	d.Type(args...)
	ended := d.Cluster.Begin(ctx, args...)
	// Why then: the command writes the node's folder before it has the cluster know it.
	for known := false; !known; {
		select {
		case r := <-ended:
			return errors.Join(errors.New("operator: nodes replace has ended before its node was started"), d.Judge(r, says, args...))
		case <-time.After(lookPause):
		}
		info, err := d.Client.Cluster(ctx)
		known = err == nil && slices.ContainsFunc(info.Nodes, func(o client.NodeInfo) bool { return o.ID == n.ID })
	}
	if err := d.StartNew(ctx, n); err != nil {
		return err
	}
	if err := d.Judge(<-ended, says, args...); err != nil {
		return err
	}
	d.Members = slices.DeleteFunc(d.Members, func(m *cluster.Node) bool { return m == dead })
	return d.AtWork(ctx)
}

// StartNew starts a node whose folder was written just now, and has it be a member.
func (d *Day) StartNew(ctx context.Context, n *cluster.Node) error {
	if err := d.Cluster.Take(n); err != nil {
		return err
	}
	d.Members = append(d.Members, n)
	return d.Start(ctx, n)
}
