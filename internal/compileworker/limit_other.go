//go:build !unix

package compileworker

// limitSelf does nothing: there are no resource limits here.
func limitSelf(Limits) error { return nil }

// residentBytes is not known here; a worker watches itself.
func residentBytes(int) int64 { return 0 }
