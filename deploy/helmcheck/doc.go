// Command helmcheck renders the chart in deploy/helm/wraft with Helm's own engine and writes
// the manifests of its example values to deploy/helm/rendered, or compares them with what is
// there. Either way they have to be objects that a strict server of the Kubernetes API takes.
//
// Usage, from its folder:
//
//	go run .          compares, and exits 1 where they differ
//	go run . -update  writes them
//
// It is a module of its own: what it takes of Helm and Kubernetes stays out of the project.
// Package internal/cli holds what was rendered against the program's flags and keys.
package main
