// Package spec runs the test suite of the WebAssembly specification through the
// rewriting pass.
//
// It is not a copy of the suite: it reads the compiled scripts from a folder,
// which is the one that the wazero module keeps in the Go module cache
// (Folder finds it). Nor does it judge the engine: what the engine itself gets
// wrong as written is a failure of the run.
//
// The mental model: a script is a list of commands: here is a module, this call
// returns that, this call traps. A run keeps two worlds side by side, one with
// the modules as they were written and one with the same modules rewritten. Each
// call is made in both; both must do what the script says, and memory and
// mutable globals must then be equal. Binaries that the script calls invalid
// must be refused by the validator, or by the engine after the rewriting.
// What the validator doesn't offer is left out and counted by reason.
//
// To meet the pass, modules are given what a machine always has (adapt.go): an
// export section, and an export instead of the start function, which the host
// calls itself.
//
// Concurrency: runs of different scripts are independent of each other.
package spec
