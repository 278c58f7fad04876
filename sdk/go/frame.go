package wraft

import "encoding/binary"

// applyFrame runs an entry's commands (u32 count, then u32 length and bytes of
// each) and appends their results (i32 status, u32 length and bytes of each)
// to out. The host is trusted to frame correctly; what doesn't fit panics, and
// the host undoes the entry.
func applyFrame(m Machine, ctx *Context, in, out []byte) []byte {
	count := binary.LittleEndian.Uint32(in)
	in = in[4:]
	for range count {
		size := binary.LittleEndian.Uint32(in)
		command := in[4 : 4+size : 4+size]
		in = in[4+size:]
		result, err := m.Apply(ctx, command)
		out = appendResult(out, result, err)
	}
	return out
}

// queryFrame runs one query and appends its result.
func queryFrame(m Machine, ctx *Context, in, out []byte) []byte {
	result, err := m.Query(ctx, in)
	return appendResult(out, result, err)
}

func appendResult(out, result []byte, err error) []byte {
	code, text := status(err)
	out = binary.LittleEndian.AppendUint32(out, uint32(code))
	if err != nil {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
		return append(out, text...)
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(len(result)))
	return append(out, result...)
}
