package raft

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft/confchange"
)

// check reports what no correct peer sends. It changes nothing and comes before
// everything else, so that a bad message leaves no trace.
func (c *Core) check(from NodeID, m Message) error {
	if from == 0 || from == c.cfg.ID {
		return errors.New("sender is not a peer")
	}
	if m == nil {
		return errors.New("no message")
	}
	if term := m.MessageTerm(); term == 0 || term > termMax {
		return fmt.Errorf("term %d out of range", term)
	}
	switch m := m.(type) {
	case Append:
		return errors.Join(c.checkLeader(from, m.Term), c.checkAppend(m))
	case Heartbeat:
		return c.checkLeader(from, m.Term)
	case TimeoutNow:
		return c.checkLeader(from, m.Term)
	case Vote:
		return errors.Join(checkCandidate(m.Term, m.LastIndex, m.LastTerm), checkHint(from, m.Gone, m.GoneBoot))
	case PreVote:
		return errors.Join(checkCandidate(m.Term, m.LastIndex, m.LastTerm), checkHint(from, m.Gone, m.GoneBoot))
	case VoteReply:
		if m.Granted && m.Term > c.term {
			return fmt.Errorf("a vote granted in term %d, which is to come", m.Term)
		}
	case InstallSnapshot:
		return errors.Join(c.checkLeader(from, m.Term), c.checkInstall(m))
	case InstallSnapshotReply:
		if m.Index > indexMax {
			return fmt.Errorf("index %d out of range", m.Index)
		}
	case AppendReply:
		return c.checkAppendReply(m)
	case HeartbeatReply:
		return c.checkRound(m.Term, m.Round)
	case PreVoteReply, ReadIndex:
	case ReadIndexReply:
		if m.Index > indexMax || m.Last > indexMax {
			return fmt.Errorf("index %d or %d out of range", m.Index, m.Last)
		}
	default:
		return errors.New("unknown kind")
	}
	return nil
}

// checkLeader refuses a second leader of the current term.
func (c *Core) checkLeader(from NodeID, term Term) error {
	if term != c.term {
		return nil
	}
	if c.role == Leader {
		return fmt.Errorf("a second leader of term %d", term)
	}
	if c.termLeader != 0 && c.termLeader != from {
		return fmt.Errorf("term %d has %v as its leader", term, c.termLeader)
	}
	return nil
}

// checkAppend refuses an append that is malformed, or that contradicts what is
// committed or what the same leader said before.
func (c *Core) checkAppend(m Append) error {
	if m.PrevIndex > indexMax || m.Commit > indexMax {
		return errors.New("index out of range")
	}
	if (m.PrevIndex == 0) != (m.PrevTerm == 0) || m.PrevTerm > m.Term {
		return fmt.Errorf("entry (%d, %d) before the append cannot be", m.PrevIndex, m.PrevTerm)
	}
	if err := checkEntries(m); err != nil {
		return err
	}
	if m.Term < c.term {
		return nil // it is answered, not followed
	}
	settled := c.commit
	if m.Term == c.term {
		settled = max(settled, c.verified)
	}
	if at, conflict := c.conflict(m); conflict && at <= settled {
		return fmt.Errorf("entry %d contradicts what is settled up to %d", at, settled)
	}
	return nil
}

// checkEntries refuses gaps, terms that fall, and entries of no known meaning.
func checkEntries(m Append) error {
	if len(m.Entries) > AppendEntriesMax {
		return fmt.Errorf("%d entries in one append, at most %d are allowed", len(m.Entries), AppendEntriesMax)
	}
	term := m.PrevTerm
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index != m.PrevIndex+1+Index(i) {
			return fmt.Errorf("entry %d where %d should be", e.Index, m.PrevIndex+1+Index(i))
		}
		if e.Term < term || e.Term == 0 || e.Term > m.Term {
			return fmt.Errorf("entry %d: term %d after %d in an append of term %d", e.Index, e.Term, term, m.Term)
		}
		term = e.Term
		switch e.Type {
		case EntryNoop, EntryCommand:
		case EntryConfig:
			if _, err := confchange.Decode(e.Data); err != nil {
				return fmt.Errorf("entry %d: %w", e.Index, err)
			}
		default:
			return fmt.Errorf("entry %d: unknown type %d", e.Index, e.Type)
		}
	}
	return nil
}

// checkCandidate refuses a log that cannot end there in a campaign for term.
func checkCandidate(term Term, lastIndex Index, lastTerm Term) error {
	if lastIndex > indexMax || lastTerm >= term || (lastIndex == 0) != (lastTerm == 0) {
		return fmt.Errorf("a log that ends at (%d, %d) in a campaign for term %d", lastIndex, lastTerm, term)
	}
	return nil
}

// checkHint refuses a candidate that says it is gone itself, or a boot of nobody.
func checkHint(from, gone NodeID, boot uint64) error {
	if gone == from || gone == 0 && boot != 0 {
		return fmt.Errorf("boot %d of %v is said to be gone by %v", boot, gone, from)
	}
	return nil
}

// checkAppendReply refuses an answer to what this leader cannot have sent.
func (c *Core) checkAppendReply(m AppendReply) error {
	if m.Term == c.term && c.role == Leader && !m.Rejected && m.Match > c.log.last {
		return fmt.Errorf("match %d is beyond the log's end at %d", m.Match, c.log.last)
	}
	if m.Match > indexMax || m.PrevIndex > indexMax || m.HintIndex > indexMax || m.HintTerm > termMax {
		return errors.New("index or term out of range")
	}
	return c.checkRound(m.Term, m.Round)
}

// checkRound refuses the echo of a round that this leader has not begun.
func (c *Core) checkRound(term Term, round uint64) error {
	if term == c.term && c.role == Leader && round > c.rounds.newest {
		return fmt.Errorf("round %d echoed, the newest is %d", round, c.rounds.newest)
	}
	return nil
}
