// Package bench loads the key-value machine of examples/wasm-kv and measures what
// its clients see. It is no profiler: it looks from outside, through the public
// client.
//
// Mental model: a closed loop. Each client sends one operation, waits for its
// answer, records the time and sends the next; operations that began in the
// warm-up or ended after the end are not counted.
//
// Concurrency: Run starts one goroutine per client and returns after all ended.
package bench
