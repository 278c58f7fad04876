// Package trial puts a running cluster on trial: it deploys a key-value machine of its own,
// has clients work with it for a while, judges what they saw, and deletes the machine.
//
// It causes no trouble itself. Whoever runs it may, meanwhile: kill nodes, cut links, fill
// disks; the verdict has to be the same.
//
// Mental model: conformance/kvload makes the load and conformance/history judges it while it
// goes on, so that a trial may last for days. A trial says what was lost, doubled or has no
// order; that the cluster answers slowly, or not at all for a while, breaks no promise.
//
// Concurrency: Run owns its goroutines and ends them.
package trial
