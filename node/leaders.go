package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

const (
	// PreferredRegionsMax bounds the regions that leaders are to be in.
	PreferredRegionsMax = 32
	// RegionBytesMax bounds the name of a region.
	RegionBytesMax = 128
)

// LeaderPolicy says where the leaders of groups are to be: see Placing. It is a value that
// never changes.
type LeaderPolicy struct {
	// Regions are the preferred ones, the best first; none: any will do.
	Regions []string `cbor:"1,keyasint,omitempty"`
	// Follow has leaders go to the region that most commands come from, among Regions if
	// there are any.
	Follow bool `cbor:"2,keyasint,omitempty"`
}

// LeaderChange changes the policy; what is nil stays as it is.
type LeaderChange struct {
	Regions *[]string `cbor:"1,keyasint,omitempty"`
	Follow  *bool     `cbor:"2,keyasint,omitempty"`
}

// leadersCommand changes where leaders are to be.
type leadersCommand struct {
	Change LeaderChange `cbor:"1,keyasint"`
}

// regionCommand is where a node says that it is.
type regionCommand struct {
	Node   raft.NodeID `cbor:"1,keyasint"`
	Region string      `cbor:"2,keyasint"`
}

// active reports whether there is anything to do for the policy.
func (p LeaderPolicy) active() bool { return p.Follow || len(p.Regions) > 0 }

// describe says what a change makes, in the words of the audit.
func (c LeaderChange) describe() string {
	var words []string
	if c.Regions != nil {
		words = append(words, fmt.Sprintf("regions %q", *c.Regions))
	}
	if c.Follow != nil {
		words = append(words, fmt.Sprintf("follow %v", *c.Follow))
	}
	return strings.Join(words, ", ")
}

// LeaderPolicy is where leaders are to be, by this catalogue.
func (c *Catalogue) LeaderPolicy() LeaderPolicy {
	if c.Leaders == nil {
		return LeaderPolicy{}
	}
	return *c.Leaders
}

// changeLeaders changes the policy.
func (m *MetaMachine) changeLeaders(index raft.Index, c LeaderChange) plugins.Result {
	have := m.catalogue.LeaderPolicy()
	now := have
	if c.Regions != nil {
		now.Regions = slices.Clone(*c.Regions)
	}
	if c.Follow != nil {
		now.Follow = *c.Follow
	}
	if !validRegions(now.Regions) {
		return plugins.Result{Status: metaMalformed, Data: fmt.Appendf(nil, "at most %d regions, each once and of 1 to %d bytes", PreferredRegionsMax, RegionBytesMax)}
	}
	if slices.Equal(have.Regions, now.Regions) && have.Follow == now.Follow {
		return plugins.Result{Status: metaExists}
	}
	next := *m.catalogue
	next.Index, next.Leaders = index, &now
	if !now.active() {
		next.Leaders = nil
	}
	m.catalogue = &next
	return plugins.Result{}
}

func validRegions(regions []string) bool {
	for i, r := range regions {
		if r == "" || len(r) > RegionBytesMax || slices.Contains(regions[:i], r) {
			return false
		}
	}
	return len(regions) <= PreferredRegionsMax
}

// moveToRegion notes where a node says that it is.
func (m *MetaMachine) moveToRegion(index raft.Index, c regionCommand) plugins.Result {
	r, known := m.catalogue.Node(c.Node)
	switch {
	case !known:
		return plugins.Result{Status: metaUnknownNode}
	case len(c.Region) > RegionBytesMax:
		return plugins.Result{Status: metaMalformed, Data: fmt.Appendf(nil, "a region of %d bytes, at most %d are allowed", len(c.Region), RegionBytesMax)}
	case r.Region == c.Region:
		return plugins.Result{Status: metaExists}
	}
	r.Region = c.Region
	m.setNode(index, r)
	return plugins.Result{}
}

// ChangeLeaders changes where leaders are to be and returns the policy as this node knows it
// then. Errors: *LevelRefusedError below Level2; those of Call.
func (n *Node) ChangeLeaders(ctx context.Context, c LeaderChange) (LeaderPolicy, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	reply, err := n.replicateLater(ctx, laterCommand{Leaders: &leadersCommand{Change: c}})
	if err != nil {
		return LeaderPolicy{}, err
	}
	if s := reply.answer.Status; s != metaOK && s != metaExists {
		return LeaderPolicy{}, fmt.Errorf("node: change where leaders are to be: status %d: %s", s, reply.answer.Data)
	}
	n.awaitApplied(ctx, MetaGroup, reply.answer.Index)
	return n.catalogue.Load().LeaderPolicy(), nil
}
