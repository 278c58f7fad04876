package counter

import (
	"strings"
	"testing"
)

func TestAgreeAndLevel(t *testing.T) {
	good := func() []Holding {
		return []Holding{{"a:1", 9, 5, "sha256:aa"}, {"b:1", 9, 5, "sha256:aa"}, {"c:1", 9, 5, "sha256:aa"}}
	}
	if err := agree(good()); err != nil || !level(good()) {
		t.Fatal(err)
	}
	for says, change := range map[string]func([]Holding){
		"c:1 counts 4, a:1 5": func(h []Holding) { h[2].Count = 4 },
		"b:1 exports":         func(h []Holding) { h[1].Digest = "sha256:bb" },
		`a:1 exports ""`:      func(h []Holding) { h[0].Digest, h[1].Digest, h[2].Digest = "", "", "" },
	} {
		h := good()
		change(h)
		if err := agree(h); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	uneven := good()
	uneven[1].Applied = 8
	if level(uneven) {
		t.Error("replicas at different indexes are called level")
	}
}
