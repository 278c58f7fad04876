// Package scenario reads and plays scenario files: what an author expects of a
// machine, as a text that one reads from top to bottom.
//
// It is not a programming language: no variables, no loops, no files besides the
// one. docs/ABI.md has the format in a table; this is all of it in an example:
//
//	# A command in an entry of its own, and its answer to the byte.
//	call incr
//	want {"value":1}
//	# One more command in the same entry.
//	also add 41
//	want {"value":42}
//	# A status, and a part of its text.
//	call add two
//	fail 1 whole number
//	# The log's time advances; a query, and a part of its answer.
//	time 1.5s
//	query get
//	has 42
//	# What the call above emitted, in order, and the exported state, are written as
//	#	event hex: 00 ff
//	export "42\n"
//
// Data is the rest of the line as it stands (blanks around it do not count), a
// string in quotes with the escapes of Go, or bytes as "hex: 00 ff".
//
// The mental model: Parse makes a File of Steps, and Play runs them against an
// instance and returns a Failure for each expectation that was not met, with its
// line. A File is also a source of honest inputs: Commands and Queries list them.
//
// Concurrency: a File is read only after Parse. Play belongs to the goroutine that
// owns the instance.
package scenario
