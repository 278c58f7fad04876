// Package scrape reads what a node shows at /metrics: the text format of Prometheus, as far
// as wraftd writes it. It fetches nothing and knows no metric by name.
//
// Mental model: a list of samples, asked by name and labels.
//
// Concurrency: values only.
package scrape
