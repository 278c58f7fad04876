// Package e2e tests wraft as its users meet it: real wraftd processes on loopback,
// real certificates and disks, the command line, curl and the Go client.
//
// It has no code but tests. They are skipped under -short, print timings without
// comparing them, and end every process they start. WRAFT_E2E_ROUNDS sets how
// often the suite of crashes kills all nodes (default 20), WRAFT_E2E_STATE_MIB how
// large a state an upgrade carries (default 8).
//
// Mental model: a test sets up a cluster with conformance/cluster, does what a user or
// an accident would do, and looks at what came of it through public interfaces
// only.
//
// Concurrency: tests run one after the other; each has a cluster of its own.
package e2e
