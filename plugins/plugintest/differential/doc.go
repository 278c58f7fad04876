// Package differential runs generated modules in several engines and wants the
// same of all.
//
// The mental model: internal/wasmtest makes a valid module out of arbitrary bytes.
// Meaning compares it as it was written with what the pass makes of it: results,
// traps, memory, globals. Bits lets NaNs be seen, and so can't compare with what
// was written; it runs the rewritten module compiled, compiled again and
// interpreted, and wants every bit and the fuel of every call to be the same, and
// no NaN but the canonical one.
//
// Machine does the same with whole machines, as compilers make them, and a host that
// answers both alike.
//
// It is not a runtime's test: nothing is rolled back.
//
// Concurrency: functions are safe for concurrent use.
package differential
