package client

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// serverSentEvents reads a stream of events as nodes write it: lines end with a line feed.
type serverSentEvents struct {
	in *bufio.Reader
	id string
}

// serverSentEvent is one block of the stream.
type serverSentEvent struct {
	id   string // the last one given, here or before
	kind string
	data []byte
	// dispatched says that there was data, if only an empty line; a block without only sets
	// the id.
	dispatched bool
}

func newServerSentEvents(in io.Reader) *serverSentEvents {
	return &serverSentEvents{in: bufio.NewReader(in)}
}

// next reads one block that says something. A stream that ends within one has lost it:
// io.ErrUnexpectedEOF; between two it is io.EOF.
func (s *serverSentEvents) next() (e serverSentEvent, err error) {
	for some := false; ; {
		line, err := s.line()
		if err == io.EOF && some {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return e, err
		}
		if len(line) == 0 && some {
			e.id = s.id
			return e, nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			s.id = string(value)
		case "event":
			e.kind = string(value)
		case "data":
			if e.dispatched {
				e.data = append(e.data, '\n')
			}
			e.data, e.dispatched = append(e.data, value...), true
		default: // comments, and what later releases may say
			continue
		}
		some = true
	}
}

// line reads a line without its end. The slice is valid until the next read.
func (s *serverSentEvents) line() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		long := bytes.Clone(line)
		for err == bufio.ErrBufferFull && len(long) <= answerBytesMax {
			line, err = s.in.ReadSlice('\n')
			long = append(long, line...)
		}
		if line = long; err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("client: a line of the stream has more than %d bytes", answerBytesMax)
		}
	}
	if err == io.EOF && len(line) > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return line[:len(line)-1], nil
}
