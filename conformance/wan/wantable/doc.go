// Package wantable makes a table and a plot of what conformance/wan/peers.sh measured,
// for docs/BENCHMARKS.md.
//
// It measures nothing and knows no system but by its name.
//
// Mental model: lines of JSON come in, each a system under a loss; they go out as rows
// of Markdown, and as groups of bars in an SVG, in the order in which they came.
//
// Concurrency: nothing here is concurrent.
package wantable
