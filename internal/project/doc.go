// Package project knows the folder in which an author writes a plugin: how a new
// one is laid out, and where in any one the module and the scenarios lie.
//
// It is not a build tool and not a test runner: package toolchain compiles,
// packages scenario and abi check.
//
// The mental model: a project is a folder that a toolchain recognises. Beside the
// source it has the folder "wraft" with the guest library, "scenarios" with files
// *.scenario, and, once built, NAME.wasm, where NAME is that of the folder. Nothing
// else is prescribed, and there is no file to describe the project.
//
// Concurrency: functions touch the folder they are given and nothing else.
package project
