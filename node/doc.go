// Package node assembles the rooms below it into one running node: cores in
// shards, their log writer, an applier per machine, exactly-once sessions, the
// catalogue of the meta group, deploys and forwarding. It knows nothing of HTTP,
// command lines, QUIC or Pebble beyond the interfaces it declares.
//
// Mental model: step machines and thin drivers. Shard, LogWriter, Applier,
// Sessions, Catalogue and Deployer only change memory when a method is called;
// what they want done comes out as values. The goroutines in this package
// (shardLoop, writerLoop, applierLoop, deployLoop) wait, call a step and carry
// out what came out. node/nodetest drives the same steps from one event heap.
//
// Concurrency: each step machine belongs to exactly one goroutine. Inputs reach
// it through a mailbox; what other goroutines read of it is published in atomics.
package node
