package client

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestNodeInfoKeepsRoundTripInMicroseconds(t *testing.T) {
	in := NodeInfo{ID: 2, Name: "two", API: "127.0.0.1:7453", Role: "follower", Up: true, Down: "silent", RTT: 1500 * time.Microsecond}
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"rtt_us":1500`) || !strings.Contains(string(data), `"name":"two"`) {
		t.Fatalf("travels as %s", data)
	}
	var out NodeInfo
	if err := json.Unmarshal(data, &out); err != nil || !reflect.DeepEqual(out, in) {
		t.Fatalf("came back as %+v, %v", out, err)
	}
}

func TestSessionTravelsAsString(t *testing.T) {
	in := SessionID(1<<63 + 1)
	data, err := json.Marshal(in)
	if err != nil || string(data) != `"9223372036854775809"` {
		t.Fatalf("%s, %v", data, err)
	}
	var out SessionID
	if err := json.Unmarshal(data, &out); err != nil || out != in {
		t.Fatalf("%v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`"-1"`), &out); err == nil {
		t.Fatal("a negative session was taken")
	}
}
