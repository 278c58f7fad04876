package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/fxamacker/cbor/v2"
)

const (
	// HeadBytes is the length in front of a frame.
	HeadBytes = 4
	// DataBytesMax is the longest command or query that this protocol carries, the most
	// that any cluster can be told to take, and what the commands and keys of a batch may
	// have together.
	DataBytesMax = 8 << 20
	// RequestBytesMax is the longest frame of a request.
	RequestBytesMax = DataBytesMax + 16<<10
	// TokenBytesMax is the longest frame of KindToken.
	TokenBytesMax = 1 << 10
	// ListMax is how many commands a batch may have, and events an answer.
	ListMax = 1024
	// stepBytes is what a length is believed before any of its bytes came.
	stepBytes = 64 << 10

	// Bounds of the decoder; but for ListMax the least it can be given.
	nestedMax, pairsMax = 4, 19
)

var (
	encoder = must(cbor.EncOptions{}.UserBufferEncMode())
	// requests are read strictly: a node that does not know a field would do something
	// else than was asked for.
	requests = must(decOptions(cbor.ExtraDecErrorUnknownField).DecMode())
	// answers may say more than an older client understands.
	answers = must(decOptions(cbor.ExtraDecErrorNone).DecMode())
)

func decOptions(extra cbor.ExtraDecErrorCond) cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: nestedMax, MaxArrayElements: ListMax, MaxMapPairs: pairsMax,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, ExtraReturnErrors: extra,
	}
}

// must is for options that are right or wrong for good.
func must[T any](mode T, err error) T {
	if err != nil {
		panic(err)
	}
	return mode
}

// Append writes a frame with message, a *Request or an *Answer, behind what is in buf.
func Append(buf *bytes.Buffer, message any) error {
	start := buf.Len()
	buf.Write(make([]byte, HeadBytes))
	if err := encoder.MarshalToBuffer(message, buf); err != nil {
		buf.Truncate(start)
		return fmt.Errorf("wire: encode: %w", err)
	}
	size := buf.Len() - start - HeadBytes
	if size > math.MaxUint32 {
		buf.Truncate(start)
		return fmt.Errorf("wire: encode: a message of %d bytes does not fit into a frame", size)
	}
	binary.BigEndian.PutUint32(buf.Bytes()[start:], uint32(size))
	return nil
}

// ReadSize reads the length in front of a frame. io.EOF is the end of the stream
// between two frames; ErrMalformed a length of 0 or above most.
func ReadSize(r io.Reader, most int) (int, error) {
	var head [HeadBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || int64(size) > int64(most) {
		return 0, fmt.Errorf("%w: a frame of %d bytes, where 1 to %d are allowed", ErrMalformed, size, most)
	}
	return int(size), nil
}

// ReadBody reads the size bytes of a frame. Memory grows with what came, so that a
// length alone costs little.
func ReadBody(r io.Reader, size int) ([]byte, error) {
	body := make([]byte, min(size, stepBytes))
	for have := 0; ; {
		n, err := io.ReadFull(r, body[have:])
		if have += n; err != nil {
			return nil, err
		}
		if have == size {
			return body, nil
		}
		body = append(body, make([]byte, min(size-have, have))...)
	}
}

// DecodeRequest reads the body of a frame as a request. The error wraps ErrMalformed.
func DecodeRequest(body []byte) (*Request, error) {
	r := new(Request)
	if err := requests.Unmarshal(body, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return r, r.check()
}

// DecodeAnswer reads the body of a frame as an answer. The error wraps ErrMalformed.
func DecodeAnswer(body []byte) (*Answer, error) {
	a := new(Answer)
	if err := answers.Unmarshal(body, a); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return a, nil
}
