// Package backup is the file that holds a cluster's machines: it writes and reads it, and
// tries out what is in it.
//
// A file is written front to back and read at any place: modules and states first, each a
// part of compressed chunks with a checksum each, then the manifest that says what they
// are, then a foot with the digest of everything (docs/FORMAT.md). Nothing of it is
// believed before it is checked, and memory stays within a chunk, a manifest and a module.
// What a state means is the node's business; how it gets here and there the client's.
//
// Concurrency: a Writer and a File belong to one goroutine each.
package backup
