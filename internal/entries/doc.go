// Package entries says in words what entries of a log are, for people who look into the log
// of a node, whether it runs or not.
//
// It does not know what commands mean to their machines.
//
// The mental model: an entry goes in, a value comes out that becomes JSON as it is.
//
// Concurrency: functions without state.
package entries
