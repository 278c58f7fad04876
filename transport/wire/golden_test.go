package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/raft"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// conformanceDir holds a copy of the vectors for those who implement the format.
const conformanceDir = "../../conformance/wire"

// vector is a golden encoding and what it means, for other implementations too.
type vector struct {
	Name    string         `json:"name"`
	Kind    uint8          `json:"kind"`
	Hex     string         `json:"hex"`
	Header  map[uint64]any `json:"header"`            // key to value
	Entries []vectorEntry  `json:"entries,omitempty"` // what the tail of an append says
	Tail    string         `json:"tail,omitempty"`    // hex
}

type vectorEntry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Type  uint8  `json:"type"`
	Data  string `json:"data"` // hex
}

// describe says what a frame means, read by a CBOR library and not by our decoder.
func describe(t *testing.T, name string, data []byte) vector {
	t.Helper()
	v := vector{Name: name, Kind: data[5], Hex: hex.EncodeToString(data)}
	rest, err := cbor.UnmarshalFirst(data[HeadBytes:], &v.Header)
	if err != nil {
		t.Fatalf("%s: a CBOR library cannot read it: %v", name, err)
	}
	deterministic, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := deterministic.Marshal(v.Header)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, data[HeadBytes:len(data)-len(rest)]) {
		t.Errorf("%s: not the core deterministic encoding:\n got %x\nwant %x", name, data[HeadBytes:], again)
	}
	v.Tail = hex.EncodeToString(rest)
	return v
}

func currentVectors(t *testing.T) []vector {
	t.Helper()
	var vectors []vector
	for _, s := range samples() {
		data, err := Append(nil, s.frame)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		v := describe(t, s.name, data)
		if m, ok := s.frame.Payload.(raft.Append); ok {
			for _, e := range m.Entries {
				v.Entries = append(v.Entries, vectorEntry{uint64(e.Index), uint64(e.Term), uint8(e.Type), hex.EncodeToString(e.Data)})
			}
		}
		vectors = append(vectors, v)
	}
	for _, s := range sessionSamples() {
		data, err := s.encode()
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		vectors = append(vectors, describe(t, s.name, data))
	}
	return vectors
}

func TestGoldenVectors(t *testing.T) {
	compareGolden(t, "frames.json", currentVectors(t))
}

// compareGolden compares what has a JSON form with testdata and with the copy in
// conformance, or writes both with -update.
func compareGolden(t *testing.T, file string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	for _, path := range []string{filepath.Join("testdata", file), filepath.Join(conformanceDir, file)} {
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what is encoded now; a change of the format needs a new Version, a new vector `go test ./transport/wire -update`", path)
		}
	}
}

// The vectors on disk must decode, and encode to the same bytes again.
func TestGoldenVectorsDecode(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "frames.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	seen := map[Kind]bool{}
	for _, v := range vectors {
		want, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		got, err := reencode(want)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: encodes again to %x, %v", v.Name, got, err)
		}
		seen[Kind(v.Kind)] = true
	}
	for i := range kinds {
		if kind := Kind(i); kind.Valid() && !seen[kind] {
			t.Errorf("no vector for %s", kind)
		}
	}
}

// refusal is an input that must not decode.
type refusal struct {
	Name string `json:"name"`
	Hex  string `json:"hex"`
}

func refusals() []refusal {
	return []refusal{
		{"a head that is cut", "0000000101"},
		{"format version 0", "00000001" + "00" + "03" + "a0"},
		{"format version 2", "00000001" + "02" + "03" + "a0"},
		{"kind 0", "00000001" + "01" + "00" + "a0"},
		{"an unknown kind", "00000001" + "01" + "0e" + "a0"},
		{"a heartbeat longer than allowed", "00000081" + "01" + "03" + "a0"},
		{"an append longer than allowed", "01000001" + "01" + "01" + "a0"},
		{"an empty body", "00000000" + "01" + "03"},
		{"an array as header", "00000001" + "01" + "03" + "80"},
		{"a map of indefinite length", "00000002" + "01" + "03" + "bfff"},
		{"a map with a long head", "00000002" + "01" + "03" + "b800"},
		{"an unknown field", "00000003" + "01" + "03" + "a10401"},
		{"a text key", "00000004" + "01" + "03" + "a1613101"},
		{"a negative key", "00000003" + "01" + "03" + "a12001"},
		{"a key in a long form", "00000004" + "01" + "03" + "a1180101"},
		{"fields out of order", "00000005" + "01" + "03" + "a202010101"},
		{"a field twice", "00000005" + "01" + "03" + "a201010101"},
		{"fewer fields than announced", "00000003" + "01" + "03" + "a20101"},
		{"more fields than announced", "00000005" + "01" + "03" + "a101010201"},
		{"a zero that is written", "00000003" + "01" + "03" + "a10100"},
		{"a number in two bytes that fits in one", "00000004" + "01" + "03" + "a1011817"},
		{"a number in three bytes that fits in two", "00000005" + "01" + "03" + "a1011900ff"},
		{"a number in five bytes that fits in three", "00000007" + "01" + "03" + "a1011a0000ffff"},
		{"a number in nine bytes that fits in five", "0000000b" + "01" + "03" + "a1011b00000000ffffffff"},
		{"a number that is cut", "00000004" + "01" + "03" + "a1011901"},
		{"a negative number", "00000003" + "01" + "03" + "a10120"},
		{"a float", "00000005" + "01" + "03" + "a101f93c00"},
		{"a text instead of a number", "00000004" + "01" + "03" + "a1016131"},
		{"a reason over 255", "00000005" + "01" + "06" + "a103190100"},
		{"a false that is written", "00000003" + "01" + "06" + "a102f4"},
		{"a number as flag", "00000003" + "01" + "06" + "a10201"},
		{"bytes behind a heartbeat", "00000002" + "01" + "03" + "a000"},
		{"bytes behind an append without entries", "00000002" + "01" + "01" + "a000"},
		{"an entry count without entries", "00000003" + "01" + "01" + "a10601"},
		{"an entry of type 0", "00000008" + "01" + "01" + "a10601" + "8000000000"},
		{"an entry of type 4", "00000008" + "01" + "01" + "a10601" + "8400000000"},
		{"an entry without its term", "00000008" + "01" + "01" + "a10601" + "0100000000"},
		{"an entry that repeats the term", "00000010" + "01" + "01" + "a10601" + "01" + "0000000000000000" + "00000000"},
		{"an entry whose data is cut", "00000009" + "01" + "01" + "a10601" + "8100000002" + "ff"},
		{"an entry length of 4 GiB", "00000008" + "01" + "01" + "a10601" + "81ffffffff"},
		{"bytes behind the last entry", "00000009" + "01" + "01" + "a10601" + "8100000000" + "00"},
		{"4 billion entries", "00000007" + "01" + "01" + "a1061affffffff"},
		{"indexes that overflow", "00000012" + "01" + "01" + "a2021bffffffffffffffff0601" + "8100000000"},
		{"a snapshot without a configuration", "00000003" + "01" + "0c" + "a10101"},
		{"a snapshot with no voter", "00000007" + "01" + "0c" + "a10101" + "01000000"},
		{"a snapshot with a number in a long form", "0000000a" + "01" + "0c" + "a10101" + "01018100010000"},
		{"a snapshot longer than allowed", "00000d01" + "01" + "0c" + "a0"},
		{"bytes behind the answer to a snapshot", "00000002" + "01" + "0d" + "a000"},
		{"a hello without versions", "00000001" + "01" + "20" + "a0"},
		{"a hello whose least version is above its greatest", "00000005" + "01" + "20" + "a201020201"},
		{"a hello with a name that is no UTF-8", "00000008" + "01" + "20" + "a30101020103" + "61ff"},
		{"a hello with bytes behind it", "00000006" + "01" + "20" + "a20101020100"},
		{"a hello with a later field out of order", "00000009" + "01" + "20" + "a401010201" + "0a01" + "0901"},
		{"a hello with an array as later field", "00000007" + "01" + "20" + "a301010201" + "0980"},
		{"a hello with a later string that is cut", "00000008" + "01" + "20" + "a301010201" + "094401"},
		{"a file request without a name", "00000003" + "01" + "28" + "a10201"},
		{"a file request with a name of 256 bytes", "00000005" + "01" + "28" + "a101790100"},
		{"a file request with a name that is cut", "00000004" + "01" + "28" + "a1016261"},
		{"a file reply with a status over 255", "00000005" + "01" + "29" + "a101190100"},
	}
}

func TestRefusals(t *testing.T) {
	compareGolden(t, "refused.json", refusals())
	for _, r := range refusals() {
		data, err := hex.DecodeString(r.Hex)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		// The length must be right, or every row would be refused for that.
		head, err := ParseHead(data)
		if err == nil && len(data) != HeadBytes+head.BodyBytes {
			t.Errorf("%s: the row is wrong: %d bytes of body, the head says %d", r.Name, len(data)-HeadBytes, head.BodyBytes)
		}
		if again, err := reencode(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: accepted as %x, %v", r.Name, again, err)
		}
	}
}
