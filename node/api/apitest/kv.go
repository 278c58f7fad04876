package apitest

import (
	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/client"
)

// KV is examples/wasm-kv in Go, as far as puts and gets go.
func KV(state *string, command []byte) ([]byte, error) {
	var c []any
	if err := cbor.Unmarshal(command, &c); err != nil || len(c) != 4 {
		return nil, client.NewProblem(client.CodeMachineRejected, "no command: % x", command)
	}
	pairs := map[string][]byte{}
	if *state != "" {
		if err := cbor.Unmarshal([]byte(*state), &pairs); err != nil {
			return nil, err
		}
	}
	key, ok := c[1].([]byte)
	if !ok {
		return nil, client.NewProblem(client.CodeMachineRejected, "no key: % x", command)
	}
	if c[0] == "get" {
		return cbor.Marshal(pairs[string(key)])
	}
	if pairs[string(key)], ok = c[2].([]byte); !ok || c[0] != "put" {
		return nil, client.NewProblem(client.CodeMachineRejected, "neither put nor get: % x", command)
	}
	next, err := cbor.Marshal(pairs)
	*state = string(next)
	return []byte{0xf6}, err
}
