package history

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// model is one key of a map.
var model = porcupine.Model{
	Init: func() any { return Text{} },
	Step: func(state, input, output any) (bool, any) {
		return step(state.(Text), input.(Op), output.(Op))
	},
	Equal:             func(a, b any) bool { return a.(Text) == b.(Text) },
	DescribeOperation: func(input, output any) string { return describe(output.(Op)) },
	DescribeState:     func(state any) string { return describeText(state.(Text)) },
}

// step carries out an operation on a key and reports whether its answer is right.
func step(have Text, op, answer Op) (bool, Text) {
	switch op.Kind {
	case Get:
		return !answer.Answered || answer.Found == have, have
	case Append:
		next := Text{Present: true, Value: have.Value + op.Value}
		return !answer.Answered || answer.Length == uint64(len(next.Value)), next
	case Put, settled:
		return true, Text{Present: true, Value: op.Value}
	case CompareAndSet:
		same := have == op.Expected
		next := have
		if same {
			next = Text{Present: true, Value: op.Value}
		}
		return !answer.Answered || answer.Set == same, next
	}
	return false, have
}

// operations are a key's, as porcupine takes them. What was only read and never
// answered says nothing; what may be stale has a rule of its own.
func operations(ops []Op) []porcupine.Operation {
	var out []porcupine.Operation
	for _, op := range ops {
		if op.Kind == Get && (!op.Answered || op.Staleness > 0) {
			continue
		}
		out = append(out, porcupine.Operation{ClientId: op.Client, Input: op, Call: int64(op.Called), Output: op, Return: int64(op.ended())})
	}
	return out
}

func describe(op Op) string {
	text := fmt.Sprintf("%v %s", op.Kind, op.Key)
	switch op.Kind {
	case Append, Put, settled:
		text += fmt.Sprintf(" %x", op.Value)
	case CompareAndSet:
		text += fmt.Sprintf(" %s -> %x", describeText(op.Expected), op.Value)
	}
	if !op.Answered {
		return text + ": no answer"
	}
	switch op.Kind {
	case Get:
		text += ": " + describeText(op.Found)
	case Append:
		text += fmt.Sprintf(": %d bytes", op.Length)
	case CompareAndSet:
		text += fmt.Sprintf(": %v", op.Set)
	}
	return text
}

// describeBytes bounds how much of a value a report shows.
const describeBytes = 64

func describeText(t Text) string {
	if !t.Present {
		return "nothing"
	}
	if tail := len(t.Value) - describeBytes; tail > 0 {
		return fmt.Sprintf("(%d bytes) %x", len(t.Value), t.Value[tail:])
	}
	return fmt.Sprintf("%x", t.Value)
}
