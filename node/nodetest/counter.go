package nodetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
)

// ledger is the machine of the simulation: each command is a client's name for an
// operation, and the answer is how many commands ran before it, so that a lost,
// doubled or reordered command shows. It remembers all of them.
type ledger struct {
	order []uint64
	at    []int64 // log time of each
}

var _ node.Machine = (*ledger)(nil)

// Apply appends each command and answers with its position.
func (l *ledger) Apply(_ context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	out := make([]plugins.Result, len(commands))
	for i, c := range commands {
		if len(c) != 8 {
			return nil, fmt.Errorf("nodetest: command of %d bytes", len(c))
		}
		out[i].Data = binary.BigEndian.AppendUint64(nil, uint64(len(l.order)))
		l.order = append(l.order, binary.BigEndian.Uint64(c))
		l.at = append(l.at, at.Time)
	}
	return out, nil
}

// Query answers with the number of commands.
func (l *ledger) Query(context.Context, []byte) (plugins.Result, error) {
	return plugins.Result{Data: binary.BigEndian.AppendUint64(nil, uint64(len(l.order)))}, nil
}

// Export writes everything.
func (l *ledger) Export(_ context.Context, w io.Writer) error {
	for i, op := range l.order {
		b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, op), uint64(l.at[i]))
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing: a ledger is memory.
func (l *ledger) Close(context.Context) error { return nil }
