// Package apitest is a node for tests of what talks to one: a backend of package
// api that lives in memory, served over real HTTPS on loopback. It is no Raft and
// promises nothing about durability; commands are applied one after the other
// under a lock, by a Go function.
//
// Mental model: New makes the backend, Start serves it with fresh certificates,
// and Fail lets a test choose the error of the next calls.
//
// Concurrency: everything may be called from any goroutine.
package apitest
