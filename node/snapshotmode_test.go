package node

import "testing"

func TestSnapshotModeText(t *testing.T) {
	for text, want := range map[string]SnapshotMode{"": SnapshotDefault, "image": SnapshotImage, "export": SnapshotExport} {
		if got, err := ParseSnapshotMode(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"Image", "images", "invalid", "0"} {
		if _, err := ParseSnapshotMode(bad); err == nil {
			t.Errorf("%q was taken for a mode", bad)
		}
	}
}

// TestMetaKeepsTheSnapshotMode: image unless another was asked for, until a later
// request asks for another one, and never by one that is refused.
func TestMetaKeepsTheSnapshotMode(t *testing.T) {
	d := newMetaDesk(t)
	run := MachineRun{Module: Digest{7}}
	deploy := func(name string, m SnapshotMode) int32 {
		t.Helper()
		return d.apply(DeployCommand(name, run, m)).Status
	}
	for _, c := range []struct {
		name string
		mode SnapshotMode
		want int32
	}{
		{"plain", SnapshotDefault, metaOK}, {"small", SnapshotExport, metaOK},
		{"plain", SnapshotImage, metaExists}, {"plain", SnapshotDefault, metaExists}, {"plain", SnapshotExport, metaMode},
		{"small", SnapshotDefault, metaExists}, {"small", SnapshotExport, metaExists}, {"small", SnapshotImage, metaMode}, {"small", SnapshotImage, metaExists}, {"small", SnapshotExport, metaMode},
		{"odd", 9, metaMalformed},
	} {
		if got := deploy(c.name, c.mode); got != c.want {
			t.Errorf("%s with mode %d: status %d, want %d", c.name, c.mode, got, c.want)
		}
	}
	for name, want := range map[string]SnapshotMode{"plain": SnapshotExport, "small": SnapshotExport, "counter": SnapshotImage} {
		if m, _ := d.seen.Machine(name); m.Snapshot != want {
			t.Errorf("%s has mode %v, want %v", name, m.Snapshot, want)
		}
	}
}
