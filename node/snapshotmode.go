package node

import "fmt"

// SnapshotMode says of what a machine's Raft snapshots are made. It is chosen when
// the machine is created, and a later deploy may change it.
type SnapshotMode uint8

const (
	// SnapshotDefault in a request means SnapshotImage for a new machine, and what
	// the machine has for one that is there. A machine's record never has it.
	SnapshotDefault SnapshotMode = iota
	// SnapshotImage: of the instance's memory as it is. It costs the module nothing.
	SnapshotImage
	// SnapshotExport: of what the module's snapshot export writes, which is smaller
	// and costs the module time. Where the module refuses, an image takes its place.
	SnapshotExport
)

// snapshotModes are the names of the modes.
var snapshotModes = [...]string{"", "image", "export"}

// String names the mode as ParseSnapshotMode reads it.
func (m SnapshotMode) String() string {
	if int(m) < len(snapshotModes) {
		return snapshotModes[m]
	}
	return "invalid"
}

// ParseSnapshotMode reads "image", "export" or nothing, which is SnapshotDefault.
func ParseSnapshotMode(text string) (SnapshotMode, error) {
	for m, name := range snapshotModes {
		if name == text {
			return SnapshotMode(m), nil
		}
	}
	return 0, fmt.Errorf("node: %q is no way to take snapshots, there are image and export", text)
}

// Valid reports whether m is one of the modes, SnapshotDefault included.
func (m SnapshotMode) Valid() bool { return int(m) < len(snapshotModes) }

// orImage is the mode of a new machine.
func (m SnapshotMode) orImage() SnapshotMode {
	if m == SnapshotDefault {
		return SnapshotImage
	}
	return m
}

// fits reports whether a request for a mode is met by a machine that has one.
func (m SnapshotMode) fits(have SnapshotMode) bool { return m == SnapshotDefault || m == have }
