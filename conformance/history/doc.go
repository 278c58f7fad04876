// Package history judges what the clients of a key-value machine saw: whether
// there is an order of all operations, each between its call and its answer, in
// which every answer is the one that a single map would have given.
//
// It knows nothing of how the operations came about. Recording is the caller's;
// see conformance/kvload for one that drives a cluster.
//
// Mental model: keys are independent of each other, so that a history is judged key
// by key, with porcupine. An operation without an answer took effect at any
// moment after its call, or never. Beside that, what a key finally holds is held
// against the appends that were acknowledged, so that a loss is counted and not
// only noticed; and the indexes of the answers against time.
//
// Sources: Herlihy and Wing, Linearizability: A Correctness Condition for
// Concurrent Objects (1990), whose locality lets keys be judged alone; Lowe,
// Testing for Linearizability (2017), the search that porcupine makes.
package history
