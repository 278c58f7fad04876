// Package ui holds the web page that shows a cluster: plain HTML, CSS and JavaScript
// modules, embedded as they are written, so that who runs a node needs nothing else and the
// page works without the internet.
//
// It is not an API and knows no data: the page fetches GET /v1/cluster/views from the node
// that served it, with whatever right its user has, once a second for as long as it is
// looked at. page/model.js puts together what the nodes say and decides what is a
// problem; the other modules draw. Nothing is inline, so that Policy can forbid everything
// that does not come from the node itself.
//
// Everything here is read-only and safe for concurrent use.
package ui
