package nodetest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// upgrade upgrades the machine "adder" through a node.
func (b *bubble) upgrade(ctx context.Context, via raft.NodeID, module string) node.UpgradeRecord {
	b.t.Helper()
	_, u, _, err := b.nodes[via].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, via, []byte(module))})
	if err != nil {
		b.t.Fatalf("upgrade to %q: %v", module, err)
	}
	return u
}

// filesOf are the names on a disk of a module and of what was made of it.
func filesOf(module string) []string {
	var out []string
	for _, content := range []string{module, "artefact of " + module} {
		out = append(out, "data/modules/"+strings.TrimPrefix(node.DigestOf([]byte(content)).String(), "sha256:")+".wasm")
	}
	return out
}

// without takes modules off a disk.
func without(t *testing.T, fs *vfs.MemFS, modules ...string) {
	t.Helper()
	for _, module := range modules {
		for _, name := range filesOf(module) {
			if err := fs.Remove(name); err != nil {
				t.Fatalf("there is no %q to take away: %v", module, err)
			}
		}
	}
}

// TestBubbleBehindALostModule: a node comes back with the whole log and no snapshot, and
// everybody else is behind upgrades whose modules nobody has any more. It begins from a
// peer's snapshot, whether it lacks the module that its log begins with, or one that an
// entry in the middle names.
func TestBubbleBehindALostModule(t *testing.T) {
	for name, lost := range map[string][]string{"the first": {"a", "bb"}, "of an upgrade": {"bb"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { behindALostModule(t, lost) })
		})
	}
}

func behindALostModule(t *testing.T, lost []string) {
	b := tunedBubble(t, heirs{}, func(c *node.Config) { c.SnapshotLogBytes, c.SnapshotInterval = -1, -1 })
	defer b.close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	b.deploy(ctx, 1, "adder", []byte("a"))
	b.work(ctx, 0, 10)
	b.upgrade(ctx, 2, "bb")
	b.work(ctx, 10, 10)
	b.upgrade(ctx, 3, "ccc")
	b.work(ctx, 20, 10)
	last := b.upgrade(ctx, 1, "dddd")
	b.work(ctx, 30, 10)
	for id := range b.nodes { // Why all: else the one that comes back gets what it lacks
		b.expectSum(ctx, id, 40)
		for _, module := range lost {
			for _, content := range []string{module, "artefact of " + module} {
				if err := b.nodes[id].store.Modules().Remove(storage.Digest(node.DigestOf([]byte(content)))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	late := b.follower(2)
	disk := b.crash(late)
	without(t, disk, lost...)
	b.boot(late, disk)
	b.expectSum(ctx, late, 40)
	b.expectRunning(ctx, late, last.To.Module, last.Index)
	if s := b.nodes[late].node.SnapshotStats(); s.ReceivedBytes == 0 || s.Installed != 0 {
		t.Errorf("%+v: it did not ask for a snapshot", s)
	}
	b.work(ctx, 40, 10)
	b.expectSum(ctx, late, 50)
	b.boot(late, b.crash(late))
	b.expectSum(ctx, late, 50)
}
