package wire

import (
	"fmt"

	"github.com/wraft/wraft/raft"
)

// Hello is the first frame in each direction of a connection. Both sides compare
// it with what the other's certificate says before anything else is sent.
type Hello struct {
	// VersionMin and VersionMax are the versions of the peer protocol the sender
	// speaks; the greatest that both speak is used.
	VersionMin, VersionMax uint32
	Cluster                string // the cluster's name, at most ClusterBytesMax bytes
	Node                   raft.NodeID
	Incarnation            raft.Incarnation
	Boot                   uint64 // grows with each start of the node
	// Connection counts the connections the dialling node made since its boot;
	// with Boot it orders connections between the same two nodes.
	Connection uint64
	// Features is a set of bits for optional abilities; unknown bits are ignored.
	Features uint64
}

func helloFields(c *coder, h *Hello) {
	number(c, 1, &h.VersionMin)
	number(c, 2, &h.VersionMax)
	text(c, 3, &h.Cluster, ClusterBytesMax)
	number(c, 4, &h.Node)
	number(c, 5, &h.Incarnation)
	number(c, 6, &h.Boot)
	number(c, 7, &h.Connection)
	number(c, 8, &h.Features)
}

// helloLastKey is the greatest key of Hello in this version.
const helloLastKey = 8

// AppendHello appends h, encoded, to dst. The error is ErrTooLarge when the
// cluster's name is too long.
func AppendHello(dst []byte, h Hello) ([]byte, error) {
	if len(h.Cluster) > ClusterBytesMax {
		return dst, fmt.Errorf("wire: %s: %w: a cluster name of %d bytes, at most %d are allowed", KindHello, ErrTooLarge, len(h.Cluster), ClusterBytesMax)
	}
	start := len(dst)
	c := writer(appendHead(dst, KindHello))
	helloFields(&c, &h)
	c.finish()
	setLength(c.data, start)
	return c.data, nil
}

// DecodeHello reads the body of a hello. Fields of later versions are skipped:
// it is from the hello that both sides learn which version they share. The error
// is ErrMalformed.
func DecodeHello(body []byte) (Hello, error) {
	c := reader(body)
	var h Hello
	helloFields(&c, &h)
	c.finishLenient(helloLastKey)
	c.finishExact()
	if c.cause == "" && (h.VersionMin == 0 || h.VersionMin > h.VersionMax) {
		c.fail("no versions")
	}
	if c.cause != "" {
		return Hello{}, malformed(KindHello, c.cause)
	}
	return h, nil
}

// FileRequest asks for a file from Offset on; it opens a stream of its own.
type FileRequest struct {
	Name   string // 1 to FileNameBytesMax bytes
	Offset uint64 // bytes
}

func fileRequestFields(c *coder, r *FileRequest) {
	text(c, 1, &r.Name, FileNameBytesMax)
	number(c, 2, &r.Offset)
}

// AppendFileRequest appends r, encoded, to dst. The error is ErrTooLarge when the
// name is too long.
func AppendFileRequest(dst []byte, r FileRequest) ([]byte, error) {
	if len(r.Name) > FileNameBytesMax {
		return dst, fmt.Errorf("wire: %s: %w: a name of %d bytes, at most %d are allowed", KindFileRequest, ErrTooLarge, len(r.Name), FileNameBytesMax)
	}
	start := len(dst)
	c := writer(appendHead(dst, KindFileRequest))
	fileRequestFields(&c, &r)
	c.finish()
	setLength(c.data, start)
	return c.data, nil
}

// DecodeFileRequest reads the body of a file request. The error is ErrMalformed.
func DecodeFileRequest(body []byte) (FileRequest, error) {
	c := reader(body)
	var r FileRequest
	fileRequestFields(&c, &r)
	c.finishExact()
	if c.cause == "" && r.Name == "" {
		c.fail("no name")
	}
	if c.cause != "" {
		return FileRequest{}, malformed(KindFileRequest, c.cause)
	}
	return r, nil
}

// FileStatus says whether a file follows a FileReply.
type FileStatus uint8

// The statuses of version 1; any other means "failed".
const (
	FileOK        FileStatus = 0 // the bytes from the offset to the end follow
	FileNotFound  FileStatus = 1
	FileBusy      FileStatus = 2 // too many transfers at once; ask later
	FileBadOffset FileStatus = 3 // the offset lies behind the end of the file
	FileFailed    FileStatus = 4 // the file could not be read
)

// FileReply answers a FileRequest; with FileOK the file's bytes follow it.
type FileReply struct {
	Status FileStatus
	Size   uint64 // of the whole file, in bytes
}

func fileReplyFields(c *coder, r *FileReply) {
	number(c, 1, &r.Status)
	number(c, 2, &r.Size)
}

// AppendFileReply appends r, encoded, to dst.
func AppendFileReply(dst []byte, r FileReply) []byte {
	start := len(dst)
	c := writer(appendHead(dst, KindFileReply))
	fileReplyFields(&c, &r)
	c.finish()
	setLength(c.data, start)
	return c.data
}

// DecodeFileReply reads the body of a file reply. The error is ErrMalformed.
func DecodeFileReply(body []byte) (FileReply, error) {
	c := reader(body)
	var r FileReply
	fileReplyFields(&c, &r)
	c.finishExact()
	if c.cause != "" {
		return FileReply{}, malformed(KindFileReply, c.cause)
	}
	return r, nil
}
