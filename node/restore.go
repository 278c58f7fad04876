package node

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft"
)

// RestoreStep is what a restore order asks for.
type RestoreStep uint8

const (
	// RestoreBegin begins an attempt to give a machine its state; the entry's index
	// names it. Another one that is under way is given up.
	RestoreBegin RestoreStep = 1
	// RestoreData brings the next bytes of the state.
	RestoreData RestoreStep = 2
	// RestoreCommit ends the attempt: the machine has the state, or goes on waiting.
	RestoreCommit RestoreStep = 3
)

// RestoreOrder is the data of a restore command. Why the state goes through the log: all
// replicas have it then, also those that are away, without anything that would have to
// be kept, spread and cleaned up beside it.
type RestoreOrder struct {
	_       struct{} `cbor:",toarray"`
	Step    RestoreStep
	Attempt raft.Index // 0 with RestoreBegin
	Offset  uint64     // of Data in the state; with RestoreCommit the length of all of it
	Data    []byte     // at most restoreChunkBytes
}

// RestoreOutcome is the answer to a restore order. It is the same on every replica.
type RestoreOutcome struct {
	_       struct{} `cbor:",toarray"`
	Attempt raft.Index
	Taken   uint64 // bytes of the state, so far
	Status  int32  // 0, or one of StatusRestore...
	Reason  string // why it was refused, at most upgradeReasonBytesMax
}

const (
	// StatusRestoring: the machine waits for its state; nothing was executed.
	StatusRestoring int32 = -115
	// StatusRestoreRefused: what came makes no state of this machine, which goes on
	// waiting for one. The outcome says why.
	StatusRestoreRefused int32 = -116
	// StatusRestoreStale: another attempt was begun since.
	StatusRestoreStale int32 = -117
	// StatusRestoreLate: the machine has a state already.
	StatusRestoreLate int32 = -118
)

// restoreChunkBytes is how much of a state an entry carries. Why not more: with its
// frame it has to fit into an entry of any configuration, and heartbeats wait behind it.
const restoreChunkBytes = 256 << 10

// RestoreCommand is the command that puts an order into a machine's log.
func RestoreCommand(o RestoreOrder) (Command, error) {
	data, err := encodeUpgrade(o)
	return Command{Kind: CommandRestore, Data: data}, err
}

// DecodeRestoreOutcome reads the answer to a restore command.
func DecodeRestoreOutcome(data []byte) (RestoreOutcome, error) {
	var o RestoreOutcome
	if err := batchDecoding.Unmarshal(data, &o); err != nil {
		return RestoreOutcome{}, fmt.Errorf("node: the outcome of a restore cannot be read: %w", err)
	}
	return o, nil
}

// ErrRestoring: the machine was created for a state of a backup that it does not have
// yet. Finish the restore, or delete the machine.
var ErrRestoring = errors.New("node: the machine waits for its state from a backup")

// RestoreRefusedError: what was sent makes no state of the machine, which goes on
// waiting for one. Use another backup, or delete the machine.
type RestoreRefusedError struct {
	Machine string
	Reason  string
}

// Error says why.
func (e *RestoreRefusedError) Error() string {
	return fmt.Sprintf("node: the state for %q was refused: %s", e.Machine, e.Reason)
}

// RestoreExistsError: there is a machine of that name that does not wait for this state.
// Delete it, or restore under another name.
type RestoreExistsError struct {
	Machine string
	Why     string
}

// Error says what is in the way.
func (e *RestoreExistsError) Error() string {
	return fmt.Sprintf("node: machine %q is there already: %s", e.Machine, e.Why)
}

// ErrRestoreOverrun: another restore of the machine was begun meanwhile. See how that
// one ends.
var ErrRestoreOverrun = errors.New("node: another restore of the machine was begun meanwhile")
