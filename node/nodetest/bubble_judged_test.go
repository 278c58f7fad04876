package nodetest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/transport"
)

// What stands here plants bugs around nodes, which the judges of crash points and of rot
// have to find.

// lazyLogs is a disk that says of logs that they are synced, and does nothing.
type lazyLogs struct{ vfs.FS }

type lazyFile struct{ vfs.File }

func (lazyFile) Sync() error     { return nil }
func (lazyFile) SyncData() error { return nil }

func lazy(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return lazyFile{f}, nil
}

func (d lazyLogs) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return lazy(name, f, err)
}

func (d lazyLogs) ReuseForWrite(oldName, newName string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(oldName, newName, c)
	return lazy(newName, f, err)
}

// TestJudgeSeesLogsThatAreNotSynced: when power fails everywhere, what was acknowledged is gone.
func TestJudgeSeesLogsThatAreNotSynced(t *testing.T) {
	r := newCrashRecorder(node.SnapshotImage, 150)
	r.plant = func(fs vfs.FS) vfs.FS { return lazyLogs{fs} }
	crashScript(t, r)
	faults := 0
	for i := range r.points {
		if r.points[i].told.sum == 0 {
			continue // nothing was acknowledged
		}
		if fault, _ := r.judgeOne(t, i, "everywhere", judging{}); fault != "" {
			faults++
		}
	}
	t.Logf("%d faults at %d points", faults, len(r.points))
	if faults == 0 {
		t.Error("nobody noticed")
	}
}

// judgeOne judges a point in one way.
func (r *crashRecorder) judgeOne(t *testing.T, i int, how string, j judging) (fault string, err error) {
	t.Helper()
	disks, err := r.points[i].leave(how, uint64(i))
	if err != nil {
		t.Fatal(err)
	}
	return r.points[i].judge(t, disks, j)
}

// TestJudgeSeesWhatIsLost: more was acknowledged than there is, or something else.
func TestJudgeSeesWhatIsLost(t *testing.T) {
	r := newCrashRecorder(node.SnapshotImage, 20)
	crashScript(t, r)
	for _, c := range []struct {
		what string
		at   func(toldSoFar) bool // the newest such point
		lie  func(*toldSoFar)
	}{
		{"nothing", func(s toldSoFar) bool { return s.left }, func(*toldSoFar) {}},
		{"commands", func(s toldSoFar) bool { return s.left }, func(s *toldSoFar) { s.sum += 5 }},
		{"that they were run once", func(s toldSoFar) bool { return s.left }, func(s *toldSoFar) { s.sum -= 5 }},
		{"an upgrade", func(s toldSoFar) bool { return s.sum > 0 && s.sum < 18 && !s.upgraded }, func(s *toldSoFar) { s.upgraded = true }},
		{"that a node left", func(s toldSoFar) bool { return s.joined }, func(s *toldSoFar) { s.left = true }},
	} {
		i := r.newest(c.at)
		if i < 0 {
			t.Fatalf("%s: there is no such point", c.what)
		}
		was := r.points[i].told
		c.lie(&r.points[i].told)
		want := "lost"
		if r.points[i].told == was {
			want = ""
		}
		if fault, err := r.judgeOne(t, i, "kept", judging{}); fault != want {
			t.Errorf("%s is lost: judged %q, %v", c.what, fault, err)
		}
		r.points[i].told = was
	}
}

// spoilt changes what a node hears of its peers.
type spoilt struct {
	transport.Handler
	change func(transport.Frame) (f transport.Frame, hears bool)
}

// Deliver implements transport.Handler.
func (s spoilt) Deliver(from raft.Member, frames []transport.Frame) {
	var heard []transport.Frame
	for _, f := range frames {
		if f, hears := s.change(f); hears {
			heard = append(heard, f)
		}
	}
	s.Handler.Deliver(from, heard)
}

// neverHeals: no leader tells a node how far its log went, so that what lost entries is damaged for good.
func neverHeals(f transport.Frame) (transport.Frame, bool) {
	if m, ok := f.Payload.(raft.ReadIndexReply); ok {
		m.Last = 0
		f.Payload = m
	}
	return f, true
}

// neverHears: a node gets nothing of the machine's group.
func neverHears(f transport.Frame) (transport.Frame, bool) { return f, f.Group != 2 }

// TestJudgeSeesWhoDoesNotComeBack: a node whose logs are lost, and one that just lost power,
// do not count again.
func TestJudgeSeesWhoDoesNotComeBack(t *testing.T) {
	r := newCrashRecorder(node.SnapshotImage, 20)
	crashScript(t, r)
	i := r.newest(func(s toldSoFar) bool { return s.left })
	if i < 0 {
		t.Fatal("there is no such point")
	}
	p := &r.points[i]
	p.victim = 2
	for name, c := range map[string]struct {
		rots   bool
		change func(transport.Frame) (transport.Frame, bool)
	}{"after rot": {true, neverHeals}, "after a loss of power": {false, neverHears}} {
		for want, plant := range map[string]func(*bubble){"": nil, "stuck": func(b *bubble) {
			b.hears = func(id raft.NodeID, h transport.Handler) transport.Handler {
				if id != p.victim {
					return h
				}
				return spoilt{h, c.change}
			}
		}} {
			disks, err := p.leave("lost", 0)
			if err == nil && c.rots {
				err = rots["the store is lost"](disks[p.victim])
			}
			if err != nil {
				t.Fatal(err)
			}
			if fault, err := p.judge(t, disks, judging{whole: true, plant: plant}); fault != want {
				t.Errorf("%s: judged %q, want %q: %v", name, fault, want, err)
			}
		}
	}
}

// newest is the last point of a kind, or -1.
func (r *crashRecorder) newest(is func(toldSoFar) bool) int {
	for i := len(r.points) - 1; i >= 0; i-- {
		if is(r.points[i].told) {
			return i
		}
	}
	return -1
}

// TestJudgeSeesWhoDoesNotCount: a replica that is damaged, has no leader, or does not vote
// in the life of its disk, though it answers reads.
func TestJudgeSeesWhoDoesNotCount(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		if fault, err := b.judgeWhole(ctx, true); fault != "" {
			t.Fatalf("sound nodes: %s: %v", fault, err)
		}
		for what, spoil := range map[string]func(*raft.Status){
			"damaged":      func(s *raft.Status) { s.Damaged = true },
			"no leader":    func(s *raft.Status) { s.Leader = 0 },
			"a learner":    func(s *raft.Status) { s.Configuration.Configuration = confchange.New(1, 3) },
			"another life": func(s *raft.Status) { s.Configuration.Configuration.Voters = []raft.Member{{Node: 2, Incarnation: 7}} },
		} {
			s := b.status(ctx, 2, 2)
			if !b.counts(2, s) {
				t.Errorf("%s: it does not count before: %+v", what, s)
			}
			if spoil(&s); b.counts(2, s) {
				t.Errorf("%s: it counts: %+v", what, s)
			}
		}
	})
}
