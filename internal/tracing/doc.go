// Package tracing sends the spans of one node to a collector: OTLP over HTTP, in JSON. It is
// the only room with OpenTelemetry's SDK; what makes spans knows its API alone.
//
// A span that has ended goes into a bounded queue and its maker goes on. One goroutine takes
// spans from there in batches and posts them; while the collector is slow, away or refuses, the
// queue runs full and further spans are dropped and counted. Nothing that serves a request ever
// waits for a collector.
//
// Everything is safe for concurrent use.
package tracing
