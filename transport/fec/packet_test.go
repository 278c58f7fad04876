package fec

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
)

func material() []byte {
	out := make([]byte, ExportBytes)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

// pair returns the two directions as both ends see them.
func pair(t testing.TB) (out, in *direction) {
	t.Helper()
	out, _, err := newDirections(material(), true)
	if err != nil {
		t.Fatal(err)
	}
	_, in, err = newDirections(material(), false)
	if err != nil {
		t.Fatal(err)
	}
	return out, in
}

func sampleParity(k, size int) (parity, []byte) {
	p := parity{
		header: header{kind: kindParity, id: 0x20212223, epoch: 5, ecn: ECT0, number: 77, time: 1_000_000},
		sent:   900, back: 12, stride: 2, m: 3, pos: 1,
		names: bytes.Repeat([]byte{1, 2, 3}, k), shard: bytes.Repeat([]byte{0xaa}, size),
	}
	b := append(append(p.append(nil), p.names...), p.shard...)
	return p, b
}

func TestPacketsReadAsTheyWereWritten(t *testing.T) {
	p, b := sampleParity(4, 60)
	if got, err := readParity(b); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, %v", got, err)
	}
	bc := beacon{header: header{kind: kindBeacon, id: 1, epoch: 63, number: 2, time: 3}, sent: 4}
	if got, err := readBeacon(bc.append(nil)); err != nil || got != bc {
		t.Errorf("%+v, %v", got, err)
	}
	r := report{header: header{kind: kindReport, id: 9, number: 8, time: 7}, sent: 6, received: 5, congested: 4, repaired: 3, runs: 2, runLost: 1, about: 63, queue: 10}
	if got, err := readReport(r.append(nil)); err != nil || got != r {
		t.Errorf("%+v, %v", got, err)
	}
}

// The layout is that of docs/FORMAT.md.
func TestLayoutIsAsDocumented(t *testing.T) {
	out, _ := pair(t)
	b := beacon{header: header{kind: kindBeacon, id: out.id, epoch: 1, number: 2, time: 3}, sent: 4}.append(nil)
	const want = "02" + "20212223" + "04" + "00000002" + "00000003" + "00000004"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("a beacon is %s, not %s", got, want)
	}
	p, b := sampleParity(2, 30)
	const head = "01" + "20212223" + "16" + "0000004d" + "000f4240" + "00000384" + "000c" + "02" + "02" + "03" + "01" + "010203010203"
	if got := hex.EncodeToString(b[:len(b)-len(p.shard)]); got != head {
		t.Errorf("a parity packet begins with %s, not %s", got, head)
	}
	if DataBytesMax != 1358 || packetBytesMax != 1278 || macBytes != 8 || beaconBytes != 18 || reportBytes != 43 {
		t.Errorf("sizes %d %d %d %d %d", DataBytesMax, packetBytesMax, macBytes, beaconBytes, reportBytes)
	}
}

func TestMalformedParityIsRefused(t *testing.T) {
	_, whole := sampleParity(4, 60)
	change := func(at int, v byte) []byte {
		b := bytes.Clone(whole)
		b[at] = v
		return b
	}
	for name, b := range map[string][]byte{
		"short":         whole[:parityHeaderBytes-1],
		"no shard":      whole[:parityHeaderBytes+12],
		"no packets":    change(parityCountAt, 0),
		"many packets":  change(parityCountAt, dataShardsMax+1),
		"more names":    change(parityCountAt, 20),
		"no parity":     change(parityCountAt+1, 0),
		"much parity":   change(parityCountAt+1, parityShardsMax+1),
		"beyond parity": change(parityCountAt+2, 3),
		"no stride":     change(parityCountAt-1, 0),
		"wide":          change(parityCountAt-1, widthMax+1),
		"long shard":    append(bytes.Clone(whole), make([]byte, shardBytesMax)...),
	} {
		if p, err := readParity(b); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestSealHoldsAndBreaks(t *testing.T) {
	out, in := pair(t)
	_, b := sampleParity(4, 60)
	sealed := out.seal(bytes.Clone(b))
	if body, ok := in.open(sealed); !ok || !bytes.Equal(body, b) {
		t.Fatal("the other end does not open it")
	}
	if _, ok := out.open(sealed); !ok {
		t.Fatal("the key is not the direction's")
	}
	for i := range 8 * len(sealed) {
		broken := bytes.Clone(sealed)
		broken[i/8] ^= 1 << (i % 8)
		if _, ok := in.open(broken); ok {
			t.Fatalf("bit %d may change", i)
		}
	}
	for n := range len(sealed) {
		if _, ok := in.open(sealed[:n]); ok {
			t.Fatalf("%d bytes are enough", n)
		}
	}
	if _, back, _ := newDirections(material(), true); back.id == out.id {
		t.Error("both directions have one ID")
	} else if _, ok := back.open(sealed); ok {
		t.Error("a packet may be sent back")
	}
	if _, _, err := newDirections(material()[1:], true); err == nil {
		t.Error("short keying material is taken")
	}
}

func TestKindsOfPackets(t *testing.T) {
	long := make([]byte, 40)
	for first, want := range map[byte][2]bool{ // ours, protected
		0x01: {true, false}, 0x3f: {true, false}, 0x40: {false, true}, 0x7f: {false, true}, 0xc0: {false, false}, 0x80: {false, false},
	} {
		long[0] = first
		if got := [2]bool{Ours(long), Protected(long)}; got != want {
			t.Errorf("%#x: %v", first, got)
		}
	}
	if Ours(nil) || Protected(nil) || Protected([]byte{0x40}) {
		t.Error("an empty packet is something")
	}
}

func TestConfigValidate(t *testing.T) {
	for name, c := range map[string]Config{
		"mode": {Mode: "maybe"}, "ratio": {ParityRatioMax: 2}, "negative ratio": {ParityRatioMax: -1}, "rate": {ParityBytesPerSecond: -1},
	} {
		if c.Validate() == nil {
			t.Errorf("%s: %+v is taken", name, c)
		}
	}
	for _, c := range []Config{{}, {Mode: ModeOff}, {Mode: ModeOn, ParityRatioMax: 0.5, ParityBytesPerSecond: 1}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
