// Package sumhash adds up hashes, so that the hash of a collection can be kept up
// to date from what changes in it.
//
// A sum depends on what is in the collection and not on the order in which it came.
// Each part has to say where it belongs, as part of what is hashed, or two parts
// that change places would not be seen. It is no protection against somebody who
// chooses the parts.
//
// Sums are values without locks: whoever changes one is alone with it.
package sumhash
