// Package killstorm kills the processes of a cluster with -9, one, some or all at
// once, again and again while clients work, and judges what the clients saw.
//
// Its command is conformance/killstorm/cmd/killstorm, which make killstorm runs.
// The seed fixes who is killed and how long after what; what the signal meets is
// the machine's, so that a storm is repeated in kind and not in detail.
//
// Concurrency: one goroutine kills, the load has its own.
package killstorm
