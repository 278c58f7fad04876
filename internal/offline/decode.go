package offline

import (
	"fmt"
	"math"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/entries"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// Form is what bytes are taken for.
type Form string

// The forms. FormAuto tries them in this order.
const (
	FormAuto          Form = "auto"
	FormSnapshot      Form = "snapshot"
	FormConfiguration Form = "configuration"
	FormEntry         Form = "entry"
	FormCBOR          Form = "cbor"
)

// Forms are all of them.
func Forms() []Form {
	return []Form{FormAuto, FormSnapshot, FormConfiguration, FormEntry, FormCBOR}
}

// Decoded is what bytes say, in the field of their form.
type Decoded struct {
	Form  Form `json:"form"`
	Bytes int  `json:"bytes"`
	// Snapshot is the header of a snapshot file, of which nothing else is read.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	// Configuration is that of an entry, in words.
	Configuration string `json:"configuration,omitempty"`
	// Entry is the data of an entry with commands; index and term do not stand in it.
	Entry *client.LogEntry `json:"entry,omitempty"`
	// CBOR are items in diagnostic notation (RFC 8949 §8): commands of the meta group, its
	// catalogue, records, frames.
	CBOR []string `json:"cbor,omitempty"`
}

// Decode reads bytes as a form. The error is a *client.Problem, CodeUndecodable when they are
// not of it.
func Decode(data []byte, as Form) (Decoded, error) {
	d := Decoded{Bytes: len(data)}
	var why error
	for _, form := range Forms()[1:] {
		if as != FormAuto && as != form {
			continue
		}
		if err := d.read(data, form); err != nil {
			why = err
			continue
		}
		d.Form = form
		return d, nil
	}
	if as == FormAuto {
		why = fmt.Errorf("the %d bytes are none of the forms that this release knows", len(data))
	}
	return d, client.NewProblem(client.CodeUndecodable, "%v", why).WithCause(why)
}

// read fills in the field of one form.
func (d *Decoded) read(data []byte, form Form) error {
	switch form {
	case FormSnapshot:
		h, err := storage.ReadSnapshotHeader(data)
		if err != nil {
			return err
		}
		d.Snapshot = &Snapshot{
			Group: client.GroupID(h.Group), Index: uint64(h.Meta.Index), Term: uint64(h.Meta.Term), Kind: h.Kind,
			Configuration: entries.Configuration(h.Meta.Configuration), Bytes: int64(len(data)),
		}
		if h.Base != (storage.Digest{}) {
			d.Snapshot.Base = h.Base.String()
		}
	case FormConfiguration:
		c, err := confchange.Decode(data)
		if err != nil {
			return err
		}
		d.Configuration = entries.Configuration(c)
	case FormEntry:
		if _, err := node.DecodeBatch(data); err != nil {
			return err
		}
		e := entries.Read(raft.Entry{Type: raft.EntryCommand, Data: data}, math.MaxInt)
		d.Entry = &e
	case FormCBOR:
		items, err := Diagnose(data)
		if err != nil {
			return err
		}
		d.CBOR = items
	}
	return nil
}

// Diagnose writes a sequence of CBOR items in diagnostic notation. The error says where the
// bytes end to be CBOR.
func Diagnose(data []byte) (items []string, err error) {
	rest := data
	for len(rest) > 0 {
		text, after, err := cbor.DiagnoseFirst(rest)
		if err != nil {
			return items, fmt.Errorf("offline: no CBOR at byte %d: %w", len(data)-len(rest), err)
		}
		items, rest = append(items, text), after
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("offline: there are no bytes")
	}
	return items, nil
}
