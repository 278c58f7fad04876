package plugins_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/wraft/wraft/plugins"
)

// ownBytes is the memory of this process, pages that are mapped twice counted once.
func ownBytes(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory() // what is garbage does not count
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Skipf("the system does not tell what memory a process has: %v", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no Pss in %s", text)
	return 0
}

// TestRestoredPagesCostMemoryOnce: the copy and the guest of a restored machine have the
// same pages, also after both were read; what the guest writes becomes its own.
func TestRestoredPagesCostMemoryOnce(t *testing.T) {
	if !plugins.MayShare() {
		t.Skip("the system promises no more memory than it has (vm.overcommit_memory=2): pages are copied")
	}
	module, mib := filler(128), 128<<20
	a := start(t, shared, module, plugins.InstanceConfig{})
	apply(t, a, 1, "x")
	full, hash := image(t, a, plugins.StateHash{})
	before := ownBytes(t)
	b, err := restore(t, module, full)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(context.Background())
	audit(t, b) // which reads both
	if got := ownBytes(t) - before; got > mib+mib/4 {
		t.Errorf("a machine of %d MiB costs %d MiB", mib>>20, got>>20)
	}
	if got := stateHash(t, b); got != hash {
		t.Errorf("state %v, want %v", got, hash)
	}
	apply(t, b, 2, "x") // it fills its memory again
	if got := ownBytes(t) - before; got < mib+mib/2 {
		t.Errorf("a guest that has written to all of its %d MiB has them for itself: %d MiB", mib>>20, got>>20)
	}
	runtime.KeepAlive(full)
	apply(t, a, 2, "x")
	if got, want := stateHash(t, b), stateHash(t, a); got != want {
		t.Errorf("state %v, want %v", got, want)
	}
}
