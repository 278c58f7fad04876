package abi

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// grown is a machine after a workload.
func (k *kit) grown(use uint64) (*machine, error) {
	m, err := k.newMachine()
	if err != nil {
		return nil, err
	}
	if _, err := m.load(k.entries(k.options.Commands, use)); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (k *kit) export() (string, error) {
	a, err := k.grown(9)
	if err != nil {
		return "", err
	}
	defer a.close()
	state, err := a.exported()
	if err != nil {
		return "", err
	}
	if again, err := a.exported(); err != nil || !bytes.Equal(again, state) {
		return "", orFailed(err, "write the state in a fixed order (sort what comes from a map), and change nothing while writing",
			"two exports of one state differ, %s", difference(state, again))
	}
	b, err := k.newMachine()
	if err != nil {
		return "", err
	}
	defer b.close()
	b.at = a.at
	a.skipEntry()
	if err := b.takes(state, 0); err != nil {
		return "", err
	}
	if back, err := b.exported(); err != nil || !bytes.Equal(back, state) {
		return "", orFailed(err, "let wraft_restore take over everything that wraft_snapshot wrote, and write equal states as equal bytes",
			"the machine exports other bytes after it restored its own export, %s", difference(state, back))
	}
	if err := k.goOn(a, b); err != nil {
		return "", err
	}
	return fmt.Sprintf("bytes=%d", len(state)), nil
}

// takes restores a state that must be accepted.
func (m *machine) takes(state []byte, fromVersion uint32) error {
	err := m.restored(state, fromVersion)
	var guest *plugins.GuestError
	if errors.As(err, &guest) {
		return failed("wraft_restore must accept what wraft_snapshot wrote", "the machine refuses an export: %v", guest)
	}
	return err
}

// goOn applies the same to a machine and to its copy by export: memory may differ,
// but what is seen from outside may not.
func (k *kit) goOn(a, b *machine) error {
	const do = "export everything that decides about later answers"
	for _, e := range k.entries(k.options.Commands/4, 10) {
		x, err := a.entry(e...)
		if err != nil {
			return err
		}
		y, err := b.entry(e...)
		if err != nil {
			return err
		}
		if !sameResults(x, y) {
			n, p, q := firstDifference(x, y)
			return failed(do, "command %s answers %s before and %s after the restore of an export", scenario.Show(e[n]), show(p), show(q))
		}
	}
	x, err := a.exported()
	if err != nil {
		return err
	}
	y, err := b.exported()
	if err != nil || !bytes.Equal(x, y) {
		return orFailed(err, do, "the same commands lead to other exports after a restore, %s", difference(x, y))
	}
	return nil
}

// orFailed is err, or a Failure.
func orFailed(err error, do, format string, args ...any) error {
	if err != nil {
		return err
	}
	return failed(do, format, args...)
}

// difference says where two byte strings part.
func difference(a, b []byte) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return fmt.Sprintf("%d and %d bytes, from byte %d on", len(a), len(b), n)
}

func (k *kit) restoreReplaces() (string, error) {
	a, err := k.grown(11)
	if err != nil {
		return "", err
	}
	defer a.close()
	fresh, err := k.newMachine()
	if err != nil {
		return "", err
	}
	defer fresh.close()
	other, err := k.grown(12)
	if err != nil {
		return "", err
	}
	defer other.close()
	for _, from := range []*machine{a, fresh} {
		state, err := from.exported()
		if err != nil {
			return "", err
		}
		if err := other.takes(state, 0); err != nil {
			return "", err
		}
		if back, err := other.exported(); err != nil || !bytes.Equal(back, state) {
			return "", orFailed(err, "forget the former state first: what is not in the stream must not be there afterwards",
				"a machine that had a state exports something else than it restored, %s", difference(state, back))
		}
	}
	return "full and empty states", nil
}

// restoreRefuses gives wraft_restore what it should refuse.
func (k *kit) restoreRefuses() (string, error) {
	m, err := k.grown(13)
	if err != nil {
		return "", err
	}
	defer func() { m.close() }()
	state, err := m.exported()
	if err != nil {
		return "", err
	}
	rng, honest := k.corpus.rand(14), [][]byte{state}
	tried, refused, accepted := 0, 0, 0
	for ; tried < k.options.Fuzz/restoreShare; tried++ {
		bad := k.corpus.hostile(rng, honest)
		took, err := k.tryRestore(m, bad)
		if err != nil {
			return "", err
		}
		if !took {
			refused++
			continue
		}
		accepted++
		if err := m.takes(state, 0); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("streams=%d refused=%d accepted=%d", tried, refused, accepted), nil
}

// restoreShare is how many hostile commands there are for each hostile stream: a
// stream costs a hash of all memory, twice.
const restoreShare = 4

// tryRestore restores bytes that may be nonsense: either the machine takes them and
// can export what it took, or it is what it was.
func (k *kit) tryRestore(m *machine, bad []byte) (took bool, err error) {
	before, err := m.StateHash()
	if err != nil {
		return false, err
	}
	err = m.restored(bad, 0)
	var guest *plugins.GuestError
	switch {
	case err == nil:
		_, err = m.exported()
		return true, err
	case !errors.As(err, &guest):
		return false, err
	case guest.Status == plugins.StatusMalformed:
		return false, failed("return 0 or a positive status from wraft_restore", "restore of %s: %v", scenario.Show(bad), guest)
	case guest.Status == plugins.StatusFuel:
		return false, failed("check lengths against what is left before working through them", "restore of %s: %v", scenario.Show(bad), guest)
	}
	after, err := m.StateHash()
	if err == nil && before != after {
		err = failed("report it: a host must undo a restore that fails", "a refused restore of %s changed the state", scenario.Show(bad))
	}
	return false, err
}

func (k *kit) upgrade() (string, error) {
	if k.subject.Old == nil {
		return "", skip("no earlier version was given")
	}
	module, err := k.engine.Compile(k.ctx, k.subject.Old)
	var r *plugins.RefusedError
	if errors.As(err, &r) {
		return "", failed("give a module that was deployed", "the earlier version is refused: %v", r)
	}
	if err != nil {
		return "", err
	}
	old, err := k.machineWith(module, k.options.Limits, seed)
	if err != nil {
		return "", err
	}
	defer old.close()
	if _, err := old.load(k.entries(k.options.Commands, 15)); err != nil {
		return "", err
	}
	state, err := old.exported()
	if err != nil {
		return "", err
	}
	version, err := old.number("earlier")
	if err != nil {
		return "", err
	}
	return k.crossed(state, version)
}

// number is the machine's version.
func (m *machine) number(which string) (uint32, error) {
	version, err := m.Version(m.kit.ctx)
	var guest *plugins.GuestError
	if errors.As(err, &guest) {
		return 0, failed("let wraft_version return a constant from 1 upwards", "the %s version does not tell its number: %v", which, guest)
	}
	return version, err
}

// crossed checks the state that an earlier version exported.
func (k *kit) crossed(state []byte, version uint32) (string, error) {
	m, err := k.newMachine()
	if err != nil {
		return "", err
	}
	defer m.close()
	if err := m.takes(state, version); err != nil {
		return "", err
	}
	now, err := m.exported()
	if err != nil {
		return "", err
	}
	if err := m.takes(now, 0); err != nil {
		return "", err
	}
	if back, err := m.exported(); err != nil || !bytes.Equal(back, now) {
		return "", orFailed(err, "let wraft_restore with version 0 take over what this version wrote",
			"after the upgrade restore(snapshot(s)) is another state, %s", difference(now, back))
	}
	own, err := m.number("new")
	if err != nil {
		return "", err
	}
	if err := m.takes(now, own); err != nil {
		return "", err
	}
	for _, q := range k.corpus.queries {
		if err := m.ask(q); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("from version %d, %d bytes, to %d bytes", version, len(state), len(now)), nil
}
