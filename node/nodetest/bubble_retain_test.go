package nodetest_test

import (
	"context"
	"errors"
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

// holds reports whether a node has a module and what was made of it.
func (b *bubble) holds(id raft.NodeID, module string) bool {
	b.t.Helper()
	return b.held(id, module) == len(filesOf(module))
}

// held counts the files of a module, which go one after the other.
func (b *bubble) held(id raft.NodeID, module string) (there int) {
	for _, name := range filesOf(module) {
		if _, err := b.nodes[id].fs.Stat(name); err == nil {
			there++
		}
	}
	return there
}

// expectModules waits until a node has exactly these of the modules.
func (b *bubble) expectModules(ctx context.Context, id raft.NodeID, want string, of ...string) {
	b.t.Helper()
	have := ""
	for {
		have = ""
		for _, module := range of {
			switch b.held(id, module) {
			case 0:
			case len(filesOf(module)):
				have += module + " "
			default:
				have += "part of " + module + " "
			}
		}
		if have == want {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("node %v has the modules %q, want %q", id, have, want)
		}
		time.Sleep(time.Second) // virtual
	}
}

// TestBubbleModulesAreRemoved: a cluster whose logs are cut removes the modules that it has
// gone over, and keeps the one that a rollback goes to. The node whose log was never cut
// keeps all of them, replays its log with them, and when it has lost one begins behind it.
// A rollback works, a deletion frees the rest, and the same bytes make a machine again.
func TestBubbleModulesAreRemoved(t *testing.T) {
	synctest.Test(t, modulesAreRemoved)
}

func modulesAreRemoved(t *testing.T) {
	const slow raft.NodeID = 3
	b := tunedBubble(t, heirs{}, func(c *node.Config) {
		hasty(c)
		c.ModuleGrace = 2 * time.Minute
		if c.Self == slow {
			c.SnapshotLogBytes, c.SnapshotInterval = -1, -1
		}
	})
	defer b.close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
	defer cancel()
	all := []string{"a", "bb", "ccc"}
	b.deploy(ctx, 1, "adder", []byte("a"))
	b.work(ctx, 0, 20)
	b.upgrade(ctx, 2, "bb")
	b.work(ctx, 20, 20)
	b.upgrade(ctx, 1, "ccc")
	b.work(ctx, 40, 60)
	b.expectModules(ctx, 1, "bb ccc ", all...)
	b.expectModules(ctx, 2, "bb ccc ", all...)
	b.expectModules(ctx, slow, "a bb ccc ", all...)
	b.eventually(ctx, "two removals are counted", func() bool { // Why: files go before they are counted
		s := b.nodes[1].node.ModuleStats()
		return s.Removed == 2 && s.RemovedBytes == uint64(2*len("a")+len("artefact of ")) && !s.Paused
	})
	b.boot(slow, b.crash(slow))
	b.expectSum(ctx, slow, 100)
	if s := b.nodes[slow].node.SnapshotStats(); s.ReceivedBytes != 0 {
		t.Errorf("%+v: it did not replay its log", s)
	}
	disk := b.crash(slow)
	without(t, disk, "a")
	b.boot(slow, disk)
	b.expectSum(ctx, slow, 100)
	b.expectModules(ctx, slow, "bb ccc ", all...)

	_, back, _, err := b.nodes[slow].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Rollback: true})
	if err != nil || back.State != node.UpgradeDone {
		t.Fatalf("rollback: %+v, %v", back, err)
	}
	b.work(ctx, 100, 20)
	for id := range b.nodes {
		b.expectRunning(ctx, id, node.DigestOf([]byte("bb")), back.Index)
	}
	b.delete(ctx, "adder", 2)
	for id := range b.nodes {
		b.expectModules(ctx, id, "", all...)
	}
	if _, _, err := b.nodes[1].node.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: node.DigestOf([]byte("bb"))}); !errors.Is(err, node.ErrNoModule) {
		t.Fatalf("a deploy of what was removed: %v", err)
	}
	b.deploy(ctx, 1, "adder", []byte("bb"))
	for id := raft.NodeID(1); id <= 3; id++ {
		b.boot(id, b.crash(id))
	}
	b.work(ctx, 0, 20)
}

// TestBubbleALongHistoryKeepsModules: a machine was upgraded more often than its record remembers.
// A node whose log begins before that removes nothing, since it cannot tell what it leads through, and
// says so; once a snapshot has cut the log it goes on.
func TestBubbleALongHistoryKeepsModules(t *testing.T) {
	if testing.Short() {
		t.Skip("upgrades a machine 67 times")
	}
	synctest.Test(t, func(t *testing.T) {
		const slow raft.NodeID = 3
		cuts := false
		b := tunedBubble(t, heirs{}, func(c *node.Config) {
			hasty(c)
			c.ModuleGrace = 2 * time.Minute
			if c.Self == slow && !cuts {
				c.SnapshotLogBytes, c.SnapshotInterval = -1, -1
			}
		})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("a"))
		b.work(ctx, 0, 5)
		b.upgrade(ctx, 1, "bb")
		for range node.UpgradeHistoryMax/2 + 1 { // the first two fall out of the record
			b.upgrade(ctx, 1, "ccc")
			b.upgrade(ctx, 1, "dddd")
		}
		all := []string{"a", "bb", "ccc", "dddd"}
		b.expectModules(ctx, 1, "ccc dddd ", all...)
		time.Sleep(10 * time.Minute) // virtual
		synctest.Wait()
		if s := b.nodes[slow].node.ModuleStats(); !s.Paused || s.Removed != 0 || !b.holds(slow, "a") {
			t.Errorf("its log begins before the history: %+v", s)
		}
		cuts = true
		b.boot(slow, b.crash(slow))
		b.work(ctx, 5, 60)
		b.expectModules(ctx, slow, "ccc dddd ", all...)
		if s := b.nodes[slow].node.ModuleStats(); s.Paused {
			t.Errorf("behind a snapshot: %+v", s)
		}
	})
}

// TestBubbleUploadsStay: what was uploaded stays for a while, anew with each upload; so does
// what somebody asks for.
func TestBubbleUploadsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const grace = 2 * time.Minute
		b := tunedBubble(t, heirs{}, func(c *node.Config) { c.ModuleGrace = grace })
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		d := node.DigestOf([]byte("a"))
		for range 2 {
			b.upload(ctx, 1, []byte("a"))
			b.upload(ctx, 2, []byte("never deployed"))
			time.Sleep(grace - 20*time.Second) // virtual
		}
		if _, _, err := b.nodes[3].node.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: d}); err != nil {
			t.Fatalf("a deploy of what was uploaded: %v", err)
		}
		b.work(ctx, 0, 5)
		for id := range b.nodes {
			b.eventually(ctx, "the other one is removed", func() bool {
				return b.nodes[id].node.ModuleSize(node.DigestOf([]byte("never deployed"))) == 0
			})
			if !b.holds(id, "a") {
				t.Errorf("node %v has removed what runs", id)
			}
		}
	})
}

// TestBubbleBackupKeepsItsModule: who reads a backup of a machine that was deleted meanwhile
// still gets the module that the state needs, and then nobody does.
func TestBubbleBackupKeepsItsModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, heirs{}, func(c *node.Config) { c.ModuleGrace = node.ModuleGraceMin })
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("a"))
		b.work(ctx, 0, 5)
		backup, err := b.nodes[1].node.Backup(ctx, node.BackupRequest{Machine: "adder"})
		if err != nil {
			t.Fatal(err)
		}
		b.delete(ctx, "adder", 0)
		b.expectModules(ctx, 2, "", "a")
		time.Sleep(3 * node.ModuleGraceMin) // virtual
		if !b.holds(1, "a") {
			t.Error("the module of a backup that is being read is gone")
		}
		backup.Close()
		b.expectModules(ctx, 1, "", "a")
	})
}

// TestBubbleDeleteOvertakes: a machine is deleted while a replica that waits for a module
// which nobody has any more gets a snapshot instead. Nothing of it stays, and nothing comes
// back.
func TestBubbleDeleteOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, heirs{adders{ballast: 1 << 20}}, func(c *node.Config) { c.SnapshotLogBytes, c.SnapshotInterval = -1, -1 })
		b.fileRate = 100 << 10
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("a"))
		b.work(ctx, 0, 10)
		b.upgrade(ctx, 2, "bb")
		last := b.upgrade(ctx, 1, "ccc")
		for id := range b.nodes {
			b.expectRunning(ctx, id, last.To.Module, last.Index)
			for _, content := range []string{"bb", "artefact of bb"} {
				if err := b.nodes[id].store.Modules().Remove(storage.Digest(node.DigestOf([]byte(content)))); err != nil {
					t.Fatal(err)
				}
			}
		}
		late := b.follower(2)
		b.boot(late, b.crash(late))
		b.eventually(ctx, "it gets a snapshot", func() bool { return b.nodes[late].node.SnapshotStats().ReceivedBytes > 0 })
		if r := b.nodes[late].node.Running(2); r.Since == last.Index {
			t.Fatal("the transfer is over already")
		}
		b.delete(ctx, "adder", 2)
		b.expectGone(ctx, late, 2)
		time.Sleep(time.Minute) // virtual
		b.expectGone(ctx, late, 2)
		b.deploy(ctx, late, "adder", []byte("a"))
		b.work(ctx, 0, 5)
	})
}
