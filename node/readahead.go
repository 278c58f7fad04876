package node

import "io"

// readAheadChunks is how many chunks of a snapshot are read before somebody takes them:
// usually a mebibyte, at most four.
const readAheadChunks = 4

// chunkSource is what a readAhead reads, storage.SnapshotReader for one. Next returns what
// comes next, in room if it fits there, and an error behind the last.
type chunkSource interface {
	Next(room []byte) ([]byte, error)
	Close() error
}

// readAhead reads chunks on a goroutine of its own and hands them out one after the other:
// the disk, the checks and the decoding go on while the reader works with what came before.
// It belongs to one goroutine, which closes it.
type readAhead struct {
	// Invariant: chunks, room, chunk and what the goroutine reads into are together
	// readAheadChunks pieces of memory, so that sending to the channels never waits.
	chunks chan aheadChunk
	room   chan []byte // to be used again
	quit   chan struct{}
	chunk  aheadChunk
	rest   []byte // of the chunk
}

// aheadChunk is a chunk, or the error behind the last.
type aheadChunk struct {
	bytes []byte
	err   error
}

func newReadAhead(from chunkSource) *readAhead {
	r := &readAhead{chunks: make(chan aheadChunk, readAheadChunks), room: make(chan []byte, readAheadChunks), quit: make(chan struct{})}
	for range readAheadChunks - 1 {
		r.room <- nil
	}
	go r.run(from)
	return r
}

// run reads until an error comes, the end for one, or nobody wants more.
func (r *readAhead) run(from chunkSource) {
	defer close(r.chunks)
	defer from.Close() // nothing was written
	for {
		select {
		case <-r.quit:
			return
		case room := <-r.room:
			chunk, err := from.Next(room)
			r.chunks <- aheadChunk{bytes: chunk, err: err}
			if err != nil {
				return
			}
		}
	}
}

// Read implements io.Reader. Errors stick.
func (r *readAhead) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.chunk.err == nil {
		r.room <- r.chunk.bytes
		r.chunk = <-r.chunks
		r.rest = r.chunk.bytes
	}
	if len(r.rest) == 0 {
		return 0, r.chunk.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close ends the reading, and returns when what was read is closed. What was not handed
// out is dropped, errors with it.
func (r *readAhead) Close() error {
	close(r.quit)
	for range r.chunks {
	}
	return nil
}

var _ io.ReadCloser = (*readAhead)(nil)
