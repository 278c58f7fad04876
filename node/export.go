package node

import (
	"fmt"

	"github.com/wraft/wraft/raft"
)

// ExportOrder is the data of an export command: every replica of the machine hands
// its state to a fresh instance of what it runs, through the module's own exports,
// and goes on with that.
type ExportOrder struct {
	_ struct{} `cbor:",toarray"`
	// After is the index of the newest export entry that the proposer had applied.
	// Why: of orders that were given for the same reason only the first counts.
	After raft.Index
}

// ExportOutcome is what came of an order. It is the same on every replica.
type ExportOutcome struct {
	_      struct{}   `cbor:",toarray"`
	Index  raft.Index // of the entry; 0: there was none
	Status int32      // 0, StatusExportRefused or StatusExportStale
	Reason string     // why it was refused, at most upgradeReasonBytesMax
}

const (
	// StatusExportRefused: the module does not export its state or does not take it
	// back; the instance goes on as it was. The outcome says why.
	StatusExportRefused int32 = -113
	// StatusExportStale: another export came before; nothing happened.
	StatusExportStale int32 = -114
)

// ExportCommand is the command that puts an order into a machine's log.
func ExportCommand(o ExportOrder) (Command, error) {
	data, err := encodeUpgrade(o)
	return Command{Kind: CommandExport, Data: data}, err
}

// DecodeExportOutcome reads the answer to an export command.
func DecodeExportOutcome(data []byte) (ExportOutcome, error) {
	var o ExportOutcome
	if err := batchDecoding.Unmarshal(data, &o); err != nil {
		return ExportOutcome{}, fmt.Errorf("node: the outcome of an export cannot be read: %w", err)
	}
	return o, nil
}

// alone reports whether a command has an entry to itself: replicas change their
// instance at it, and one entry is one call of a module.
func (k CommandKind) alone() bool {
	return k == CommandUpgrade || k == CommandExport || k == CommandRestore
}
