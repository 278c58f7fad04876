package node

import (
	"fmt"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// laterCommand is a command of the meta group from Level2 on: exactly one field besides
// the version is set. Why a map: a field that is not set leaves no trace in the bytes,
// so that a release which adds one goes on writing the others as it did.
type laterCommand struct {
	Version uint8 `cbor:"0,keyasint"`
}

const laterCommandVersion = 2

// encode returns the command's bytes.
func (c laterCommand) encode() ([]byte, error) {
	c.Version = laterCommandVersion
	data, err := batchEncoding.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("node: encode meta command: %w", err)
	}
	return data, nil
}

// isLater reports whether a meta command is a CBOR map, thus a laterCommand.
func isLater(data []byte) bool { return len(data) > 0 && data[0]>>5 == 5 }

// applyLater runs a laterCommand. Below Level2 it says what a release that knows none
// says, byte for byte: all replicas must agree, and some may run it.
func (m *MetaMachine) applyLater(_ raft.Index, data []byte) plugins.Result {
	var c laterCommand
	if m.catalogue.Level < Level2 {
		return notOfThisVersion()
	}
	if err := batchDecoding.Unmarshal(data, &c); err != nil || c.Version != laterCommandVersion {
		return notOfThisVersion()
	}
	return emptyMetaCommand()
}

func notOfThisVersion() plugins.Result {
	return plugins.Result{Status: metaMalformed, Data: []byte("not a meta command of this version")}
}

func emptyMetaCommand() plugins.Result {
	return plugins.Result{Status: metaMalformed, Data: []byte("an empty meta command")}
}
