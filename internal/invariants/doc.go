// Package invariants stops the process when wraft itself is wrong.
//
// It is not error handling: what a peer, a client, a module or a disk sends is
// answered with an error and never reaches this package. What it guards are
// statements that only a bug of ours can make false ("a commit index never goes
// back"). Going on after such a bug could lose what was acknowledged, so the
// checks are on in every build and end in a panic that prints the state.
//
// The mental model: one sentence per check, cheap enough to stay on. Checks that
// walk whole logs belong into the simulators instead.
//
// Everything here is safe for concurrent use.
package invariants
