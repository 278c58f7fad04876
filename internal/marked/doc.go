// Package marked writes tables of figures into pages that people write.
//
// It is no template engine and knows nothing of Markdown.
//
// The mental model: what stands between two marks of a page is a program's, the rest is
// people's.
//
// Concurrency: the function holds no state; two that write one page at a time lose one of
// the two.
package marked
