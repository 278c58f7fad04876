// Package top shows a cluster live in a terminal: nodes, machines and links with their rates.
// It fetches nothing itself; Look, which the caller gives, does.
//
// Mental model: a Reading is what the cluster said at one moment, rates come from two of them,
// and the screen is a function of both. The model of the terminal program only keeps the two.
//
// Concurrency: the terminal library calls Update and View from one goroutine, and Look from
// another, one at a time.
package top
