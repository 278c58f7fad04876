package bench

import (
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/client"
)

// KV is the machine of examples/wasm-kv as a Store. Writes are plain commands:
// setting a key twice to the same value does no harm, and other systems' loads
// carry no sessions either.
type KV struct {
	client  *client.Client
	machine string
}

// NewKV is the machine of that name.
func NewKV(c *client.Client, machine string) KV { return KV{c, machine} }

// kvCommand is a command or query of the machine: an array of four.
type kvCommand struct {
	_         struct{} `cbor:",toarray"`
	Operation string
	Key       []byte
	Value     []byte
	Expected  []byte
}

// Put sets a key.
func (kv KV) Put(ctx context.Context, key, value []byte) error {
	data, err := cbor.Marshal(kvCommand{Operation: "put", Key: key, Value: value})
	if err != nil {
		return fmt.Errorf("bench: encode: %w", err)
	}
	_, err = kv.client.Command(ctx, kv.machine, data)
	return err
}

// Get reads a key with a linearizable query.
func (kv KV) Get(ctx context.Context, key []byte) (value []byte, found bool, err error) {
	data, err := cbor.Marshal(kvCommand{Operation: "get", Key: key})
	if err != nil {
		return nil, false, fmt.Errorf("bench: encode: %w", err)
	}
	r, err := kv.client.Query(ctx, kv.machine, client.Query{Data: data})
	if err != nil {
		return nil, false, err
	}
	if err := cbor.Unmarshal(r.Data, &value); err != nil {
		return nil, false, fmt.Errorf("bench: machine %s does not answer as the kv machine does: %w", kv.machine, err)
	}
	return value, value != nil, nil
}
