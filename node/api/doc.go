// Package api serves a node over HTTPS: the paths under /v1/, the probes and the
// metrics. It is not the node: everything it answers comes through the small
// interfaces of backend.go, and it keeps no state of its own.
//
// Mental model: check the request completely (path, method, parameters, headers,
// sizes), call one backend method with a deadline, write its result or its
// problem. A request that fails a check never reaches the backend.
//
// Concurrency: handlers run in net/http's goroutines and share only immutable
// configuration; the backend must be safe for many callers at once.
package api
