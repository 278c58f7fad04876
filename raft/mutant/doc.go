// Package mutant names the bugs that are planted in the core and in what its
// tests promise it of a disk. They keep scripts, checker and simulator honest: a
// bug that nobody notices shows where those are blind.
//
// The mental model: the code that has a bug asks On at the place where it goes
// wrong. In every ordinary build On is the constant false, so the compiler leaves
// nothing of the bug behind; internal/archtest sees to that. In a build with the
// tag "mutants" one bug at a time can be planted, with Plant. "make mutants"
// plants one after the other and says what catches it.
//
// Plant is not to be called while anything that asks On runs.
package mutant
