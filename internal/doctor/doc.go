// Package doctor looks at a cluster as a user's client sees it and says what is wrong with it
// and what to do. It changes nothing.
//
// Mental model: Ask collects facts from every node; each check is a function from the facts to
// findings, and needs no cluster to be tested. Look reads what the machine it runs on allows.
//
// Concurrency: Ask asks all nodes at once and waits for them; the rest are values.
package doctor
