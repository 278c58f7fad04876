package server

import (
	"testing"
	"time"

	"github.com/wraft/wraft/internal/compileworker"
	"github.com/wraft/wraft/internal/nodeconfig"
)

// TestTheCompilerKeepsTheNodesLimits holds what a worker is given against the settings.
func TestTheCompilerKeepsTheNodesLimits(t *testing.T) {
	cfg := Config{CompileWorker: []string{"/bin/wraftd", "compile-worker"}, CompileWorkerName: "wraftd"}.WithDefaults()
	got := compiler(cfg)
	if want := (compileworker.Limits{CPU: time.Minute, Wall: 5 * time.Minute, MemoryBytes: 1 << 30}); got.Limits != want {
		t.Errorf("by default: %+v, want %+v", got.Limits, want)
	}
	cfg.Limits.CompileTime, cfg.Limits.CompileMemory = 20*time.Second, 300*nodeconfig.MiB
	got = compiler(cfg)
	if want := (compileworker.Limits{CPU: 20 * time.Second, Wall: 100 * time.Second, MemoryBytes: 300 << 20}); got.Limits != want || got.Limits.Validate() != nil {
		t.Errorf("as set: %+v, want %+v", got.Limits, want)
	}
	if len(got.Command) != 2 || got.Name != "wraftd" {
		t.Errorf("the worker is %v, %q", got.Command, got.Name)
	}
}
