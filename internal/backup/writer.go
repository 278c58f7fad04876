package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/wraft/wraft/client"
)

const (
	head = "wraft backup\x00\x00\x00\x01"
	foot = "wraftend"

	headBytes = len(head)
	// footBytes: where the manifest is, how long it is, the digest of all before it, and foot.
	footBytes = 8 + 8 + sha256.Size + len(foot)
	// chunkBytes is the content of a chunk, but of the last of a part; chunkHeadBytes is
	// its length in the file and its checksum; storedSlack what compression may add.
	chunkBytes     = 1 << 20
	chunkHeadBytes = 8
	storedSlack    = 1 << 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer writes a file aside, under a name that ends in .partial, and gives it its name
// when it is whole and on the disk. Its errors are *client.Problem.
type Writer struct {
	name    string
	file    *os.File
	at      int64
	sum     hash.Hash // of everything so far
	parts   []Part
	encoder *zstd.Encoder
	chunk   bytes.Buffer
	stored  []byte
	content hash.Hash // of the part that is being written
}

// Create begins a file. It fails with client.CodeBackupExists when there is one.
func Create(name string) (*Writer, error) {
	if _, err := os.Lstat(name); err == nil {
		return nil, client.NewProblem(client.CodeBackupExists, "%s is there already", name)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.partial")
	if err != nil {
		return nil, fileProblem(err)
	}
	w := &Writer{name: name, file: f, sum: sha256.New(), encoder: encoder}
	if err := w.put([]byte(head)); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// Abort gives the file up; after Finish it does nothing.
func (w *Writer) Abort() {
	if w.file != nil {
		_ = w.file.Close() // it is of no use
		_ = os.Remove(w.file.Name())
		w.file = nil
	}
}

// put appends to the file.
func (w *Writer) put(b []byte) error {
	if _, err := w.file.Write(b); err != nil {
		return fileProblem(err)
	}
	w.at += int64(len(b))
	w.sum.Write(b)
	return nil
}

// Add writes a part from memory, unless it is there, and returns its number.
func (w *Writer) Add(kind string, content []byte) (int, error) {
	digest := client.DigestOf(content)
	for i, p := range w.parts {
		if p.Kind == kind && p.SHA256 == digest {
			return i, nil
		}
	}
	return w.AddFrom(kind, bytes.NewReader(content))
}

// AddFrom writes a part and returns its number. When it fails because of r, the part
// is taken back, and the error is that of r.
func (w *Writer) AddFrom(kind string, r io.Reader) (int, error) {
	from := w.at
	before, err := w.sum.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	w.content = sha256.New()
	n, err := w.chunks(r)
	if err != nil {
		return 0, errors.Join(err, w.takeBack(from, before))
	}
	w.parts = append(w.parts, Part{
		Kind: kind, Offset: from, Stored: w.at - from, Bytes: n, SHA256: client.DigestFromSum([sha256.Size]byte(w.content.Sum(nil))),
	})
	return len(w.parts) - 1, nil
}

// takeBack cuts the file to what it was before a part.
func (w *Writer) takeBack(at int64, sum []byte) error {
	err := w.sum.(interface{ UnmarshalBinary([]byte) error }).UnmarshalBinary(sum)
	if err == nil {
		err = w.file.Truncate(at)
	}
	if err == nil {
		_, err = w.file.Seek(at, io.SeekStart)
	}
	w.at = at
	if err != nil {
		return fileProblem(err)
	}
	return nil
}

// chunks writes a content and returns its length.
func (w *Writer) chunks(r io.Reader) (total int64, err error) {
	for {
		w.chunk.Reset()
		n, err := io.CopyN(&w.chunk, r, chunkBytes)
		if err != nil && !errors.Is(err, io.EOF) {
			return total, err
		}
		if n > 0 {
			total += n
			if err := w.putChunk(w.chunk.Bytes()); err != nil {
				return total, err
			}
		}
		if err != nil {
			return total, nil
		}
	}
}

func (w *Writer) putChunk(content []byte) error {
	w.content.Write(content)
	w.stored = w.encoder.EncodeAll(content, w.stored[:0])
	var h [chunkHeadBytes]byte
	binary.BigEndian.PutUint32(h[:], uint32(len(w.stored)))
	binary.BigEndian.PutUint32(h[4:], chunkSum(w.at, w.stored))
	if err := w.put(h[:]); err != nil {
		return err
	}
	return w.put(w.stored)
}

// chunkSum is the checksum of a chunk at its place.
func chunkSum(at int64, stored []byte) uint32 {
	var place [8]byte
	binary.BigEndian.PutUint64(place[:], uint64(at))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, stored)
}

// Finish writes the manifest, of which the parts are the Writer's, and gives the file
// its name, unless there is one of it by now.
func (w *Writer) Finish(m Manifest) error {
	m.Version, m.Parts = Version, w.parts
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	end := binary.BigEndian.AppendUint64(nil, uint64(w.at))
	end = binary.BigEndian.AppendUint64(end, uint64(len(data)))
	if err := w.put(data); err != nil {
		return err
	}
	if err := w.put(end); err != nil {
		return err
	}
	if err := w.put(append(w.sum.Sum(nil), foot...)); err != nil {
		return err
	}
	if err := errors.Join(w.file.Sync(), w.file.Chmod(0o600)); err != nil {
		return fileProblem(err)
	}
	return w.giveName()
}

// giveName links the file to its name. Why not a rename: that overwrites.
func (w *Writer) giveName() error {
	aside := w.file.Name()
	err := os.Link(aside, w.name)
	if errors.Is(err, fs.ErrExist) {
		return client.NewProblem(client.CodeBackupExists, "%s was made by somebody else meanwhile", w.name)
	}
	if err != nil { // not all file systems have links
		if _, there := os.Lstat(w.name); there == nil {
			return client.NewProblem(client.CodeBackupExists, "%s was made by somebody else meanwhile", w.name)
		}
		err = os.Rename(aside, w.name)
	} else {
		err = os.Remove(aside)
	}
	if err = errors.Join(err, w.file.Close()); err != nil {
		return fileProblem(err)
	}
	w.file = nil
	return syncFolder(filepath.Dir(w.name))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fileProblem(err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fileProblem(err)
	}
	return nil
}

func fileProblem(err error) error {
	return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
}
