package kvmodel

import "encoding/binary"

// Major types of CBOR and the simple values in use (RFC 8949 §3).
const (
	majorUint, majorBytes, majorText, majorArray = 0, 2, 3, 4
	simpleFalse, simpleTrue, simpleNull          = 0xf4, 0xf5, 0xf6
)

// Command encodes [operation, key, value, expected]; nil is null.
func Command(operation string, key, value, expected []byte) []byte {
	b := appendHead(nil, majorArray, 4)
	b = append(appendHead(b, majorText, len(operation)), operation...)
	for _, operand := range [][]byte{key, value, expected} {
		b = appendBytes(b, operand)
	}
	return b
}

func appendHead(b []byte, major byte, n int) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
}

func appendBytes(b, s []byte) []byte {
	if s == nil {
		return append(b, simpleNull)
	}
	return append(appendHead(b, majorBytes, len(s)), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, simpleTrue)
	}
	return append(b, simpleFalse)
}
