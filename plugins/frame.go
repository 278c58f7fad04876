package plugins

import (
	"encoding/binary"
	"fmt"

	"github.com/wraft/wraft/plugins/abi"
)

// Result is the answer to one command or query.
type Result struct {
	// Status is 0 for success, positive for an error of the machine's own,
	// negative for one of the host (StatusTrap and the others).
	Status int32
	// Data is the machine's answer, or the text of the host's error. It
	// belongs to whoever received the Result.
	Data []byte
}

// appendEntry encodes commands as a guest gets them: u32 count, then for each
// u32 length and its bytes.
func appendEntry(b []byte, commands [][]byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(commands)))
	for _, c := range commands {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(c)))
		b = append(b, c...)
	}
	return b
}

// entryBytes is the length of what appendEntry makes.
func entryBytes(commands [][]byte) int {
	n := abi.CountBytes
	for _, c := range commands {
		n += abi.LengthBytes + len(c)
	}
	return n
}

// parseResults decodes n results (i32 status, u32 length, bytes each) that
// must fill the answer exactly. The answer is copied once for all of them,
// since the guest will overwrite its own.
func parseResults(answer []byte, n int, into []Result) ([]Result, error) {
	b := append([]byte(nil), answer...)
	for k := range n {
		if len(b) < abi.ResultHeaderBytes {
			return nil, &fault{StatusMalformed, fmt.Sprintf("the answer holds %d results instead of %d", k, n)}
		}
		status := int32(binary.LittleEndian.Uint32(b))
		size := binary.LittleEndian.Uint32(b[4:])
		b = b[abi.ResultHeaderBytes:]
		if uint64(size) > uint64(len(b)) {
			return nil, &fault{StatusMalformed, fmt.Sprintf("result %d claims %d bytes, %d are left", k, size, len(b))}
		}
		if status < 0 {
			return nil, &fault{StatusMalformed, fmt.Sprintf("result %d has status %d; negative ones belong to the host", k, status)}
		}
		into = append(into, Result{Status: status, Data: b[:size:size]})
		b = b[size:]
	}
	if len(b) > 0 {
		return nil, &fault{StatusMalformed, fmt.Sprintf("the answer has %d bytes after its last result", len(b))}
	}
	return into, nil
}
