// Package sdk carries the guest libraries as files, for `wraftd plugin new`: a
// project gets the library it uses written into it, so that it builds without any
// package registry and stays as it is until its author takes a newer one.
//
// It is not the libraries themselves: those are the folders beside it, each in its
// own language. The one for Go is a module of its own, which an embedding cannot
// reach into, so it is carried as an archive; a test holds the archive against the
// folder (go test ./sdk -update writes it anew).
//
// The mental model: a Kit is two trees of files, the library (what goes into the
// folder "wraft" of a project) and the template (what goes into the project
// itself, each file a text/template and perhaps with the ending .tmpl).
//
// Concurrency: everything is read only.
package sdk
