// Package mem is the network of tests: nodes in one process that exchange frames
// through a Switch, with seeded loss, delay, reordering and duplication, and with
// links that can be cut in both or in one direction.
//
// It is no model of QUIC: there are no packets, no windows and no congestion. It
// keeps what transport.Network promises and no more: frames arrive whole and from
// who they say, or not at all, late, twice, or in another order. Each is encoded
// and decoded on its way, so that nodes share no memory and a message that has no
// encoding is noticed.
//
// Mental model: a Switch holds paths, one for each direction between two nodes,
// and connections, one for each pair, which stand while both nodes are there, list
// each other, and neither direction is cut. Each Network has one goroutine that
// hands over what is due to its Handler, so a handler is never called twice at
// once, except for ServeFile.
//
// One mutex in the Switch guards everything and is never held while a handler
// runs. The only clock is package time's, the only chance the seeded one of each
// path: the package may be used in a testing/synctest bubble.
package mem
