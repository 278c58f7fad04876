package node

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// CommandKind says what a command asks of the replicated state.
type CommandKind uint8

const (
	// CommandCall hands Data to the machine's apply.
	CommandCall CommandKind = 1
	// CommandOpenSession registers a session; its answer is the session's ID.
	CommandOpenSession CommandKind = 2
	// CommandUpgrade changes the machine's module; its data is an UpgradeOrder. It
	// is alone in its entry.
	CommandUpgrade CommandKind = 3
	// CommandExport has the machine's state go through the module's own exports; its
	// data is an ExportOrder. It is alone in its entry.
	CommandExport CommandKind = 4
	// CommandRestore brings a machine that waits for it its state from a backup; its
	// data is a RestoreOrder. It is alone in its entry.
	CommandRestore CommandKind = 5
	// CommandKeyed hands a call to the machine's apply, once for all commands under its
	// idempotency key: see KeyedCommand. From Level2 on.
	CommandKeyed CommandKind = 6
	// CommandTimedSession is CommandOpenSession, and from the first one on sessions end
	// after SessionLifetime and have numbers that no other group's have. From Level2 on.
	CommandTimedSession CommandKind = 7
)

// SessionID names a client session of one machine; 0 means "no session".
type SessionID uint64

// Command is one command as it stands in an entry. Without a session it is
// applied each time it is committed; with one, at most once per sequence.
type Command struct {
	_        struct{} `cbor:",toarray"`
	Kind     CommandKind
	Session  SessionID
	Sequence uint64 // from 1; unique within the session
	AckBelow uint64 // the client holds the answers of all sequences below
	Data     []byte
}

// Batch is the data of a command entry: the commands the leader packed into it.
// The boundary is part of the log, since one entry is one call of the module.
type Batch struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8
	Elapsed  int64 // ns of the leader's monotonic clock since it began to lead
	Wall     int64 // Unix ns at the leader, for display only
	Commands []Command
}

const (
	batchVersion = 1
	// BatchCommandsMax bounds the commands of one entry.
	BatchCommandsMax = 1024
	// BatchBytesMax is where the leader stops packing; a single larger command
	// still travels, alone.
	BatchBytesMax = 1 << 20
	// commandOverheadBytes bounds what a command adds to its data when encoded.
	commandOverheadBytes = 48
)

// ErrMalformedEntry: a committed entry is not a batch of this version. A newer
// wraftd wrote it or the log is damaged; the replica stops. Call a human.
var ErrMalformedEntry = errors.New("node: malformed entry")

var (
	batchEncoding = mustEncoding()
	batchDecoding = mustDecoding()
)

func mustEncoding() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(fmt.Sprintf("node: cbor encoding options: %v", err)) // a constant of ours
	}
	return mode
}

func mustDecoding() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxArrayElements: 1 << 16, MaxNestedLevels: 8,
	}.DecMode()
	if err != nil {
		panic(fmt.Sprintf("node: cbor decoding options: %v", err)) // a constant of ours
	}
	return mode
}

// Encode returns the batch as entry data.
func (b Batch) Encode() ([]byte, error) {
	b.Version = batchVersion
	data, err := batchEncoding.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("node: encode batch: %w", err)
	}
	return data, nil
}

// DecodeBatch reads entry data. The commands' data may lie in data: neither is to be changed.
func DecodeBatch(data []byte) (Batch, error) { return decodeBatchInto(nil, data) }

// decodeBatchInto is DecodeBatch with room for the commands.
func decodeBatchInto(room []Command, data []byte) (Batch, error) {
	if b, ok := readBatch(data, room); ok {
		return b, nil
	}
	return decodeBatch(data)
}

// decodeBatch is DecodeBatch for whatever is CBOR.
func decodeBatch(data []byte) (Batch, error) {
	var b Batch
	if err := batchDecoding.Unmarshal(data, &b); err != nil {
		return Batch{}, fmt.Errorf("%w: %w", ErrMalformedEntry, err)
	}
	if b.Version != batchVersion {
		return Batch{}, fmt.Errorf("%w: version %d, this wraftd reads %d", ErrMalformedEntry, b.Version, batchVersion)
	}
	if len(b.Commands) > BatchCommandsMax {
		return Batch{}, fmt.Errorf("%w: %d commands, at most %d are allowed", ErrMalformedEntry, len(b.Commands), BatchCommandsMax)
	}
	return b, nil
}

// size is what the command counts against BatchBytesMax.
func (c Command) size() int { return len(c.Data) + commandOverheadBytes }
