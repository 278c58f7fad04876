// Package nodeconfig is the configuration of one node: its fields, their
// defaults, what values they may have, and sizes as people write them. It neither
// reads files nor opens anything; package cli loads it, package server lives by it.
//
// Mental model: a plain struct with WithDefaults and Validate.
//
// Concurrency: values only.
package nodeconfig
