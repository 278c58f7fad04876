package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
)

// show is one run of the demo.
type show struct {
	wraftd, module string
	increments     int
	out            io.Writer

	began time.Time
	nodes *cluster.Cluster
}

// stopTimeout bounds the orderly end of all nodes.
const stopTimeout = time.Minute

// run plays the whole piece in dir.
func (s *show) run(ctx context.Context, dir string) (err error) {
	if s.increments < 10 {
		return fmt.Errorf("%d increments are too few to kill a leader in their middle", s.increments)
	}
	s.began = time.Now()
	if s.nodes, err = cluster.New(ctx, cluster.Config{Wraftd: s.wraftd, Dir: dir, Name: "demo"}); err != nil {
		return err
	}
	defer func() {
		if err != nil { // a node that hangs must not outlive a failed demo
			err = errors.Join(err, s.nodes.KillAll())
		}
	}()
	if err := s.nodes.Start(); err != nil {
		return err
	}
	if err := s.nodes.WaitReady(ctx); err != nil {
		return err
	}
	s.say("three nodes are up: processes %d, %d and %d", s.nodes.Nodes[0].PID(), s.nodes.Nodes[1].PID(), s.nodes.Nodes[2].PID())
	if r := s.nodes.Wraftd(ctx, "deploy", s.module, "--name", "counter"); r.Code != 0 {
		return fmt.Errorf("deploy: exit code %d: %s", r.Code, r.Stderr)
	}
	s.say("deployed the counter")
	report, err := s.count(ctx)
	if err != nil {
		return err
	}
	if err := s.compare(ctx, report); err != nil {
		return err
	}
	stop, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := s.nodes.Stop(stop); err != nil {
		return err
	}
	s.say("all nodes agree; stopped all of them")
	return nil
}

// count sends the increments, and kills and restarts the leader meanwhile.
func (s *show) count(ctx context.Context) (counter.Report, error) {
	clients, closeAll, err := s.clients()
	if err != nil {
		return counter.Report{}, err
	}
	defer closeAll()
	load := counter.Start(ctx, counter.Config{Clients: clients, Workers: 2 * len(clients), Increments: s.increments})
	err = s.killAndRestart(ctx, load)
	report, loadErr := load.Wait(ctx)
	if err := errors.Join(err, loadErr); err != nil {
		return report, err
	}
	s.say("%d increments acknowledged, %d of them after a repeat found them applied", report.Acknowledged, report.Replayed)
	return report, nil
}

// killAndRestart lets the load go on without the leader for a quarter of it.
func (s *show) killAndRestart(ctx context.Context, load *counter.Load) error {
	half := s.increments / 2
	if err := load.WaitFor(ctx, half); err != nil {
		return err
	}
	leader, err := s.leader(ctx)
	if err != nil {
		return err
	}
	if err := leader.Kill(); err != nil {
		return err
	}
	s.say("killed the leader, node %d, with -9 after %d increments", leader.ID, load.Acknowledged())
	if err := load.WaitFor(ctx, half+s.increments/4); err != nil {
		return err
	}
	s.say("the other two went on: %d increments", load.Acknowledged())
	if err := leader.Start(); err != nil {
		return err
	}
	s.say("started node %d again", leader.ID)
	return nil
}

// clients are one per node that stays with its node as long as that answers, so
// that increments really go through all of them.
func (s *show) clients() ([]*client.Client, func(), error) {
	var out []*client.Client
	closeAll := func() {
		for _, c := range out {
			c.Close()
		}
	}
	endpoints := s.nodes.Endpoints()
	for i := range endpoints {
		c, err := client.New(client.Config{
			Endpoints: append(endpoints[i:len(endpoints):len(endpoints)], endpoints[:i]...), TLS: s.nodes.TLS(), EndpointsOnly: true,
		})
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		out = append(out, c)
	}
	return out, closeAll, nil
}

// leader asks the first node that answers who leads the counter's group.
func (s *show) leader(ctx context.Context) (*cluster.Node, error) {
	c, err := client.New(client.Config{Endpoints: s.nodes.Endpoints(), TLS: s.nodes.TLS()})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	info, err := c.Machine(ctx, "counter", false)
	if err != nil {
		return nil, err
	}
	for _, n := range s.nodes.Nodes {
		if n.ID == info.Leader {
			return n, nil
		}
	}
	return nil, fmt.Errorf("no node leads the counter while it counts: leader %d", info.Leader)
}

// say prints a line with the time since the beginning.
func (s *show) say(format string, args ...any) {
	fmt.Fprintf(s.out, "%6.2fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}
