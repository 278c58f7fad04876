package nodetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
)

// ledger is the machine of the simulation: each command is a client's name for an
// operation, and the answer is how many commands ran before it, so that a lost,
// doubled or reordered command shows. It remembers all of them, which module ran
// each, and where the module changed.
type ledger struct {
	module   node.Digest
	order    []uint64
	at       []int64  // log time of each, and the module that ran it
	switches []uint64 // index of each upgrade, and the module it led to
	renewals []uint64 // index of each export entry that was not refused
}

var _ node.Upgradable = (*ledger)(nil)

// Modules of the simulation by their digests: the first byte tells them apart, and
// those of which it is odd and above firstModule trap in their restore.
var firstModule = node.Digest{1}

// runOf is what replicas of a module run. In the simulation nothing is made of a
// module: it is its own artefact.
func runOf(d node.Digest) node.MachineRun { return node.MachineRun{Module: d, Artefact: d} }

func trapsInRestore(d node.Digest) bool { return d != firstModule && d[0]%2 == 1 }

// Marks are in records of an export that are no commands. switchMark is set in both.
const (
	switchMark = 1 << 63
	renewMark  = switchMark | 1<<62
)

// refusesRenewal says at which entries a ledger takes its own state back.
func refusesRenewal(index uint64) bool { return index%3 == 0 }

// Apply appends each command and answers with its position.
func (l *ledger) Apply(_ context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	out := make([]plugins.Result, len(commands))
	for i, c := range commands {
		if len(c) != 8 {
			return nil, fmt.Errorf("nodetest: command of %d bytes", len(c))
		}
		out[i].Data = binary.BigEndian.AppendUint64(nil, uint64(len(l.order)))
		l.order = append(l.order, binary.BigEndian.Uint64(c))
		l.at = append(l.at, at.Time<<8|int64(l.module[0]))
	}
	return out, nil
}

// Query answers with the number of commands.
func (l *ledger) Query(context.Context, []byte) (plugins.Result, error) {
	return plugins.Result{Data: binary.BigEndian.AppendUint64(nil, uint64(len(l.order)))}, nil
}

// Export writes everything, in records of 16 bytes.
func (l *ledger) Export(_ context.Context, w io.Writer) error {
	put := func(a, b uint64) error {
		_, err := w.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, a), b))
		return err
	}
	for i, op := range l.order {
		if err := put(op, uint64(l.at[i])); err != nil {
			return err
		}
	}
	for _, s := range l.switches {
		if err := put(switchMark, s); err != nil {
			return err
		}
	}
	for _, r := range l.renewals {
		if err := put(renewMark, r); err != nil {
			return err
		}
	}
	return nil
}

// Import reads what Export wrote and notes the change: of the module, or of the
// instance when the state is of the same module. A module that traps does so after the
// first record.
func (l *ledger) Import(_ context.Context, at plugins.Moment, r io.Reader, from uint32) error {
	var b [16]byte
	for {
		_, err := io.ReadFull(r, b[:])
		switch {
		case trapsInRestore(l.module):
			return &plugins.GuestError{Export: "wraft_restore", Status: plugins.StatusTrap, Text: fmt.Sprintf("unreachable, from version %d", from)}
		case uint64(from) == uint64(l.module[0]) && refusesRenewal(at.Index):
			return &plugins.GuestError{Export: "wraft_restore", Status: 3, Text: "a third of all indexes"}
		case errors.Is(err, io.EOF) && uint64(from) == uint64(l.module[0]):
			l.renewals = append(l.renewals, at.Index)
			return nil
		case errors.Is(err, io.EOF):
			l.switches = append(l.switches, at.Index<<8|uint64(l.module[0]))
			return nil
		case err != nil:
			return err
		}
		a, v := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
		switch a {
		case switchMark:
			l.switches = append(l.switches, v)
		case renewMark:
			l.renewals = append(l.renewals, v)
		default:
			l.order, l.at = append(l.order, a), append(l.at, int64(v))
		}
	}
}

// Version is the first byte of the module.
func (l *ledger) Version(context.Context) (uint32, error) { return uint32(l.module[0]), nil }

// Clock is the log's.
func (l *ledger) Clock() int64 { return 0 }

// Close does nothing: a ledger is memory.
func (l *ledger) Close(context.Context) error { return nil }
