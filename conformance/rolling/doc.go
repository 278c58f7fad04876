// Package rolling upgrades a cluster from the release before to this one, node by node and
// one step back, while clients work: replicas of one log run two releases for a while, and
// have to come to the same state by the same commands, those that fail included.
//
// It is a test only. The release before is built from the repository's history; where that
// is not there, the test is skipped and says so; .ci/history fetches it into a shallow clone.
//
// Mental model: until the feature level is raised, whatever this release writes to logs,
// snapshots and frames has to be what the release before reads. A witness, a machine that
// runs out of fuel at every hundredth command, is asked a number of commands after each
// step, and then all nodes are compared; a counter is kept busy all the while. While releases
// are mixed a machine is deployed, which only a node of the release before may do.
//
// Concurrency: one goroutine takes the steps; the load has its own.
package rolling
