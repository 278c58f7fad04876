package testlog

import (
	"os/exec"

	"github.com/wraft/wraft/internal/toolchain"
)

// Words of tests that skip themselves.
const (
	// forLongSuites is that of one that an environment variable plays, which make conformance sets.
	forLongSuites = "for the long suites"
	noCompiler    = "toolchain: no compiler for " // and the language, and what is absent
	noBrowser     = "ui: chromium and chromedriver are not both installed"
)

// Untrue are reasons to skip a test that hold no more where the long suites have run, on this
// machine: that one is for them, that a compiler is missing which is here, or the browser. What
// cannot be had here may still be missing. A compiler that is too old, or did not answer in time,
// says so in other words.
func Untrue() []string {
	words := []string{forLongSuites}
	for _, language := range toolchain.Languages() {
		if _, err := toolchain.Find(language); err == nil {
			words = append(words, noCompiler+language+": no ")
		}
	}
	if here("chromium") && here("chromedriver") {
		words = append(words, noBrowser)
	}
	return words
}

func here(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}
