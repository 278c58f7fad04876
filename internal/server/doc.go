// Package server makes a whole node out of the rooms: it reads the identity,
// opens the store and the network, starts the node and serves its API. It decides
// nothing itself; what a node does is package node's, what it answers node/api's.
//
// Mental model: a Config goes in, a Server comes out, and closing it undoes the
// steps of Start in reverse order.
//
// Concurrency: Start and Close belong to one caller; the rest may be called from
// any goroutine.
package server
