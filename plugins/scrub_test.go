package plugins_test

import (
	"context"
	"errors"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// entriesPerHash is how often a node asks for a machine's hash.
const entriesPerHash = 256

// A byte that changes where nothing writes is noticed within two entries for each
// block of 4 KiB that the memory has, up to the next hash, in the guest's memory as
// in the copy, in zeros too.
func TestFlippedBytesAreNoticed(t *testing.T) {
	for name, flip := range map[string]func(*plugins.Instance, int){
		"the guest's memory": (*plugins.Instance).FlipLive, "the copy": (*plugins.Instance).FlipShadow,
	} {
		t.Run(name, func(t *testing.T) {
			for k, share := range []int{0, 3, 7, 10, 0, 3, 7, 10} {
				// What the guest makes of it is its business: it may run until its fuel ends.
				c := plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: 20_000_000}}
				i := start(t, shared, wasmtest.Slow(t), c)
				apply(t, i, 1, "add 1")
				if k >= 4 { // one that was restored, whose copy has pages in common with it
					full, _ := image(t, i, plugins.StateHash{})
					var err error
					if i, err = restoreWith(t, wasmtest.Slow(t), c, full); err != nil {
						t.Fatal(err)
					}
					defer i.Close(context.Background())
				}
				blocks := int(i.MemoryBytes() / 4096)
				flip(i, min(int(i.MemoryBytes())*share/10+123, int(i.MemoryBytes())-1))
				var err error
				n := 0
				for ; err == nil && n <= 2*blocks+entriesPerHash; n++ {
					_, err = i.Apply(context.Background(), plugins.Moment{Index: uint64(n + 2)}, [][]byte{[]byte("get")})
					if err == nil && n%entriesPerHash == 0 {
						_, err = i.StateHash()
					}
				}
				if !errors.Is(err, plugins.ErrDamaged) || !errors.Is(err, plugins.ErrBroken) {
					t.Fatalf("at %d/10: after %d entries, of %d blocks: %v", share, n, blocks, err)
				}
			}
		})
	}
}

// TestCallsAloneNoticeFlippedBytes: nobody asks for a hash.
func TestCallsAloneNoticeFlippedBytes(t *testing.T) {
	i := start(t, shared, globalMachine(), plugins.InstanceConfig{})
	blocks := int(i.MemoryBytes() / 4096)
	i.FlipLive(4096*(blocks-1) + 7)
	for n := range plugins.ScrubCalls * (blocks + 1) {
		if _, err := i.Apply(context.Background(), plugins.Moment{Index: uint64(n + 2)}, [][]byte{[]byte("x")}); err != nil {
			if !errors.Is(err, plugins.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Error("nothing was noticed")
}

func TestHashingNoticesFlippedBytes(t *testing.T) {
	i := start(t, shared, globalMachine(), plugins.InstanceConfig{})
	if _, err := i.StateHash(); err != nil {
		t.Fatal(err)
	}
	i.FlipLive(40_000)
	if _, err := i.StateHash(); !errors.Is(err, plugins.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if _, err := i.Capture(plugins.StateHash{}); !errors.Is(err, plugins.ErrDamaged) {
		t.Errorf("an image of a damaged state: %v", err)
	}
}
