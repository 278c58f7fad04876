// Package ports hands out ports of loopback to tests that let them go before they are used, or
// that start a process again where it was.
//
// Why not those that the kernel gives: it may give the same to a client's connection
// meanwhile. These lie below its range, and each process takes them from a block of its own,
// which it holds for as long as it lives: tests that run at once do not take one another's.
//
// It is safe for concurrent use.
package ports
