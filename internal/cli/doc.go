// Package cli is the command line of wraftd: it reads arguments, files and
// variables, calls the client or starts nodes, and words what came of it. It
// holds no logic of a cluster.
//
// Mental model: each command is a file; it checks its arguments, does one thing
// and returns a value to print or an error. Data goes to standard output, all
// else to standard error; colour and bars only to a terminal. Every error is a
// *client.Problem of the catalogue, whose kind decides the exit code.
//
// Concurrency: one command per process; only run and dev start goroutines, and
// wait for them.
package cli
