package confchange

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/wraft/wraft/raft/quorum"
)

// Incarnation counts a node's lives with a fresh disk; the first is 1.
type Incarnation uint32

// Member is a node in one of its lives. Messages of another incarnation are not
// the member's.
type Member struct {
	Node        quorum.NodeID
	Incarnation Incarnation
}

// Configuration says who votes and who only listens. Outgoing is empty except in
// a joint configuration, where majorities of both Voters and Outgoing are needed
// (Raft paper §6). Learners of a joint configuration may be in Outgoing as well:
// they vote until it ends and only listen afterwards. Members are sorted by node
// and appear once per list.
type Configuration struct {
	Voters   []Member
	Outgoing []Member
	Learners []Member
}

const (
	configurationVersion = 1
	// MembersMax bounds each list of a configuration.
	MembersMax = 64
)

// ErrMalformed: the bytes are no configuration of this version. Refuse the entry.
var ErrMalformed = errors.New("confchange: malformed configuration")

// New returns a plain configuration of voters in their first incarnation.
func New(voters ...quorum.NodeID) Configuration {
	c := Configuration{}
	for _, id := range voters {
		c.Voters = append(c.Voters, Member{Node: id, Incarnation: 1})
	}
	sortMembers(c.Voters)
	return c
}

// Joint reports whether two majorities are needed.
func (c Configuration) Joint() bool { return len(c.Outgoing) > 0 }

// IsVoter reports whether id votes in either half.
func (c Configuration) IsVoter(id quorum.NodeID) bool {
	return contains(c.Voters, id) || contains(c.Outgoing, id)
}

// VotesAs reports whether m votes in either half, in just this incarnation.
func (c Configuration) VotesAs(m Member) bool {
	return slices.Contains(c.Voters, m) || slices.Contains(c.Outgoing, m)
}

// IncarnationOf returns the life in which id is a member, 0 when it is none.
func (c Configuration) IncarnationOf(id quorum.NodeID) Incarnation {
	for _, list := range [][]Member{c.Voters, c.Outgoing, c.Learners} {
		for _, m := range list {
			if m.Node == id {
				return m.Incarnation
			}
		}
	}
	return 0
}

// IsLearner reports whether id listens and does not vote in either half.
func (c Configuration) IsLearner(id quorum.NodeID) bool {
	return contains(c.Learners, id) && !c.IsVoter(id)
}

// Nodes returns every node named, ascending, each once.
func (c Configuration) Nodes() []quorum.NodeID {
	var ids []quorum.NodeID
	for _, list := range [][]Member{c.Voters, c.Outgoing, c.Learners} {
		for _, m := range list {
			ids = append(ids, m.Node)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Validate reports what makes c unusable: no voters, a repeated or zero node,
// a list that is too long, or a learner that also votes and will go on to.
func (c Configuration) Validate() error {
	if len(c.Voters) == 0 {
		return errors.New("confchange: a configuration needs at least one voter")
	}
	for _, list := range [][]Member{c.Voters, c.Outgoing, c.Learners} {
		if len(list) > MembersMax {
			return fmt.Errorf("confchange: %d members in one list, at most %d are allowed", len(list), MembersMax)
		}
		for i, m := range list {
			if m.Node == 0 || m.Incarnation == 0 {
				return errors.New("confchange: node and incarnation must not be 0")
			}
			if i > 0 && list[i-1].Node >= m.Node {
				return fmt.Errorf("confchange: %v is out of order or repeated", m.Node)
			}
		}
	}
	for _, m := range c.Learners {
		if contains(c.Voters, m.Node) {
			return fmt.Errorf("confchange: %v is both voter and learner", m.Node)
		}
	}
	return nil
}

// Encode returns the bytes of an entry that carries c: a version byte, then for
// each list its length and per member node and incarnation, all as uvarint.
func (c Configuration) Encode() []byte {
	b := []byte{configurationVersion}
	for _, list := range [][]Member{c.Voters, c.Outgoing, c.Learners} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, m := range list {
			b = binary.AppendUvarint(b, uint64(m.Node))
			b = binary.AppendUvarint(b, uint64(m.Incarnation))
		}
	}
	return b
}

// Decode reads what Encode wrote and validates it.
func Decode(b []byte) (Configuration, error) {
	if len(b) == 0 || b[0] != configurationVersion {
		return Configuration{}, fmt.Errorf("%w: unknown version", ErrMalformed)
	}
	b = b[1:]
	var c Configuration
	for _, list := range []*[]Member{&c.Voters, &c.Outgoing, &c.Learners} {
		var err error
		if *list, b, err = decodeMembers(b); err != nil {
			return Configuration{}, err
		}
	}
	if len(b) != 0 {
		return Configuration{}, fmt.Errorf("%w: %d bytes left over", ErrMalformed, len(b))
	}
	if err := c.Validate(); err != nil {
		return Configuration{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return c, nil
}

func decodeMembers(b []byte) ([]Member, []byte, error) {
	n, b, err := uvarint(b)
	if err != nil || n > MembersMax {
		return nil, nil, fmt.Errorf("%w: member count", ErrMalformed)
	}
	var list []Member
	for range n {
		var node, inc uint64
		if node, b, err = uvarint(b); err != nil {
			return nil, nil, err
		}
		if inc, b, err = uvarint(b); err != nil {
			return nil, nil, err
		}
		if inc > 1<<32-1 {
			return nil, nil, fmt.Errorf("%w: incarnation", ErrMalformed)
		}
		list = append(list, Member{Node: quorum.NodeID(node), Incarnation: Incarnation(inc)})
	}
	return list, b, nil
}

func uvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, fmt.Errorf("%w: cut short", ErrMalformed)
	}
	return v, b[n:], nil
}

func contains(list []Member, id quorum.NodeID) bool {
	return slices.ContainsFunc(list, func(m Member) bool { return m.Node == id })
}

func sortMembers(list []Member) {
	slices.SortFunc(list, func(a, b Member) int {
		switch {
		case a.Node < b.Node:
			return -1
		case a.Node > b.Node:
			return 1
		}
		return 0
	})
}
