// Package archtest holds the house to its own rules: which room may import
// which, how long a file and a function may grow, what must be documented, and
// what the Raft core must never touch.
//
// It is a test, not a library: nothing may import it, and it imports nothing of
// the project. It reads source text and never builds or runs it, so it answers
// in about a second and also when a package does not compile.
//
// Mental model: Load parses every Go file of the repository into a Tree; each
// rule is a function from a Tree to Findings; the tree is clean when all rules
// together find nothing. The import table is data (table.go), and so is every
// exception (exceptions.go): a line with its reason, reviewed like code.
//
// Concurrency: none. A Tree is read only after Load.
package archtest
