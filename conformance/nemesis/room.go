package nemesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/metric"
)

// What the nodes' disks are held against. Why so little: a ballast is really written.
const (
	diskMinFree = 32 << 20
	diskBallast = 8 << 20
)

// diskFlags are the flags of the nodes about it.
var diskFlags = []string{"--disk-min-free", fmt.Sprint(diskMinFree), "--disk-ballast", fmt.Sprint(diskBallast)}

// roomPatience is how long a node may take to see that its disk is full, and to act on it.
const roomPatience = 2 * time.Minute

// fillOne fills a node's disk: the others have room, so commands go on.
func fillOne(n *nemesis, ctx context.Context) (func() error, error) {
	n.hurt = n.victim(ctx)
	return n.fill(ctx, []*cluster.Node{n.hurt}, n.work)
}

// fillAll fills all disks: clients are refused in plain words.
func fillAll(n *nemesis, ctx context.Context) (func() error, error) {
	n.hurt = n.anyone()
	before := n.count.Refused()
	return n.fill(ctx, n.c.Nodes, func(ctx context.Context) error { return n.count.WaitForRefusals(ctx, before+4) })
}

// fill fills the disks of nodes of a whole cluster, first to less than their mark and then to
// less than what they keep their ballast for, and waits until they say so and clients see what
// they should. A write that finds no room ends a node, which is a problem of its own.
func (n *nemesis) fill(ctx context.Context, nodes []*cluster.Node, seen func(context.Context) error) (end func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, roomPatience)
	defer cancel()
	end = func() error {
		var errs []error
		for _, node := range nodes {
			errs = append(errs, node.FreeDisk())
		}
		return errors.Join(errs...)
	}
	for _, node := range nodes {
		if err := awaitMetric(ctx, node, metric.DiskBallastBytes, diskBallast); err != nil {
			return nil, err
		}
	}
	for _, step := range []struct {
		left   uint64
		metric string
		want   float64
	}{{diskMinFree * 3 / 4, metric.DiskFull, 1}, {diskMinFree / 8, metric.DiskBallastBytes, 0}} {
		for _, node := range nodes {
			err = errors.Join(err, node.FillDisk(step.left))
		}
		for _, node := range nodes {
			err = errors.Join(err, awaitFull(ctx, node, step.left, step.metric, step.want))
		}
		if err == nil {
			err = seen(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, end())
		}
	}
	return end, nil
}

// refillEvery is how long a node may take to see that its disk was filled, before it is filled again.
const refillEvery = 5 * time.Second

// awaitFull waits until a node's metric says that its disk is as full as it was made.
//
// Why it is filled again: what a node removes just then, the rest of a snapshot that found no room,
// say, gives it that room back.
func awaitFull(ctx context.Context, node *cluster.Node, left uint64, metric string, want float64) error {
	for {
		once, cancel := context.WithTimeout(ctx, refillEvery)
		err := awaitMetric(once, node, metric, want)
		cancel()
		if err == nil || ctx.Err() != nil || !node.Running() {
			return err
		}
		if err := node.FillDisk(left); err != nil {
			return err
		}
	}
}

// awaitMetric waits until a node's metric has a value.
func awaitMetric(ctx context.Context, node *cluster.Node, name string, want float64) error {
	for {
		m, err := node.Metrics(ctx)
		if got, told := m[name]; err == nil && told && got == want {
			return nil
		}
		if !node.Running() {
			return fmt.Errorf("node %d ended by itself: %s", node.ID, lastWords(node))
		}
		if pauseFor(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("node %d: %s is %v, want %v: %w", node.ID, name, m[name], want, errors.Join(err, ctx.Err()))
		}
	}
}
