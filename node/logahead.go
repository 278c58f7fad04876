package node

import "github.com/wraft/wraft/raft"

const (
	// logPieceEntries and logPieceBytes bound what is read of the log at a time while the
	// entries before are applied.
	logPieceEntries = 128
	logPieceBytes   = 1 << 20
	// logPiecesAhead is how many pieces wait; one more is being read, and one applied.
	logPiecesAhead = 2
)

// logAhead is an EntryReader that reads a range on a goroutine of its own, piece by piece,
// while its owner works with the pieces before: a replica that catches up reads its log at no
// cost of time where there is a processor for it.
//
// Why nothing is read but the range: only what the core has handed out is known to be
// committed, and stays what it is.
type logAhead struct {
	log    EntryReader
	group  raft.GroupID
	next   raft.Index // the first entry of the next piece
	end    raft.Index // the range ends before it
	pieces chan logPiece
	quit   chan struct{} // nil: nothing is read ahead
}

// logPiece is entries that follow on the piece before, or why there are none.
type logPiece struct {
	entries []raft.Entry
	err     error
}

// begin reads a range ahead, if it has to be read and has more than a piece, until finish.
func (r *logAhead) begin(g raft.GroupID, w raft.ApplyRange) {
	if w.Entries != nil || w.Last-w.First < logPieceEntries {
		return
	}
	r.group, r.next, r.end = g, w.First, w.Last+1
	r.pieces, r.quit = make(chan logPiece, logPiecesAhead), make(chan struct{})
	go r.run(r.next, r.pieces, r.quit)
}

// finish ends what begin began, and returns when nothing is read any more.
func (r *logAhead) finish() {
	if r.quit == nil {
		return
	}
	close(r.quit)
	for range r.pieces {
	}
	r.quit = nil
}

// run reads from next to the end of the range.
func (r *logAhead) run(next raft.Index, pieces chan<- logPiece, quit <-chan struct{}) {
	defer close(pieces)
	for next < r.end {
		entries, err := r.log.Entries(r.group, next, min(next+logPieceEntries, r.end), logPieceBytes)
		select {
		case pieces <- logPiece{entries: entries, err: err}:
		case <-quit:
			return
		}
		if err != nil || len(entries) == 0 {
			return
		}
		next += raft.Index(len(entries))
	}
}

// Entries implements EntryReader: the next piece of the range, or what the log says to any
// other question.
func (r *logAhead) Entries(g raft.GroupID, lo, hi raft.Index, bytesMax uint64) ([]raft.Entry, error) {
	if r.quit == nil || g != r.group || lo != r.next || hi != r.end {
		return r.log.Entries(g, lo, hi, bytesMax)
	}
	p, ok := <-r.pieces
	if !ok {
		return r.log.Entries(g, lo, hi, bytesMax)
	}
	r.next += raft.Index(len(p.entries))
	return p.entries, p.err
}
