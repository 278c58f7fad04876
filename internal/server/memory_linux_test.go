package server

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMemoryIsTheLeastOfWhatBinds lays out files as Linux does and reads them.
func TestMemoryIsTheLeastOfWhatBinds(t *testing.T) {
	const kb = 1 << 10
	for name, c := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"nothing":        {nil, 0},
		"physical":       {map[string]string{"meminfo": "MemTotal:        1000 kB\nMemFree: 1 kB\n"}, 1000 * kb},
		"no limit":       {map[string]string{"meminfo": "MemTotal: 1000 kB\n", "own": "0::/a/b\n", "fs/a/b/memory.max": "max\n"}, 1000 * kb},
		"own group":      {map[string]string{"meminfo": "MemTotal: 1000 kB\n", "own": "0::/a/b\n", "fs/a/b/memory.max": "4096\n"}, 4096},
		"group above":    {map[string]string{"meminfo": "MemTotal: 1000 kB\n", "own": "0::/a/b\n", "fs/a/b/memory.max": "4096\n", "fs/a/memory.max": "2048\n"}, 2048},
		"container":      {map[string]string{"meminfo": "MemTotal: 1000 kB\n", "own": "0::/\n", "fs/memory.max": "8192\n"}, 8192},
		"version 1":      {map[string]string{"meminfo": "MemTotal: 1000 kB\n", "own": "3:cpu:/x\n2:memory:/x\n", "fs/memory/x/memory.limit_in_bytes": "512\n"}, 512},
		"more than real": {map[string]string{"meminfo": "MemTotal: 1 kB\n", "own": "2:memory:/\n", "fs/memory/memory.limit_in_bytes": "9223372036854771712\n"}, kb},
		"nonsense":       {map[string]string{"meminfo": "MemTotal: many kB\n", "own": "what\n"}, 0},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f := memoryFiles{filepath.Join(dir, "meminfo"), filepath.Join(dir, "own"), filepath.Join(dir, "fs")}
		if got := f.least(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if availableMemory() == 0 {
		t.Error("this machine's memory is not known")
	}
}
