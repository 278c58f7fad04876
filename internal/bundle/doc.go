// Package bundle puts into one file what a person who helps from afar wants to see of a
// cluster: what every node says of itself and of the others. It changes nothing, and takes no
// state of machines, no logs of commands and no keys.
//
// Mental model: Collect asks the nodes and returns files; Write makes an archive of files.
//
// Concurrency: Collect asks all nodes at once and waits for them.
package bundle
