// Package replicas asks the nodes of a cluster what they hold of a machine, each
// for itself, and holds the answers against each other.
//
// It knows the public client and nothing else of wraft. It has no state.
package replicas
