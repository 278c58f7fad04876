// Package client is how Go programs talk to a wraft cluster, and the one
// description of what such talk is about: commands, queries, machines, problems.
// It is no part of a node: it knows nothing of Raft, storage or WebAssembly.
//
// Mental model: a Client holds a list of endpoints, remembers which one leads
// each machine, and tries another when one does not answer, as long as that
// cannot apply a command twice. A Session lifts that last limit: it numbers its
// commands, the cluster remembers the numbers, so a repeat gets the first answer.
//
// Failures are *Problem values made from one catalogue. Ask errors.Is for the
// sentinels (ErrUnknownOutcome says whether a command may have been applied), or
// errors.As for the code, hint and leader.
//
// Concurrency: a Client and a Session may be used by many goroutines at once.
package client
