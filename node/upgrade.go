package node

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// DeployID names one upgrade in the whole cluster. The meta group counts them
// from 1; in a machine's log they only rise, since a machine has one upgrade
// under way at a time.
type DeployID uint64

// UpgradeOrder is the data of an upgrade command: what the machine's log tells
// its replicas to do.
type UpgradeOrder struct {
	_    struct{} `cbor:",toarray"`
	ID   DeployID
	From MachineRun // what the machine must be running
	To   MachineRun // what it is to run
	// Refused is the leader's verdict on the new module, or empty. Why in the
	// order: whether a binary is a module depends on the wraftd that reads it, and
	// replicas of different versions have to agree.
	Refused string
}

// UpgradeOutcome is what came of an order. It is the same on every replica.
type UpgradeOutcome struct {
	_      struct{} `cbor:",toarray"`
	ID     DeployID
	Index  raft.Index // of the entry that decided it, in the machine's log
	Status int32      // 0, StatusUpgradeRefused or StatusUpgradeStale
	Reason string     // why it was refused, at most upgradeReasonBytesMax
	Module Digest     // that serves behind Index
}

const (
	// StatusUpgradeRefused: the old module goes on; the outcome says why.
	StatusUpgradeRefused int32 = -111
	// StatusUpgradeStale: a later upgrade was decided already. The meta group knows
	// what became of this one.
	StatusUpgradeStale int32 = -112
)

// upgradeReasonBytesMax bounds the reason of a refusal.
const upgradeReasonBytesMax = 1 << 10

// encodeUpgrade returns the CBOR of an order or outcome.
func encodeUpgrade(v any) ([]byte, error) {
	data, err := batchEncoding.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("node: encode upgrade: %w", err)
	}
	return data, nil
}

// UpgradeCommand is the command that puts an order into a machine's log.
func UpgradeCommand(o UpgradeOrder) (Command, error) {
	data, err := encodeUpgrade(o)
	return Command{Kind: CommandUpgrade, Data: data}, err
}

// DecodeUpgradeOutcome reads the answer to an upgrade command.
func DecodeUpgradeOutcome(data []byte) (UpgradeOutcome, error) {
	var o UpgradeOutcome
	if err := batchDecoding.Unmarshal(data, &o); err != nil {
		return UpgradeOutcome{}, fmt.Errorf("node: the outcome of an upgrade cannot be read: %w", err)
	}
	return o, nil
}

// verdictOf is the reason for refusing an upgrade when err is the module's fault,
// which it then is on every replica. ok is false for trouble of this node.
func verdictOf(what string, err error) (reason string, ok bool) {
	var guest *plugins.GuestError
	var refused *plugins.RefusedError
	var version *plugins.VersionError
	switch {
	case errors.As(err, &guest) && guest.Status > 0:
		return boundedReason(fmt.Sprintf("%s: %s: status %d: %s", what, guest.Export, guest.Status, guest.Text)), true
	case errors.As(err, &guest):
		return boundedReason(fmt.Sprintf("%s: %s: %s", what, guest.Export, guest.Text)), true
	case errors.As(err, &refused):
		return boundedReason(fmt.Sprintf("%s: %v", what, refused)), true
	case errors.As(err, &version):
		return boundedReason(fmt.Sprintf("%s: %v", what, version)), true
	}
	return "", false
}

// boundedReason cuts a text at a character that ends within the bound.
func boundedReason(text string) string {
	if len(text) <= upgradeReasonBytesMax {
		return text
	}
	end := upgradeReasonBytesMax
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
