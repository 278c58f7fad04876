// Package toolchain finds the compilers that turn a plugin's source into a
// WebAssembly module, and calls them.
//
// It is not a build system: one call compiles one project, with the flags that
// docs/ABI.md names, and knows nothing of what the module does. It is the only
// place of the repository that starts such a compiler, so that tests, examples and
// `wraftd plugin build` agree to the bit.
//
// The mental model: each language is one file, which registers itself by name
// with what makes a folder a project of it, what to install, and a function that
// looks for the compiler. Find runs that function and gives a Toolchain or a
// MissingError. The same source and the same compiler give the same bytes,
// wherever the project lies: paths, times and version control stay out of the
// module.
//
// To add a language: a file of its own with an init function that calls register,
// its name in known (language.go), and tests that skip where Find says that the
// compiler is missing.
//
// Concurrency: all functions and methods are safe for concurrent use.
package toolchain
