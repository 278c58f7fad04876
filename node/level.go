package node

import (
	"context"
	"fmt"

	"github.com/wraft/wraft/plugins"
)

// FeatureLevel counts what all nodes of a cluster must understand. It stands in the
// catalogue and only rises, by a command, once every node serves the next one; until
// then a newer release does nothing that an older one could not follow.
type FeatureLevel uint32

const (
	// Level1 is that of the first release.
	Level1 FeatureLevel = 1
	// Level2 brings meta commands in maps (laterCommand), keyed commands, sessions that end by time and whose numbers are of one group alone.
	Level2 FeatureLevel = 2
	// FeatureLevelMax is the newest level that this release serves. It serves all
	// before it too.
	FeatureLevelMax = Level2
)

// feature is what a level allows.
type feature struct {
	// pass and host are the newest versions of the rewriting pass and of the host's
	// semantics that a deploy may bring in.
	pass, host uint32
}

// features are the levels; the first is not one. Why the newest names no numbers:
// until it is released, its versions are whatever this release has. A released
// level never changes.
var features = [...]feature{
	Level1: {pass: 7, host: 2},
	Level2: {pass: plugins.PassVersion, host: plugins.HostVersion},
}

// allows reports whether machines of these versions may be deployed.
func (l FeatureLevel) allows(pass, host uint32) bool {
	if int(l) >= len(features) {
		return false
	}
	f := features[l]
	return pass <= f.pass && host <= f.host
}

// refuses says why machines of these versions may not be deployed; empty if they may.
func (l FeatureLevel) refuses(pass, host uint32) string {
	if l.allows(pass, host) {
		return ""
	}
	return fmt.Sprintf("level %d allows no machine of pass %d and host semantics %d", l, pass, host)
}

// LevelError: the cluster's feature level is beyond what this release serves. Run
// the release that the other nodes run.
type LevelError struct {
	Cluster FeatureLevel // what the cluster is at
	Serves  FeatureLevel // the most that this release serves
}

// Error names both levels.
func (e *LevelError) Error() string {
	return fmt.Sprintf("node: the cluster is at feature level %d, this release serves up to %d", e.Cluster, e.Serves)
}

// LevelRefusedError: a level cannot be reached yet, or a deploy needs a later one
// than the cluster's. Upgrade the nodes that are behind, then raise the level.
type LevelRefusedError struct{ Why string }

// Error says why.
func (e *LevelRefusedError) Error() string { return "node: feature level: " + e.Why }

// needsLevel refuses what the cluster's level does not allow yet. The catalogue here may
// be behind: then it is refused a moment longer than it has to be.
func (n *Node) needsLevel(l FeatureLevel, what string) error {
	if have := n.catalogue.Load().Level; have < l {
		return &LevelRefusedError{Why: fmt.Sprintf("%s come with level %d, the cluster is at %d", what, l, have)}
	}
	return nil
}

// admits refuses versions of the pass and the host that the cluster's level does not allow. It
// asks the cluster before it says no: the level may have been raised elsewhere a moment ago.
func (n *Node) admits(ctx context.Context, pass, host uint32) error {
	if n.catalogue.Load().Level.allows(pass, host) {
		return nil
	}
	if err := n.Barrier(ctx); err != nil {
		return err
	}
	if why := n.catalogue.Load().Level.refuses(pass, host); why != "" {
		return &LevelRefusedError{Why: why}
	}
	return nil
}
