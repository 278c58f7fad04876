package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// tower is a machine whose module is named by one letter: it appends commands to
// a text, and numbers itself as the letter says. Some letters misbehave.
type tower struct {
	module byte
	text   string
	closed bool
	clock  int64

	recorded bool // it can be recorded
}

// Record implements Recorder.
func (m *tower) Record() (Recorded, error) {
	if !m.recorded {
		return nil, errNoRecord
	}
	return recordedCatalogue{&Catalogue{}}, nil
}

func (m *tower) Apply(_ context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	m.clock = max(m.clock, at.Time)
	var out []plugins.Result
	for _, c := range commands {
		m.text += string(c) + string(m.module)
		out = append(out, plugins.Result{Data: []byte(m.text)})
	}
	return out, nil
}

func (m *tower) Query(context.Context, []byte) (plugins.Result, error) {
	return plugins.Result{Data: []byte(m.text)}, nil
}

// Export writes the text in chunks of one letter; module x fails in the middle,
// and y with this node's disk.
func (m *tower) Export(_ context.Context, w io.Writer) error {
	for i := range m.text {
		if i == 2 && m.module == 'x' {
			return &plugins.GuestError{Export: "wraft_snapshot", Status: plugins.StatusTrap, Text: "unreachable"}
		}
		if i == 2 && m.module == 'y' {
			return errors.New("a local trouble")
		}
		if _, err := w.Write([]byte(m.text[i : i+1])); err != nil {
			return fmt.Errorf("export: %w", err)
		}
	}
	return nil
}

// Import reads everything. Module t traps behind the first letter, m has no
// memory, and h reads one letter and no more.
func (m *tower) Import(_ context.Context, at plugins.Moment, r io.Reader, version uint32) error {
	var one [1]byte
	for {
		n, err := r.Read(one[:])
		m.text += string(one[:n])
		switch {
		case m.module == 't':
			return &plugins.GuestError{Export: "wraft_restore", Status: 5, Text: "no such state"}
		case m.module == 'm':
			return errors.New("no memory")
		case m.module == 'h':
			return nil
		case errors.Is(err, io.EOF):
			m.text += fmt.Sprintf("<%d@%d>", version, at.Time)
			return nil
		case err != nil:
			return err
		}
	}
}

func (m *tower) Version(context.Context) (uint32, error) {
	if m.module == 'v' {
		return 0, &plugins.GuestError{Export: "wraft_version", Status: plugins.StatusFuel, Text: "out of fuel"}
	}
	return uint32(m.module - 'a' + 1), nil
}

func (m *tower) Clock() int64                { return m.clock }
func (m *tower) Close(context.Context) error { m.closed = true; return nil }

// towers opens modules as towers, but for those that are missing.
type towers struct {
	missing map[byte]bool
	opened  []*tower
}

func (s *towers) OpenSuccessor(_ context.Context, run MachineRun, created plugins.Moment) (Upgradable, error) {
	d := run.Artefact
	switch {
	case s.missing[d[0]]:
		return nil, fmt.Errorf("%w: %v", ErrNoModule, d)
	case d[0] == 'i':
		return nil, fmt.Errorf("open: %w", &plugins.GuestError{Export: "_initialize", Status: plugins.StatusTrap, Text: "unreachable"})
	case d[0] == 'r':
		return nil, &plugins.RefusedError{Rule: "type", What: "not a module here"}
	}
	s.opened = append(s.opened, &tower{module: d[0], clock: created.Time})
	return s.opened[len(s.opened)-1], nil
}

// site is an applier under test with a log that the test writes.
type site struct {
	t       *testing.T
	applier *Applier
	first   *tower
	opener  *towers
	index   raft.Index
}

// letterRun is the run of a module that is named by a letter.
func letterRun(module byte) MachineRun {
	return MachineRun{Module: Digest{module}, Artefact: Digest{module}, Limits: MachineLimits{MemoryBytes: uint64(module)}}
}

func newSite(t *testing.T, module byte) *site {
	s := &site{t: t, first: &tower{module: module}, opener: &towers{missing: map[byte]bool{}}}
	s.applier = NewApplier(7, s.first, nil)
	s.applier.FollowUpgrades(letterRun(module), s.opener)
	return s
}

// put applies an entry of the given commands and returns the first answer.
func (s *site) put(commands ...Command) (Applied, error) {
	s.t.Helper()
	s.index++
	e := entry(s.t, s.index, 1, Batch{Elapsed: int64(s.index) * 10, Commands: commands})
	w := ApplyWork{Range: raft.ApplyRange{First: s.index, Last: s.index, Entries: []raft.Entry{e}}, Waiting: map[raft.Index][]Ticket{s.index: {"t"}}}
	got, err := s.applier.Apply(context.Background(), w)
	if err != nil {
		s.index-- // the entry is still to be applied
		return Applied{}, err
	}
	return got[0], nil
}

func (s *site) order(o UpgradeOrder) Command {
	s.t.Helper()
	c, err := UpgradeCommand(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// upgrade applies an order and returns its outcome.
func (s *site) upgrade(id DeployID, from, to byte) (UpgradeOutcome, bool, error) {
	s.t.Helper()
	got, err := s.put(s.order(UpgradeOrder{ID: id, From: letterRun(from), To: letterRun(to)}))
	if err != nil {
		return UpgradeOutcome{}, false, err
	}
	o, err := DecodeUpgradeOutcome(got.Answer.Data)
	if err != nil {
		s.t.Fatalf("status %d, %q: %v", got.Answer.Status, got.Answer.Data, err)
	}
	if got.Answer.Status != o.Status {
		s.t.Errorf("the answer's status is %d, the outcome's %d", got.Answer.Status, o.Status)
	}
	return o, got.Replayed, nil
}

func (s *site) call(text string) string {
	s.t.Helper()
	got, err := s.put(call1(0, 0, text))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(got.Answer.Data)
}

// TestUpgradeSwitchesAtItsIndex: the state goes over with the old version's number
// and the entry's time, sessions stay, and the next entry runs in the new module.
func TestUpgradeSwitchesAtItsIndex(t *testing.T) {
	s := newSite(t, 'a')
	if _, err := s.put(Command{Kind: CommandOpenSession}); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.put(call1(1, 1, "1")); string(got.Answer.Data) != "1a" {
		t.Fatalf("before the upgrade: %q", got.Answer.Data)
	}
	o, replayed, err := s.upgrade(1, 'a', 'b')
	if err != nil || replayed || o != (UpgradeOutcome{ID: 1, Index: 3, Module: Digest{'b'}}) {
		t.Fatalf("outcome %+v, %v, %v", o, replayed, err)
	}
	if !s.first.closed {
		t.Error("the old instance is not closed")
	}
	if got := s.applier.Running(); got.Run != letterRun('b') || got.Since != 3 {
		t.Errorf("running %+v", got)
	}
	again, err := s.put(call1(1, 1, "1"))
	if err != nil || !again.Replayed || string(again.Answer.Data) != "1a" {
		t.Errorf("a repeat across the upgrade: %+v, %v", again, err)
	}
	if got := s.call("2"); got != "1a<1@30>2b" {
		t.Errorf("after the upgrade: %q", got)
	}
}

// TestUpgradeOnce: an order that is repeated has no effect, in whatever entry.
func TestUpgradeOnce(t *testing.T) {
	s := newSite(t, 'a')
	for n, want := range []bool{false, true, true} {
		if o, replayed, err := s.upgrade(4, 'a', 'b'); err != nil || replayed != want || o.Index != 1 || o.Module != (Digest{'b'}) {
			t.Errorf("time %d: %+v, %v, %v", n, o, replayed, err)
		}
	}
	if len(s.opener.opened) != 1 {
		t.Errorf("%d instances were opened", len(s.opener.opened))
	}
	if o, _, err := s.upgrade(5, 'b', 't'); err != nil || o.Status != StatusUpgradeRefused {
		t.Errorf("a refused one: %+v, %v", o, err)
	}
	if o, replayed, err := s.upgrade(5, 'b', 't'); err != nil || !replayed || o.Status != StatusUpgradeRefused || o.Index != 4 {
		t.Errorf("a refused one again: %+v, %v, %v", o, replayed, err)
	}
	if o, replayed, err := s.upgrade(4, 'a', 'b'); err != nil || replayed || o.Status != StatusUpgradeStale {
		t.Errorf("one from before: %+v, %v, %v", o, replayed, err)
	}
	if got := s.applier.LastUpgrade(); got.ID != 5 || got.Index != 4 {
		t.Errorf("the last upgrade is %+v", got)
	}
}

// TestUpgradeRefused: what the modules do wrong leaves the old one serving, with
// the same words wherever it happens.
func TestUpgradeRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to byte
		order    UpgradeOrder
		reason   string
	}{
		{name: "the restore fails", from: 'a', to: 't', reason: "the new module does not take the state: wraft_restore: status 5: no such state"},
		{name: "the export traps halfway", from: 'x', to: 'b', reason: "the old module does not export its state: wraft_snapshot: unreachable"},
		{name: "the export traps behind what the restore reads", from: 'x', to: 'h', reason: "the old module does not export its state: wraft_snapshot: unreachable"},
		{name: "the version runs for ever", from: 'v', to: 'b', reason: "the old module does not say its version: wraft_version: out of fuel"},
		{name: "it does not start", from: 'a', to: 'i', reason: "the new module does not start: _initialize: unreachable"},
		{name: "the leader's verdict", from: 'a', to: 'b', order: UpgradeOrder{Refused: "no module"}, reason: "no module"},
		{name: "another module runs", from: 'a', to: 'b', order: UpgradeOrder{From: letterRun('q')}, reason: "the machine runs sha256:61"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.from)
			s.call("12")
			o := c.order
			if o.From == (MachineRun{}) {
				o.From = letterRun(c.from)
			}
			o.ID, o.To = 1, letterRun(c.to)
			got, err := s.put(s.order(o))
			if err != nil {
				t.Fatal(err)
			}
			out, err := DecodeUpgradeOutcome(got.Answer.Data)
			if err != nil || out.Status != StatusUpgradeRefused || !strings.HasPrefix(out.Reason, c.reason) || out.Module != (Digest{c.from}) {
				t.Fatalf("%+v, %v, want %q", out, err, c.reason)
			}
			if s.first.closed || s.applier.Running().Since != 0 {
				t.Error("the old instance does not go on")
			}
			for _, opened := range s.opener.opened {
				if !opened.closed {
					t.Error("the new instance is not closed")
				}
			}
			if got, want := s.call("3"), "12"+string(c.from)+"3"+string(c.from); got != want {
				t.Errorf("afterwards %q, want %q", got, want)
			}
		})
	}
}

// TestUpgradeLocalTrouble: what is this node's fault is no verdict.
func TestUpgradeLocalTrouble(t *testing.T) {
	for _, pair := range []string{"am", "yb", "ar"} {
		s := newSite(t, pair[0])
		s.call("12")
		if o, _, err := s.upgrade(1, pair[0], pair[1]); err == nil || errors.Is(err, ErrNoModule) {
			t.Errorf("%s: %+v, %v", pair, o, err)
		}
		if s.applier.LastUpgrade().ID != 0 || s.applier.Applied() != 1 {
			t.Errorf("%s: the trouble was taken for an outcome", pair)
		}
	}
}

// TestUpgradeWaitsForItsModule: without the module the applier stops before the
// entry, and goes on with the rest when the module has come.
func TestUpgradeWaitsForItsModule(t *testing.T) {
	s := newSite(t, 'a')
	s.opener.missing['b'] = true
	entries := []raft.Entry{
		entry(t, 1, 1, Batch{Commands: []Command{call1(0, 0, "1")}}),
		entry(t, 2, 1, Batch{Commands: []Command{s.order(UpgradeOrder{ID: 1, From: letterRun('a'), To: letterRun('b')})}}),
		entry(t, 3, 1, Batch{Commands: []Command{call1(0, 0, "2")}}),
	}
	w := ApplyWork{Range: raft.ApplyRange{First: 1, Last: 3, Entries: entries}, Waiting: map[raft.Index][]Ticket{1: {"one"}, 2: {"upgrade"}, 3: {"two"}}}
	got, err := s.applier.Apply(context.Background(), w)
	var await *AwaitModuleError
	if !errors.As(err, &await) || await.Module != (Digest{'b'}) || await.Index != 2 || len(got) != 1 || s.applier.Applied() != 1 {
		t.Fatalf("%+v, %v, applied %d", got, err, s.applier.Applied())
	}
	w = w.After(s.applier.Applied())
	if got, err = s.applier.Apply(context.Background(), w); !errors.As(err, &await) || len(got) != 0 {
		t.Fatalf("still without it: %+v, %v", got, err)
	}
	s.opener.missing['b'] = false
	if got, err = s.applier.Apply(context.Background(), w.After(s.applier.Applied())); err != nil || len(got) != 2 {
		t.Fatalf("with it: %+v, %v", got, err)
	}
	if text := string(got[1].Answer.Data); text != "1a<1@0>2b" {
		t.Errorf("the state is %q", text)
	}
}

// TestUpgradeOutOfPlace: an order among other commands, a malformed one, and one
// in a group that takes none are answered and change nothing.
func TestUpgradeOutOfPlace(t *testing.T) {
	s := newSite(t, 'a')
	good := s.order(UpgradeOrder{ID: 1, From: letterRun('a'), To: letterRun('b')})
	if got, err := s.put(good, call1(0, 0, "1")); err != nil || got.Answer.Status != plugins.StatusMalformed {
		t.Errorf("among others: %+v, %v", got, err)
	}
	if got, err := s.put(Command{Kind: CommandUpgrade, Data: []byte("nonsense")}); err != nil || got.Answer.Status != plugins.StatusMalformed {
		t.Errorf("nonsense: %+v, %v", got, err)
	}
	s.applier.upgrades = upgrades{}
	if got, err := s.put(good); err != nil || got.Answer.Status != plugins.StatusMalformed {
		t.Errorf("in a group without upgrades: %+v, %v", got, err)
	}
	if got := s.call("2"); got != "1a2a" {
		t.Errorf("afterwards %q", got)
	}
}

func TestUpgradesTravelAlone(t *testing.T) {
	call, upgrade := queued{command: call1(0, 0, "x")}, queued{command: Command{Kind: CommandUpgrade}}
	export := queued{command: Command{Kind: CommandExport}}
	for _, c := range []struct {
		queue []queued
		want  []int
	}{
		{[]queued{call, call}, []int{2}},
		{[]queued{call, upgrade, call, call}, []int{1, 1, 2}},
		{[]queued{upgrade, upgrade, call}, []int{1, 1, 1}},
		{[]queued{call, call, export, call, call}, []int{2, 1, 2}},
	} {
		var got []int
		for q := c.queue; len(q) > 0; q = q[got[len(got)-1]:] {
			got = append(got, packed(q))
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("packed into %v, want %v", got, c.want)
		}
	}
}

// TestUpgradeBytes pins the encoding of docs/FORMAT.md.
func TestUpgradeBytes(t *testing.T) {
	run := MachineRun{Module: Digest{1}, Artefact: Digest{2}, Pass: 3, Host: 4}
	c, err := UpgradeCommand(UpgradeOrder{ID: 7, From: run, To: run, Refused: "no"})
	if err != nil {
		t.Fatal(err)
	}
	digest := func(first string) string { return "5820" + first + strings.Repeat("00", 31) }
	wantRun := "85" + digest("01") + digest("02") + "0304" + "8c" + strings.Repeat("00", 12)
	if got, want := fmt.Sprintf("%x", c.Data), "8407"+wantRun+wantRun+"626e6f"; got != want {
		t.Errorf("an order is\n%s, want\n%s", got, want)
	}
	data, err := encodeUpgrade(UpgradeOutcome{ID: 7, Index: 9, Status: StatusUpgradeRefused, Reason: "no", Module: Digest{1}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%x", data), "850709386e626e6f"+digest("01"); got != want {
		t.Errorf("an outcome is\n%s, want\n%s", got, want)
	}
}
