// Package kvload keeps a key-value machine busy and remembers what its clients saw,
// which conformance/history judges meanwhile.
//
// It is not a benchmark. It knows the commands of examples/wasm-kv and the public
// client, and nothing else of wraft.
//
// Mental model: workers choose among a number of keys, which all make way for new
// ones after a while, so that no key's history grows long. Most workers have a
// session, or idempotency keys, and repeat a command until it is answered, through
// whatever happens to the cluster meanwhile; others send each command once, or in
// batches, and may never learn what became of it. Keys that nobody uses any more are
// read, judged and forgotten but for what they hold; a Load that stops reads every key
// it has used once more.
//
// Concurrency: a Load is safe for concurrent use.
package kvload
