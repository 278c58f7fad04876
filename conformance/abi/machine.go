package abi

import (
	"bytes"
	"errors"
	"slices"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// machine is an instance with a log of its own: it counts the moments of entries.
type machine struct {
	*plugins.Instance
	kit *kit
	at  plugins.Moment
}

// entryTime is how far the log's time advances with each entry, in nanoseconds.
const entryTime = 1_000_000

// seed keys the random bytes of instances that must agree.
var seed = [32]byte{1, 2, 3}

// newMachine starts an instance with the kit's limits.
func (k *kit) newMachine() (*machine, error) { return k.machineWith(k.module, k.options.Limits, seed) }

func (k *kit) machineWith(m *plugins.Module, l plugins.Limits, seed [32]byte) (*machine, error) {
	i, err := k.engine.NewInstance(k.ctx, m, plugins.InstanceConfig{Seed: seed, Limits: l, Created: scenario.Start})
	var guest *plugins.GuestError
	if errors.As(err, &guest) {
		return nil, skip("the machine does not start")
	}
	if err != nil {
		return nil, err
	}
	return &machine{Instance: i, kit: k, at: scenario.Start}, nil
}

// pair starts two machines that must agree.
func (k *kit) pair(l plugins.Limits) (a, b *machine, err error) {
	if a, err = k.machineWith(k.module, l, seed); err != nil {
		return nil, nil, err
	}
	if b, err = k.machineWith(k.module, l, seed); err != nil {
		a.close()
		return nil, nil, err
	}
	return a, b, nil
}

// close ends instances; what goes wrong then concerns nobody.
func (m *machine) close() { _ = m.Close(m.kit.ctx) }

// entry applies an entry at the next moment.
func (m *machine) entry(commands ...[]byte) ([]plugins.Result, error) {
	m.at.Index++
	m.at.Time += entryTime
	return m.Apply(m.kit.ctx, m.at, commands)
}

// skipEntry lets a moment pass without an entry.
func (m *machine) skipEntry() {
	m.at.Index++
	m.at.Time += entryTime
}

// exported is the state as the machine exports it.
func (m *machine) exported() ([]byte, error) {
	var b bytes.Buffer
	err := m.Export(m.kit.ctx, &b)
	var guest *plugins.GuestError
	if errors.As(err, &guest) {
		return nil, failed("wraft_snapshot must write any state the machine can get into, and return 0", "the export failed: %v", guest)
	}
	return b.Bytes(), err
}

// restored gives the machine a state. A refusal comes as *plugins.GuestError.
func (m *machine) restored(state []byte, fromVersion uint32) error {
	m.skipEntry()
	return m.Import(m.kit.ctx, m.at, bytes.NewReader(state), fromVersion)
}

// sizes are those of the entries that a workload is cut into.
var sizes = []int{1, 2, 64, 1, 7, 33, 1, 16}

// entries cuts n commands into entries.
func (k *kit) entries(n int, use uint64) (out [][][]byte) {
	commands := k.corpus.take(n, use)
	for i := 0; len(commands) > 0; i++ {
		size := min(sizes[i%len(sizes)], len(commands))
		out = append(out, commands[:size])
		commands = commands[size:]
	}
	return out
}

// load applies a workload and returns all results.
func (m *machine) load(entries [][][]byte) (out []plugins.Result, err error) {
	for _, e := range entries {
		results, err := m.entry(e...)
		if err != nil {
			return nil, err
		}
		out = append(out, results...)
	}
	return out, nil
}

// sameResults compares answers.
func sameResults(a, b []plugins.Result) bool {
	return slices.EqualFunc(a, b, func(x, y plugins.Result) bool { return x.Status == y.Status && bytes.Equal(x.Data, y.Data) })
}

// firstDifference names the first pair of results that differ, by number from 0.
func firstDifference(a, b []plugins.Result) (n int, x, y plugins.Result) {
	for n = range min(len(a), len(b)) {
		if !sameResults(a[n:n+1], b[n:n+1]) {
			return n, a[n], b[n]
		}
	}
	return n, plugins.Result{}, plugins.Result{}
}

// agree compares everything replicas have to agree on.
func agree(a, b *machine) error {
	x, err := a.StateHash()
	if err != nil {
		return err
	}
	y, err := b.StateHash()
	if err != nil {
		return err
	}
	if x != y {
		return errDiffer
	}
	return nil
}

// errDiffer says that two machines differ in memory, globals or clock.
var errDiffer = errors.New("abi: the machines differ")

// show renders a result for people.
func show(r plugins.Result) string {
	if r.Status == 0 {
		return scenario.Show(r.Data)
	}
	return "status " + statusName(r.Status) + " " + scenario.Show(r.Data)
}
