package apitest

import (
	"context"
	"slices"

	"github.com/wraft/wraft/client"
)

// AddNode adds a node that never starts. One that is there has to be the same.
func (b *Backend) AddNode(_ context.Context, spec client.NodeSpec) (client.NodeInfo, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("AddNode", ""); err != nil {
		return client.NodeInfo{}, false, err
	}
	for _, n := range b.nodes {
		switch {
		case n.ID == spec.ID && n.Peer == spec.Peer && n.API == spec.API:
			return n, false, nil
		case n.ID == spec.ID, n.Peer == spec.Peer:
			return client.NodeInfo{}, false, client.NewProblem(client.CodeNodeConflict, "n%d is a %s at %s", n.ID, n.State, n.Peer)
		}
	}
	b.index++
	n := client.NodeInfo{
		ID: spec.ID, Name: "n" + spec.ID.String(), Region: spec.Region, Peer: spec.Peer, API: spec.API, Role: "unknown", State: client.NodeLearner,
	}
	b.nodes = append(b.nodes, n)
	return n, true, nil
}

// effect is what it does to the quorum when a node's state becomes to; mu is held.
func (b *Backend) effect(id client.NodeID, to client.NodeState) (e client.QuorumEffect) {
	for _, o := range b.nodes {
		after := o.State
		if o.ID == id {
			after = to
		}
		if o.State == client.NodeVoter {
			e.VotersBefore++
		}
		if after == client.NodeVoter {
			e.VotersAfter++
		}
		if after == client.NodeVoter && o.Up {
			e.There++
		}
	}
	e.ToleratesBefore, e.ToleratesAfter = max(e.VotersBefore-1, 0)/2, max(e.VotersAfter-1, 0)/2
	e.LosesQuorum = e.VotersAfter < e.VotersBefore && e.There <= e.VotersAfter/2
	return e
}

// ChangeNode moves a node, and all groups follow at once.
func (b *Backend) ChangeNode(_ context.Context, id client.NodeID, change client.NodeChange) (client.NodeChanged, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("ChangeNode", ""); err != nil {
		return client.NodeChanged{}, err
	}
	at := slices.IndexFunc(b.nodes, func(n client.NodeInfo) bool { return n.ID == id })
	if at < 0 {
		return client.NodeChanged{}, client.NewProblem(client.CodeUnknownNode, "n%d", id)
	}
	n := b.nodes[at]
	e := b.effect(id, change.State)
	changed := client.NodeChanged{Node: n, Quorum: e, DryRun: change.DryRun}
	switch {
	case change.DryRun || n.State == change.State:
		return changed, nil
	case e.VotersAfter == 0:
		return client.NodeChanged{}, client.NewProblem(client.CodeLastVoter, "n%d is the only voter", id)
	case e.LosesQuorum && !change.AcceptQuorumLoss:
		return client.NodeChanged{}, client.NewProblem(client.CodeQuorumLoss, "%d voters would be left, of which %d are there", e.VotersAfter, e.There)
	}
	b.index++
	n.State, n.Votes, n.Learns, n.Holds = change.State, nil, nil, []client.GroupID{1}
	switch change.State {
	case client.NodeVoter:
		n.Votes = n.Holds
	case client.NodeLearner:
		n.Learns = n.Holds
	case client.NodeLeaving:
		n.State, n.Holds = client.NodeRemoved, nil
	}
	b.nodes[at], changed.Node = n, n
	return changed, nil
}

// TransferLeader has a voter that is up lead everything.
func (b *Backend) TransferLeader(_ context.Context, t client.Transfer) (client.Transferred, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("TransferLeader", t.Machine)
	if err != nil {
		return client.Transferred{}, err
	}
	done := client.Transferred{Machine: t.Machine, Group: 1}
	if m != nil {
		done.Group = m.info.Group
	}
	for _, n := range b.nodes {
		if n.Role == "leader" {
			done.Before = n.ID
		}
	}
	heir := slices.IndexFunc(b.nodes, func(n client.NodeInfo) bool {
		return n.State == client.NodeVoter && n.Up && (n.ID == t.To || t.To == 0 && n.ID != done.Before)
	})
	if heir < 0 {
		return client.Transferred{}, client.NewProblem(client.CodeCannotLead, "n%d is no voter that is up", t.To)
	}
	for i := range b.nodes {
		if b.nodes[i].Role == "leader" {
			b.nodes[i].Role = "follower"
		}
	}
	b.nodes[heir].Role = "leader"
	done.Leader = b.nodes[heir].ID
	return done, nil
}

// MeasureLink finds the links to all voters alike, and none to another node.
func (b *Backend) MeasureLink(_ context.Context, to client.NodeID, spec client.LinkSpec) (client.LinkMeasure, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("MeasureLink", ""); err != nil {
		return client.LinkMeasure{}, err
	}
	at := slices.IndexFunc(b.nodes, func(n client.NodeInfo) bool { return n.ID == to && n.ID != 1 })
	switch {
	case at < 0:
		return client.LinkMeasure{}, client.NewProblem(client.CodeUnknownNode, "n1 has no link to n%d", to)
	case b.nodes[at].State != client.NodeVoter:
		return client.LinkMeasure{}, client.NewProblem(client.CodeLinkDown, "n%d, silent", to)
	}
	spec = spec.WithDefaults()
	return client.LinkMeasure{
		From: 1, To: to, Samples: spec.Samples, P50Micros: 80_000, P90Micros: 81_000, P99Micros: 90_500, MaxMicros: 120_000,
		RTTMicros: 80_100, RTTVarianceMicros: 900, Packets: 1000, LostOnPath: 20, Lost: 1, Parity: 250, FEC: "active",
		Sent: client.LinkTransfer{Bytes: spec.Bytes, TookMicros: 1_000_000}, Received: client.LinkTransfer{Bytes: spec.Bytes, TookMicros: 2_000_000},
	}, nil
}

// ChangeLeaders keeps what it is told; every region is known.
func (b *Backend) ChangeLeaders(_ context.Context, c client.LeaderChange) (client.LeaderPolicy, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("ChangeLeaders", ""); err != nil {
		return client.LeaderPolicy{}, err
	}
	now := client.LeaderPolicy{}
	if b.leaders != nil {
		now = *b.leaders
	}
	if c.Regions != nil {
		now.Regions = *c.Regions
	}
	if c.FollowCommands != nil {
		now.FollowCommands = *c.FollowCommands
	}
	b.leaders = &now
	return now, nil
}
