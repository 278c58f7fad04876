package raft

import (
	"slices"

	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/quorum"
)

// Configuration says who votes and who only listens.
type Configuration = confchange.Configuration

// Member is a node in one of its incarnations.
type Member = confchange.Member

// Incarnation counts a node's lives with a fresh disk.
type Incarnation = confchange.Incarnation

// configChanged makes the last of c.configs the one in force.
func (c *Core) configChanged() {
	at := c.configs[len(c.configs)-1]
	c.countVoters()
	c.fx.Configuration = &at
	c.dirty = true
	c.adaptElection()
	if c.role == Leader {
		c.configOpen = true
		c.followConfig()
	}
}

// countVoters takes the majorities of the configuration in force.
func (c *Core) countVoters() {
	at := c.configs[len(c.configs)-1]
	if mutant.On(mutant.ConfigOnApply) || mutant.On(mutant.LearnerInQuorum) {
		at = c.misplaced(at)
	}
	c.voters = quorum.Joint{
		Incoming: nodesOf(at.Configuration.Voters),
		Outgoing: nodesOf(at.Configuration.Outgoing),
	}
}

// addConfig puts the configuration of an entry in force; check has decoded it
// before, so it is sound.
func (c *Core) addConfig(e Entry) {
	configuration, err := confchange.Decode(e.Data)
	if err != nil {
		panic("raft: a configuration entry was appended unchecked: " + err.Error())
	}
	c.configs = append(c.configs, ConfigAt{Index: e.Index, Configuration: configuration})
	c.configChanged()
}

// dropConfigs takes back the configurations of entries behind after.
func (c *Core) dropConfigs(after Index) {
	if mutant.On(mutant.ConfigOutlivesCut) {
		return
	}
	n := len(c.configs)
	for n > 1 && c.configs[n-1].Index > after {
		n--
	}
	if n < len(c.configs) {
		c.configs = c.configs[:n]
		c.configChanged()
	}
}

// configsMax bounds the committed configurations that are remembered.
const configsMax = 64

// trimConfigs forgets configurations that are committed and that no snapshot to
// come has: those before the newest snapshot's. The log is never cut behind them.
func (c *Core) trimConfigs() {
	n := 0
	for n+1 < len(c.configs) && c.configs[n+1].Index <= c.commit &&
		(c.configs[n+1].Index <= c.snapshot.Index || len(c.configs)-n > configsMax) {
		n++
	}
	c.configs = slices.Delete(c.configs, 0, n)
	c.forgetStrangers()
}

// configOf is the configuration that a snapshot brings.
func configOf(m SnapshotMeta) ConfigAt {
	return ConfigAt{Index: m.ConfigIndex, Configuration: m.Configuration}
}

// config is the configuration in force.
func (c *Core) config() Configuration { return c.configs[len(c.configs)-1].Configuration }

// mayCampaign reports whether this node votes in the configuration in force, or in
// one before it that may still be the committed one: nobody else may have the
// entry that takes its vote away, and then none is elected without it (Raft thesis
// §4.2.2).
func (c *Core) mayCampaign() bool {
	if c.installing.write != 0 || c.damaged() {
		return false // its log is about to begin anew, or lacks something
	}
	if c.term >= termMax {
		return false // nobody would take the next term
	}
	for i := len(c.configs) - 1; i >= 0; i-- {
		if c.configs[i].Configuration.VotesAs(c.self()) {
			return true
		}
		if c.configs[i].Index <= c.commit {
			break
		}
	}
	return false
}

// soleVoter reports whether this node alone is a quorum, in both halves of a
// joint configuration.
func (c *Core) soleVoter() bool {
	return c.voters.Reached(func(id NodeID) bool { return id == c.cfg.ID }) && c.mayCampaign()
}

func nodesOf(members []Member) quorum.Majority {
	ids := make(quorum.Majority, 0, len(members))
	for _, m := range members {
		ids = append(ids, m.Node)
	}
	return ids
}
