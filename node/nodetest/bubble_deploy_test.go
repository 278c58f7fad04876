package nodetest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// slows opens every module as an adder, on one node late or not at all.
type slows struct {
	mu    sync.Mutex // guards the rest
	at    raft.NodeID
	takes time.Duration
	err   error
}

func (s *slows) set(at raft.NodeID, takes time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.takes, s.err = at, takes, err
}

// slowAt is the opener of one node.
type slowAt struct {
	adders
	all *slows
	id  raft.NodeID
}

func (s slowAt) Open(ctx context.Context, artefact []byte, cfg node.OpenConfig) (node.Machine, error) {
	s.all.mu.Lock()
	at, takes, err := s.all.at, s.all.takes, s.all.err
	s.all.mu.Unlock()
	if at != s.id {
		return s.adders.Open(ctx, artefact, cfg)
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return s.adders.Open(ctx, artefact, cfg)
}

// inSlowBubble runs a scenario on a cluster whose node led leads the meta group:
// that one will create and lead the groups of machines, too.
func inSlowBubble(t *testing.T, scenario func(ctx context.Context, b *bubble, machines *slows, led raft.NodeID)) {
	synctest.Test(t, func(t *testing.T) {
		machines := &slows{}
		b := newBubbleOf(t, func(id raft.NodeID) node.MachineOpener { return slowAt{all: machines, id: id} }, nil)
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		for b.leader(node.MetaGroup) == 0 {
			time.Sleep(time.Second) // virtual: lets them elect
		}
		scenario(ctx, b, machines, b.leader(node.MetaGroup))
	})
}

// commandAt calls a machine as a hurried client would.
func (b *bubble) commandAt(ctx context.Context, at raft.NodeID) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := b.nodes[at].node.Call(ctx, "adder", node.Call{Data: []byte{1}, Forward: true})
	return err
}

// TestADeployEndsWhenCommandsAreAnswered: every node compiles by itself, and the
// slowest may be the one that leads; a deploy through another waits for it.
func TestADeployEndsWhenCommandsAreAnswered(t *testing.T) {
	inSlowBubble(t, func(ctx context.Context, b *bubble, machines *slows, led raft.NodeID) {
		machines.set(led, 20*time.Second, nil)
		began := time.Now()
		b.deploy(ctx, led%3+1, "adder", []byte("any bytes"))
		if took := time.Since(began); took < 20*time.Second {
			b.t.Errorf("deployed after %v, when its leader still compiled", took)
		}
		for at := range b.nodes {
			if err := b.commandAt(ctx, at); err != nil {
				b.t.Errorf("a command through %v after the deploy: %v", at, err)
			}
		}
	})
}

// TestADeployFollowsTheLeadership: what is waited for is whoever leads.
func TestADeployFollowsTheLeadership(t *testing.T) {
	inSlowBubble(t, func(ctx context.Context, b *bubble, machines *slows, led raft.NodeID) {
		machines.set(led, time.Hour, nil)
		via := led%3 + 1
		module := b.upload(ctx, via, []byte("any bytes"))
		deployed := make(chan error, 1)
		at := b.nodes[via].node
		go func() {
			_, _, err := at.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: module})
			deployed <- err
		}()
		select {
		case err := <-deployed:
			b.t.Errorf("deployed (%v) when its leader still compiled", err)
			return
		case <-time.After(15 * time.Second): // virtual
		}
		b.stop(led)
		if err := <-deployed; err != nil {
			b.t.Fatal(err)
		}
		if err := b.commandAt(ctx, via); err != nil {
			b.t.Errorf("a command after the deploy: %v", err)
		}
	})
}

// TestADeployGoesOnWithoutTheLeader: one that cannot open the machine hands over, and
// says why to those who ask it.
func TestADeployGoesOnWithoutTheLeader(t *testing.T) {
	inSlowBubble(t, func(ctx context.Context, b *bubble, machines *slows, led raft.NodeID) {
		machines.set(led, time.Second, errors.New("no room for it"))
		via := led%3 + 1
		b.deploy(ctx, via, "adder", []byte("any bytes"))
		for at := range b.nodes {
			if err := b.commandAt(ctx, at); err != nil {
				b.t.Errorf("a command through %v after the deploy: %v", at, err)
			}
		}
		_, err := b.nodes[led].node.Ask(ctx, "adder", node.Ask{Mode: raft.ReadLocal, MinIndex: 1, Wait: time.Minute})
		var halted *node.MachineHaltedError
		if !errors.As(err, &halted) || !strings.Contains(err.Error(), "no room for it") {
			b.t.Errorf("a query of the replica that is not there: %v", err)
		}
	})
}

// TestADeploySaysWhyNobodyCan: the deployer hears the cause.
func TestADeploySaysWhyNobodyCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, hopeless{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		module := b.upload(ctx, 2, []byte("any bytes"))
		_, created, err := b.nodes[2].node.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: module})
		var halted *node.MachineHaltedError
		if !created || !errors.As(err, &halted) || !strings.Contains(err.Error(), "no room for it") {
			b.t.Errorf("%v, %v; want the cause", created, err)
		}
	})
}

// hopeless opens nothing.
type hopeless struct{ adders }

func (hopeless) Open(context.Context, []byte, node.OpenConfig) (node.Machine, error) {
	return nil, errors.New("no room for it")
}
