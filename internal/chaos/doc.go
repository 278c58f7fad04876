// Package chaos lets a person make the links of a throw-away cluster bad while it
// runs: lose and delay what nodes send each other, cut some of them off, and take all of
// that back. It is not for clusters that hold anything.
//
// The mental model: every node reaches the others through relays (package relay). A
// Network knows what each link is to do and who is cut off, and tells the relays. A
// Control serves it on loopback to whoever can read the file that names its address and
// its secret; another process uses it through a Remote.
//
// Concurrency: a Network is safe for concurrent use. A Control owns a goroutine that
// serves; Close waits for it.
package chaos
