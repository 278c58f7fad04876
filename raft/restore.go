package raft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/quorum"
	"github.com/wraft/wraft/raft/tracker"
)

// New validates cfg and r and returns a follower that starts from them at now.
// A replica that may have voted or heard a leader before refuses votes for one
// ElectionTimeoutMin, because it does not remember what it promised (Raft thesis
// §6.4.1); a fresh one has promised nothing and does not.
func New(cfg Config, r Restored, now time.Duration) (*Core, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("raft: restored state: %w", err)
	}
	cfg = cfg.withDefaults()
	c := &Core{
		cfg: cfg, now: now, role: Follower,
		rng:    rand.New(rand.NewPCG(cfg.Seed, uint64(cfg.ID)^uint64(cfg.Group)<<32)),
		term:   r.HardState.Term,
		vote:   r.HardState.Vote,
		votes:  map[NodeID]quorum.Vote{},
		paths:  map[NodeID]PathStats{},
		lives:  map[NodeID]life{},
		limits: tracker.Limits{Appends: cfg.InflightAppendsMax, Bytes: cfg.InflightBytesMax},
	}
	if mutant.On(mutant.ForgetVote) {
		c.vote = 0
	}
	if mutant.On(mutant.RestartForgetsConfig) {
		r.Configs = nil
	}
	c.log = replicaLog{
		base: r.PurgedIndex, baseTerm: r.PurgedTerm,
		last: r.LastIndex, runs: slices.Clone(r.TermRuns),
	}
	c.log.size.restart(r.PurgedIndex, r.LastIndex, r.LogBytes)
	c.snapshot = r.Snapshot
	c.w = writes{next: 1, saved: r.HardState, unwritten: r.LastIndex + 1, durable: r.LastIndex}
	c.commit = max(r.HardState.Commit, r.Snapshot.Index)
	c.handed, c.applied = r.Snapshot.Index, r.Snapshot.Index
	// Why: an entry of the current term came from its only leader, and brought
	// everything before it (log matching). Without this a follower that restarts
	// with the whole log would not learn the commit index from heartbeats.
	if c.log.lastTerm() == c.term {
		c.verified = r.LastIndex
	}
	c.configs = append([]ConfigAt{configOf(r.Snapshot)}, r.Configs...)
	c.configChanged()
	c.reads.init(c.rng.Uint64())
	c.damage.on = r.Damaged
	c.announced = RoleChanged{Term: c.term, Role: Follower}
	if !r.fresh() && !mutant.On(mutant.NoRefusalAfterRestart) {
		c.refuseUntil = now + cfg.ElectionTimeoutMin
	}
	c.resetElection()
	if c.soleVoter() && c.now >= c.ownBound() {
		c.electionAt = now
	}
	c.dirty = true
	return c, nil
}

// fresh reports that a replica with this state never voted nor heard a leader.
func (r *Restored) fresh() bool {
	return r.HardState == HardState{} && r.LastIndex == 0
}

// validate reports what no correct storage returns.
func (r *Restored) validate() error {
	switch {
	case r.HardState.Term > termMax || r.LastIndex > indexMax:
		return errors.New("term or index out of range")
	case (r.Snapshot.Index == 0) != (r.Snapshot.Term == 0) || (r.PurgedIndex == 0) != (r.PurgedTerm == 0):
		return errors.New("index and term must both be 0 or neither, of the snapshot and of what is purged")
	case r.Snapshot.ConfigIndex > r.Snapshot.Index:
		return fmt.Errorf("the configuration of the snapshot at %d is that of %d", r.Snapshot.Index, r.Snapshot.ConfigIndex)
	case r.PurgedIndex > r.Snapshot.Index:
		return fmt.Errorf("the log is purged up to %d, the snapshot is at %d", r.PurgedIndex, r.Snapshot.Index)
	case r.LastIndex < r.Snapshot.Index:
		return fmt.Errorf("the log ends at %d, before the snapshot at %d", r.LastIndex, r.Snapshot.Index)
	case r.HardState.Commit > r.LastIndex:
		return fmt.Errorf("commit index %d is beyond the last index %d", r.HardState.Commit, r.LastIndex)
	case r.Snapshot.Term > r.HardState.Term:
		return fmt.Errorf("snapshot term %d is beyond the term %d", r.Snapshot.Term, r.HardState.Term)
	}
	if err := r.Snapshot.Configuration.Validate(); err != nil {
		return fmt.Errorf("snapshot's configuration: %w", err)
	}
	return errors.Join(r.validateRuns(), r.validateConfigs())
}

func (r *Restored) validateRuns() error {
	if r.LastIndex == r.PurgedIndex {
		if len(r.TermRuns) != 0 {
			return errors.New("an empty log has term runs")
		}
		return r.validateSnapshotTerm()
	}
	if len(r.TermRuns) == 0 || r.TermRuns[0].First != r.PurgedIndex+1 {
		return fmt.Errorf("the first term run must start at %d", r.PurgedIndex+1)
	}
	before := TermRun{First: r.PurgedIndex, Term: r.PurgedTerm}
	for i, run := range r.TermRuns {
		rises := run.Term > before.Term || i == 0 && run.Term == before.Term && run.Term > 0
		if run.First <= before.First || !rises {
			return fmt.Errorf("term run %+v does not follow on %+v", run, before)
		}
		before = run
	}
	if before.First > r.LastIndex || before.Term > r.HardState.Term {
		return fmt.Errorf("term run %+v is beyond the last index %d or the term %d", before, r.LastIndex, r.HardState.Term)
	}
	return r.validateSnapshotTerm()
}

// validateSnapshotTerm compares the snapshot with the log it lies in.
func (r *Restored) validateSnapshotTerm() error {
	term := r.PurgedTerm
	for _, run := range r.TermRuns {
		if run.First <= r.Snapshot.Index {
			term = run.Term
		}
	}
	if term != r.Snapshot.Term {
		return fmt.Errorf("the snapshot at %d has term %d, the log has %d there", r.Snapshot.Index, r.Snapshot.Term, term)
	}
	return nil
}

func (r *Restored) validateConfigs() error {
	before := r.Snapshot.Index
	for _, at := range r.Configs {
		if at.Index <= before || at.Index > r.LastIndex {
			return fmt.Errorf("configuration at %d is out of place", at.Index)
		}
		if err := at.Configuration.Validate(); err != nil {
			return fmt.Errorf("configuration at %d: %w", at.Index, err)
		}
		before = at.Index
	}
	return nil
}
