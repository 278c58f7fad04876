// Package cluster runs a cluster of real wraftd processes on this machine's
// loopback, for black-box tests and the demo.
//
// It is not a test framework and knows nothing of the inside of a node: it runs
// the program a user runs (`wraftd init`, `wraftd run`) and talks to it with the
// public client. It ends the processes it started, by their own process IDs, and
// nothing else.
//
// Mental model: New writes the identities of a cluster below one folder; each
// Node is then a folder, two addresses and at most one running process, which
// may be killed and started again at will. What a process prints goes to a file
// beside its data, so that a failed test can show it.
//
// Concurrency: a Cluster and its Nodes are safe for concurrent use.
package cluster
