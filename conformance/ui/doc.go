// Package ui looks at the web page of a running cluster as a person does: with Chromium,
// without a window, through the WebDriver protocol of ChromeDriver, which is JSON over HTTP.
//
// It is not a test of the API, which has its own: it shows that the page of a real cluster
// says within seconds what has become of it, and takes the pictures in docs. Where the two
// programs are not installed (Debian: chromium, chromium-driver) its tests are skipped.
//
// A Browser belongs to one goroutine.
package ui
