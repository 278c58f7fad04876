// Package peers measures wraft beside other replicated stores, with the same load, on the
// same machine and in one run.
//
// It is not a test: it judges nothing. The other systems are not part of this module: the
// lab, a program in a folder that somebody has, starts them, loads them and prints a line of
// JSON for each load. What this package does for wraft is what the lab does for the others:
// three processes with their defaults, a fourth one that loads them in a closed loop.
//
// The mental model: a round goes through the systems one after the other, each with a fresh
// cluster and all loads, so that what else the machine does in the course of time hits all
// of them alike. The table has the medians over rounds.
//
// Concurrency: a run is one goroutine's; the rest is pure.
package peers
