// Package bootstrap writes down a new cluster before any of its nodes runs: the
// authority, a certificate and a configuration per node, and a certificate for
// its first administrator.
//
// It starts nothing and changes nothing that exists: a folder that already holds
// a cluster is refused as a whole, because a second identity for the same nodes
// is how clusters lose data.
//
// Mental model: a Plan names the nodes; Write turns it into a folder of files
// that are copied to the machines they belong to.
//
// Concurrency: none of it is shared.
package bootstrap
