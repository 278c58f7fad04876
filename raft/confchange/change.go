package confchange

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wraft/wraft/raft/quorum"
)

// Kind is what happens to a member.
type Kind uint8

const (
	// AddLearner lets a node that is no member receive the log.
	AddLearner Kind = iota + 1
	// Promote makes a learner a voter.
	Promote
	// Demote makes a voter a learner.
	Demote
	// Remove ends the membership of a voter or learner.
	Remove
)

// String returns add-learner, promote, demote or remove.
func (k Kind) String() string {
	names := [...]string{"none", "add-learner", "promote", "demote", "remove"}
	if int(k) < len(names) {
		return names[k]
	}
	return "invalid"
}

// Change is one step of a change of configuration. Incarnation is needed to add
// a learner; elsewhere 0 stands for the incarnation that is a member.
type Change struct {
	Kind        Kind
	Node        quorum.NodeID
	Incarnation Incarnation
}

// ErrInvalidChange: the changes make no sense in this configuration. Look at the
// configuration in force and fix the request.
var ErrInvalidChange = errors.New("confchange: invalid change")

// Changed returns the configuration that begins a change of the plain
// configuration c. It is joint when who votes changes: End then returns what the
// change leads to. When only learners come and go it is plain, because every
// majority stays a majority, and that is all of the change.
func (c Configuration) Changed(changes ...Change) (Configuration, error) {
	if c.Joint() {
		return Configuration{}, fmt.Errorf("%w: the configuration is joint", ErrInvalidChange)
	}
	if len(changes) == 0 {
		return Configuration{}, fmt.Errorf("%w: nothing is to change", ErrInvalidChange)
	}
	next := Configuration{Voters: slices.Clone(c.Voters), Learners: slices.Clone(c.Learners)}
	for i, ch := range changes {
		if slices.ContainsFunc(changes[:i], func(o Change) bool { return o.Node == ch.Node }) {
			return Configuration{}, fmt.Errorf("%w: %v is named twice", ErrInvalidChange, ch.Node)
		}
		if err := next.do(ch); err != nil {
			return Configuration{}, fmt.Errorf("%w: %v %v: %w", ErrInvalidChange, ch.Kind, ch.Node, err)
		}
	}
	sortMembers(next.Voters)
	sortMembers(next.Learners)
	if !slices.Equal(next.Voters, c.Voters) {
		next.Outgoing = slices.Clone(c.Voters)
	}
	if err := next.Validate(); err != nil {
		return Configuration{}, fmt.Errorf("%w: %w", ErrInvalidChange, err)
	}
	return next, nil
}

// End returns the plain configuration that a joint one leads to.
func (c Configuration) End() Configuration {
	return Configuration{Voters: c.Voters, Learners: c.Learners}
}

// do carries out one change on lists that are c's own; it leaves them unsorted.
func (c *Configuration) do(ch Change) error {
	if ch.Kind == AddLearner {
		if contains(c.Voters, ch.Node) || contains(c.Learners, ch.Node) {
			return errors.New("it is a member already")
		}
		if ch.Node == 0 || ch.Incarnation == 0 {
			return errors.New("node and incarnation must not be 0")
		}
		c.Learners = append(c.Learners, Member{Node: ch.Node, Incarnation: ch.Incarnation})
		return nil
	}
	var from, to *[]Member
	switch voter := contains(c.Voters, ch.Node); {
	case ch.Kind == Promote && !voter:
		from, to = &c.Learners, &c.Voters
	case ch.Kind == Promote:
		return errors.New("it votes already")
	case ch.Kind == Demote:
		from, to = &c.Voters, &c.Learners
	case ch.Kind == Remove && voter:
		from = &c.Voters
	case ch.Kind == Remove:
		from = &c.Learners
	default:
		return errors.New("unknown kind of change")
	}
	return move(ch, from, to)
}

// move takes a member out of from and puts it in to, if there is one.
func move(ch Change, from, to *[]Member) error {
	at := slices.IndexFunc(*from, func(m Member) bool { return m.Node == ch.Node })
	if at < 0 {
		if ch.Kind == Demote {
			return errors.New("it is no voter")
		}
		return errors.New("it is no member, or not yet a learner")
	}
	m := (*from)[at]
	if ch.Incarnation != 0 && ch.Incarnation != m.Incarnation {
		return fmt.Errorf("incarnation %d is the member, not %d", m.Incarnation, ch.Incarnation)
	}
	*from = slices.Delete(*from, at, at+1)
	if to != nil {
		*to = append(*to, m)
	}
	return nil
}
