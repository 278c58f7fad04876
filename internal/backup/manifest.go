package backup

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/wraft/wraft/client"
)

// Version is that of the format.
const Version = 1

// Kinds of parts.
const (
	KindModule   = "module"
	KindArtefact = "artefact"
	KindState    = "state"
)

// Manifest says what is in a file.
type Manifest struct {
	Version int       `json:"version"`
	Cluster string    `json:"cluster"`
	Created time.Time `json:"created"`
	// Release is that of the wraftd which wrote the file.
	Release  string    `json:"release"`
	Machines []Machine `json:"machines"`
	Parts    []Part    `json:"parts"`
}

// Machine is a machine in a file.
type Machine struct {
	client.BackupInfo
	// State names what comes of the state when it is restored; "" when that was not tried.
	State string `json:"state,omitempty"`
	// The parts, by their place in Manifest.Parts.
	ModulePart   int `json:"module_part"`
	ArtefactPart int `json:"artefact_part"`
	StatePart    int `json:"state_part"`
}

// Part is some bytes in a file.
type Part struct {
	Kind string `json:"kind"`
	// Offset and Stored are where it lies, Bytes is how long its content is.
	Offset int64 `json:"offset"`
	Stored int64 `json:"stored_bytes"`
	Bytes  int64 `json:"bytes"`
	// SHA256 is that of the content, which is a module's or an artefact's digest.
	SHA256 client.Digest `json:"sha256"`
}

const (
	// manifestBytesMax bounds a manifest: 4096 machines with four parts each and room to spare.
	manifestBytesMax = 16 << 20
	machinesMax      = 4096
	partsMax         = 3 * machinesMax
	// moduleBytesMax bounds what is read into memory of a module or an artefact.
	moduleBytesMax = 256 << 20
)

// readManifest decodes a manifest of a file whose parts end at an offset.
func readManifest(data []byte, end int64) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	if m.Version != Version {
		return m, fmt.Errorf("it is of version %d, this wraftd reads %d", m.Version, Version)
	}
	if len(m.Machines) > machinesMax || len(m.Parts) > partsMax {
		return m, fmt.Errorf("%d machines and %d parts", len(m.Machines), len(m.Parts))
	}
	at := int64(headBytes)
	for i, p := range m.Parts {
		if p.Offset != at || p.Stored < 0 || p.Stored > end-at || p.Bytes < 0 {
			return m, fmt.Errorf("part %d lies at %d to %d, the one before it ends at %d", i, p.Offset, p.Offset+p.Stored, at)
		}
		at += p.Stored
	}
	if at != end {
		return m, fmt.Errorf("the parts end at %d, the manifest begins at %d", at, end)
	}
	return m, m.checkMachines()
}

func (m Manifest) checkMachines() error {
	seen := map[string]bool{}
	for _, k := range m.Machines {
		if err := client.CheckMachineName(k.Machine); err != nil || seen[k.Machine] {
			return fmt.Errorf("%.80q is no name for a machine here", k.Machine)
		}
		seen[k.Machine] = true
		for _, part := range []struct {
			kind   string
			number int
			digest client.Digest
		}{{KindModule, k.ModulePart, k.Module}, {KindArtefact, k.ArtefactPart, k.Artefact}, {KindState, k.StatePart, ""}} {
			if part.number < 0 || part.number >= len(m.Parts) || m.Parts[part.number].Kind != part.kind {
				return fmt.Errorf("machine %q: part %d is no %s", k.Machine, part.number, part.kind)
			}
			if p := m.Parts[part.number]; part.digest != "" && (p.SHA256 != part.digest || p.Bytes > moduleBytesMax) {
				return fmt.Errorf("machine %q: part %d is another %s", k.Machine, part.number, part.kind)
			}
		}
	}
	return nil
}
