package node

import (
	"fmt"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// laterCommand is a command of the meta group from Level2 on: exactly one field besides
// Version, By and At is set. Why a map: a field that is not set leaves no trace in the bytes,
// so that a release which adds one goes on writing the others as it did.
type laterCommand struct {
	Version uint8 `cbor:"0,keyasint"`
	// By is who asks, "" when nobody knows, and At when, in Unix ns by the clock of the node that
	// was asked.
	By string `cbor:"1,keyasint,omitempty"`
	At int64  `cbor:"3,keyasint,omitempty"`
	// First is a command of the first release, for which By asks.
	First *metaCommand `cbor:"2,keyasint,omitempty"`

	AddToken    *addTokenCommand    `cbor:"10,keyasint,omitempty"`
	RevokeToken *revokeTokenCommand `cbor:"11,keyasint,omitempty"`
	Transferred *transferredCommand `cbor:"12,keyasint,omitempty"`
	Join        *joinCommand        `cbor:"13,keyasint,omitempty"`
	RemoveDead  *removeDeadCommand  `cbor:"20,keyasint,omitempty"`
	Leaders     *leadersCommand     `cbor:"14,keyasint,omitempty"`
	Region      *regionCommand      `cbor:"15,keyasint,omitempty"`
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
func (m *MetaMachine) applyLater(index raft.Index, data []byte) plugins.Result {
	var c laterCommand
	if m.catalogue.Level < Level2 {
		return notOfThisVersion()
	}
	if err := batchDecoding.Unmarshal(data, &c); err != nil || c.Version != laterCommandVersion {
		return notOfThisVersion()
	}
	result := m.runLater(index, c)
	if changes(result) {
		m.note(index, c, result)
	}
	return result
}

func (m *MetaMachine) runLater(index raft.Index, c laterCommand) plugins.Result {
	switch {
	case c.First != nil && c.First.Version == metaCommandVersion:
		return m.runFirst(index, *c.First)
	case c.AddToken != nil:
		return m.addToken(index, c)
	case c.RevokeToken != nil:
		return m.revokeToken(index, *c.RevokeToken)
	case c.Join != nil:
		return m.join(index, c)
	case c.RemoveDead != nil:
		return m.removeDead(index, *c.RemoveDead)
	case c.Transferred != nil:
		return plugins.Result{}
	case c.Leaders != nil:
		return m.changeLeaders(index, c.Leaders.Change)
	case c.Region != nil:
		return m.moveToRegion(index, *c.Region)
	}
	return emptyMetaCommand()
}

// changes reports whether an answer says that the command changed something.
func changes(r plugins.Result) bool { return r.Status == metaOK || r.Status == metaMode }

func notOfThisVersion() plugins.Result {
	return plugins.Result{Status: metaMalformed, Data: []byte("not a meta command of this version")}
}

func emptyMetaCommand() plugins.Result {
	return plugins.Result{Status: metaMalformed, Data: []byte("an empty meta command")}
}
