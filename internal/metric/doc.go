// Package metric has the names of all that a node shows at /metrics, so that who shows it, who
// watches it (the doctor, top) and whoever looks for it finds it in one place.
//
// It is names alone. What each means, and its labels, stand in docs/OPERATIONS.md; a test holds the
// names against that page, and conformance/e2e what a node shows, both ways. A name is part of what
// operators rely on: dashboards and alerts of theirs know it. internal/archtest lets no program
// write one out.
//
// Mental model: wraft_, the room, what is counted, and the unit or _total.
package metric
