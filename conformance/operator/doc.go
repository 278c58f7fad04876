// Package operator plays an operator's day on real processes: a cluster of three grows,
// shrinks, has a dead node replaced, gets another release, loses two nodes of five and, in
// the end, its quorum, while clients count all the while.
//
// It is no test of a single command, and knows wraftd's command line and the public client,
// and nothing else of wraft.
//
// Mental model: a Day is a cluster under load and the list of nodes that are its members. A
// step is one command of wraftd, as an operator types it; what the command prints is the
// record of the day, and after each step clients must have been answered again. At the end
// each acknowledged increment is there, once, on all nodes.
//
// Concurrency: a Day belongs to one goroutine; the load has its own.
package operator
