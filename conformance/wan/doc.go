// Package wan measures what clients see of a cluster of real processes in three
// regions, whose links lose packets.
//
// The links are relays on loopback (internal/relay), so it needs no root. It is no
// precise instrument: nodes, relays and load share one machine, and its figures are
// worth what that machine is quiet.
//
// Mental model: the first node leads and the clients are beside it; a path says what
// the links do; a load writes to the key-value machine and remembers what was
// acknowledged, which is read back at the end. What the links and the repair of losses
// did meanwhile is read from the nodes' metrics.
//
// Its command is conformance/wan/cmd/wan, which make wan runs.
//
// Concurrency: one goroutine directs, each worker of the load has its own.
package wan
