// Package failover measures how long a cluster of real processes answers nobody when
// its leader is killed with -9, or cut off without a word, while clients work.
//
// What is measured is a client's view: from the blow to the answer of the first
// increment that was begun after it. Nothing that was answered may be lost.
//
// Its command is conformance/failover/cmd/failover, which make failover runs.
//
// Concurrency: one goroutine strikes, the load has its own.
package failover
