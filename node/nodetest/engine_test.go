package nodetest_test

import (
	"sync"
	"testing"

	"github.com/wraft/wraft/plugins"
)

// engines makes the engine of all tests: a guest made by Go takes seconds to compile.
// It ends with the process.
var engines = sync.OnceValues(func() (*plugins.Engine, error) { return plugins.NewEngine(plugins.Config{}) })

// sharedEngine is the engine of all tests that need none of their own.
func sharedEngine(t *testing.T) *plugins.Engine {
	t.Helper()
	e, err := engines()
	if err != nil {
		t.Fatal(err)
	}
	return e
}
