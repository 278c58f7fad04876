package offline

import (
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft/confchange"
)

func TestDecodeTellsForms(t *testing.T) {
	batch, err := node.Batch{Commands: []node.Command{{Kind: node.CommandCall, Session: 7, Sequence: 2, Data: []byte("incr")}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	conf := confchange.Configuration{Voters: []confchange.Member{{Node: 1, Incarnation: 1}, {Node: 2, Incarnation: 1}}}.Encode()
	plain, err := cbor.Marshal(map[int]string{1: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for form, data := range map[Form][]byte{FormEntry: batch, FormConfiguration: conf, FormCBOR: append(plain, plain...)} {
		for _, as := range []Form{FormAuto, form} {
			d, err := Decode(data, as)
			if err != nil || d.Form != form || d.Bytes != len(data) {
				t.Fatalf("%s as %s: %+v, %v", form, as, d, err)
			}
			switch form {
			case FormEntry:
				if c := d.Entry.Commands; len(c) != 1 || c[0].Session != 7 || string(c[0].Data) != "incr" {
					t.Errorf("%+v", d.Entry)
				}
			case FormConfiguration:
				if !strings.Contains(d.Configuration, "1") || !strings.Contains(d.Configuration, "2") {
					t.Errorf("%+v", d)
				}
			case FormCBOR:
				if len(d.CBOR) != 2 || d.CBOR[1] != `{1: "a"}` {
					t.Errorf("%+v", d)
				}
			}
		}
	}
	for _, c := range []struct {
		data string
		as   Form
	}{{"\xff\xff", FormAuto}, {"", FormAuto}, {string(plain), FormEntry}, {string(batch), FormSnapshot}, {"wraftsnp", FormSnapshot}, {string(conf[:len(conf)-1]), FormConfiguration}} {
		var p *client.Problem
		if _, err := Decode([]byte(c.data), c.as); !errors.As(err, &p) || p.Code != client.CodeUndecodable {
			t.Errorf("%q as %s: %v", c.data, c.as, err)
		}
	}
}
