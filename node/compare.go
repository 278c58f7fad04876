package node

import (
	"fmt"
	"slices"

	"github.com/wraft/wraft/raft"
)

// StateCheck is what a replica's state is behind an entry: machine, sessions and
// log time in one hash.
type StateCheck struct {
	_     struct{} `cbor:",toarray"`
	Index raft.Index
	Hash  [16]byte
}

// Agreement is what the checks of a group's replicas say of this one.
type Agreement uint8

const (
	// AgreementOpen: too few have said what they have.
	AgreementOpen Agreement = iota
	// AgreementReached: a majority of the voters has what this replica has.
	AgreementReached
	// AgreementAgainst: a majority has the same state, and it is another.
	AgreementAgainst
	// AgreementNone: no majority can have the same state any more. Nobody knows who
	// is right.
	AgreementNone
)

// checksKept is how many indexes are remembered at a time, the newest. Who lags by
// more is compared later.
const checksKept = 16

// Comparison compares the states of a group's replicas at equal indexes. It is a
// step machine of one replica: all of them get the same checks and judge alike.
type Comparison struct {
	self   raft.NodeID
	checks []comparedCheck // ascending by index
	judged raft.Index      // up to which all is well
}

type comparedCheck struct {
	index  raft.Index
	hashes map[raft.NodeID][16]byte
}

// NewComparison returns a comparison by the replica of a node.
func NewComparison(self raft.NodeID) *Comparison { return &Comparison{self: self} }

// Note takes in what a replica has; a later word of the same replica on the same
// index takes the place of an earlier one.
func (c *Comparison) Note(from raft.NodeID, check StateCheck) {
	if check.Index <= c.judged {
		return
	}
	at, found := slices.BinarySearchFunc(c.checks, check.Index, func(k comparedCheck, i raft.Index) int {
		switch {
		case k.index < i:
			return -1
		case k.index > i:
			return 1
		}
		return 0
	})
	if !found {
		c.checks = slices.Insert(c.checks, at, comparedCheck{check.Index, map[raft.NodeID][16]byte{}})
	}
	c.checks[at].hashes[from] = check.Hash
	if len(c.checks) > checksKept {
		c.checks = slices.Delete(c.checks, 0, 1)
	}
}

// Judge returns what the checks say of this replica, and at which index: the lowest
// that is against it or without a majority, otherwise the highest that is well.
func (c *Comparison) Judge(voters []raft.NodeID) (Agreement, raft.Index) {
	verdict, index := AgreementOpen, raft.Index(0)
	for _, k := range c.checks {
		switch v := k.judge(c.self, voters); v {
		case AgreementReached:
			verdict, index = v, k.index
		case AgreementAgainst, AgreementNone:
			return v, k.index
		}
	}
	if verdict == AgreementReached {
		c.judged = index
		c.checks = slices.DeleteFunc(c.checks, func(k comparedCheck) bool { return k.index <= index })
	}
	return verdict, index
}

// Agreed is the newest index at which a majority has what this replica has.
func (c *Comparison) Agreed() raft.Index { return c.judged }

// Forget drops this replica's own checks, because its state is made anew.
func (c *Comparison) Forget() {
	for _, k := range c.checks {
		delete(k.hashes, c.self)
	}
}

// judge looks at one index.
func (k *comparedCheck) judge(self raft.NodeID, voters []raft.NodeID) Agreement {
	own, known := k.hashes[self]
	if !known || len(voters) == 0 {
		return AgreementOpen
	}
	count, silent, most := map[[16]byte]int{}, 0, 0
	for _, v := range voters {
		h, ok := k.hashes[v]
		if !ok {
			silent++
			continue
		}
		count[h]++
		most = max(most, count[h])
	}
	majority := len(voters)/2 + 1
	switch {
	case count[own] >= majority:
		return AgreementReached
	case most >= majority:
		return AgreementAgainst
	case most+silent < majority:
		return AgreementNone
	}
	return AgreementOpen
}

// DivergedError says that a replica's state was not that of the others.
type DivergedError struct {
	Index raft.Index
	// Alone: a majority has another state. Otherwise no majority has the same.
	Alone bool
}

// Error says at which entry it showed.
func (e *DivergedError) Error() string {
	if e.Alone {
		return fmt.Sprintf("the state behind entry %d is not that of the other replicas: test this node's memory and restart it", e.Index)
	}
	return fmt.Sprintf("no majority of the replicas has the same state behind entry %d: keep all data directories and report it", e.Index)
}
