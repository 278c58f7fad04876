package kvload

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/conformance/history"
)

// command is what the machine takes: operation, key, value and expected value.
type command struct {
	_         struct{} `cbor:",toarray"`
	Operation string
	Key       []byte
	Value     []byte // nil is null
	Expected  []byte // nil is null
}

// encode is an operation as the machine's bytes.
func encode(op history.Op) ([]byte, error) {
	c := command{Operation: op.Kind.String(), Key: []byte(op.Key)}
	if op.Kind != history.Get {
		c.Value = []byte(op.Value)
	}
	if op.Expected.Present {
		c.Expected = []byte(op.Expected.Value)
	}
	data, err := cbor.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("kvload: encode %v: %w", op.Kind, err)
	}
	return data, nil
}

// decode puts the machine's answer into the operation.
func decode(op *history.Op, answer []byte) error {
	var err error
	switch op.Kind {
	case history.Append:
		err = cbor.Unmarshal(answer, &op.Length)
	case history.CompareAndSet:
		err = cbor.Unmarshal(answer, &op.Set)
	case history.Get:
		var found *[]byte
		if err = cbor.Unmarshal(answer, &found); err == nil && found != nil {
			op.Found = history.Text{Present: true, Value: string(*found)}
		}
	}
	if err != nil {
		return fmt.Errorf("kvload: answer %x to %v: %w", answer, op.Kind, err)
	}
	return nil
}
