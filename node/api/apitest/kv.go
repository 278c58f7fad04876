package apitest

import (
	"bytes"

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
	value, ok := c[2].([]byte)
	have, found := pairs[string(key)]
	expected, compares := c[3].([]byte)
	var answer any
	switch {
	case ok && c[0] == "put":
		pairs[string(key)] = value
	case ok && c[0] == "append":
		pairs[string(key)] = append(have, value...)
		answer = len(have) + len(value)
	case ok && c[0] == "cas":
		same := found == compares && bytes.Equal(have, expected)
		if same {
			pairs[string(key)] = value
		}
		answer = same
	default:
		return nil, client.NewProblem(client.CodeMachineRejected, "neither get, put, append nor cas: % x", command)
	}
	next, err := cbor.Marshal(pairs)
	if err != nil {
		return nil, err
	}
	*state = string(next)
	return cbor.Marshal(answer)
}
