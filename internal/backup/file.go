package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/wraft/wraft/client"
)

// File is a backup that is being read. Its errors are *client.Problem: of
// client.CodeBackupDamaged with the place when the file is not as it was written.
type File struct {
	Manifest Manifest

	name    string
	r       io.ReaderAt
	size    int64
	close   func() error
	digest  []byte // of all before it
	decoder *zstd.Decoder
}

// Open reads the manifest of a file; the parts are checked as they are read.
func Open(name string) (*File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fileProblem(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fileProblem(err), f.Close())
	}
	b, err := Read(name, f, info.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b.close = f.Close
	return b, nil
}

// Read is Open for what lies elsewhere than in a file.
func Read(name string, r io.ReaderAt, size int64) (*File, error) {
	f := &File{name: name, r: r, size: size, close: func() error { return nil }}
	var err error
	if f.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(chunkBytes)); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	if size < int64(headBytes+footBytes) {
		return nil, f.damaged(size, "it ends there: it is no whole backup")
	}
	begin := make([]byte, headBytes)
	if err := f.at(0, begin); err != nil {
		return nil, err
	}
	if string(begin) != head {
		return nil, f.damaged(0, "it does not begin as a backup of this version does")
	}
	return f, f.readFoot()
}

// Close ends the reading.
func (f *File) Close() error {
	f.decoder.Close()
	if err := f.close(); err != nil {
		return fileProblem(err)
	}
	return nil
}

func (f *File) damaged(at int64, format string, args ...any) error {
	return client.NewProblem(client.CodeBackupDamaged, "%s at byte %d: %s", f.name, at, fmt.Sprintf(format, args...))
}

// at fills b from an offset.
func (f *File) at(offset int64, b []byte) error {
	_, err := f.r.ReadAt(b, offset)
	switch {
	case err == nil || errors.Is(err, io.EOF) && offset+int64(len(b)) == f.size:
		return nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return f.damaged(offset, "it ends too soon")
	}
	return fileProblem(err)
}

func (f *File) readFoot() error {
	b := make([]byte, footBytes)
	from := f.size - int64(footBytes)
	if err := f.at(from, b); err != nil {
		return err
	}
	if string(b[footBytes-len(foot):]) != foot {
		return f.damaged(from, "it does not end as a whole backup does")
	}
	offset, length := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	f.digest = b[16 : 16+sha256.Size]
	if length > manifestBytesMax || offset > uint64(from) || offset < uint64(headBytes) || offset+length != uint64(from) {
		return f.damaged(from, "the manifest cannot have %d bytes at %d", length, offset)
	}
	data := make([]byte, length)
	if err := f.at(int64(offset), data); err != nil {
		return err
	}
	m, err := readManifest(data, int64(offset))
	if err != nil {
		return f.damaged(int64(offset), "the manifest: %v", err)
	}
	f.Manifest = m
	return nil
}

// CheckDigest reads the whole file and compares its digest.
func (f *File) CheckDigest() error {
	all := f.size - int64(sha256.Size+len(foot))
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f.r, 0, all)); err != nil {
		return fileProblem(err)
	}
	if got := sum.Sum(nil); !bytes.Equal(got, f.digest) {
		return f.damaged(all, "the digest of the file is %x and not %x: some byte is another", got, f.digest)
	}
	return nil
}

// Part returns the content of a part. It ends with io.EOF only when all of it is as it
// was written.
func (f *File) Part(number int) io.Reader {
	p := f.Manifest.Parts[number]
	return &partReader{file: f, part: p, at: p.Offset, left: p.Bytes, sum: sha256.New()}
}

// Load reads a module or an artefact into memory.
func (f *File) Load(number int) ([]byte, error) {
	if size := f.Manifest.Parts[number].Bytes; size > moduleBytesMax {
		return nil, f.damaged(f.Manifest.Parts[number].Offset, "part %d has %d bytes", number, size)
	}
	return io.ReadAll(f.Part(number))
}

type partReader struct {
	file   *File
	part   Part
	at     int64
	left   int64 // of the content, that is not decoded yet
	sum    hash.Hash
	stored []byte
	chunk  []byte // decoded
	rest   []byte // of chunk
	err    error
}

// Read implements io.Reader.
func (r *partReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next decodes a chunk.
func (r *partReader) next() error {
	end := r.part.Offset + r.part.Stored
	if r.at == end {
		return r.finish()
	}
	var h [chunkHeadBytes]byte
	if end-r.at < chunkHeadBytes {
		return r.file.damaged(r.at, "a chunk does not fit its part")
	}
	if err := r.file.at(r.at, h[:]); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(h[:]))
	if size > chunkBytes+storedSlack || size > end-r.at-chunkHeadBytes {
		return r.file.damaged(r.at, "a chunk of %d bytes does not fit its part", size)
	}
	if int64(cap(r.stored)) < size {
		r.stored = make([]byte, size)
	}
	r.stored = r.stored[:size]
	if err := r.file.at(r.at+chunkHeadBytes, r.stored); err != nil {
		return err
	}
	if got, want := chunkSum(r.at, r.stored), binary.BigEndian.Uint32(h[4:]); got != want {
		return r.file.damaged(r.at, "a chunk has checksum %08x and not %08x", got, want)
	}
	var err error
	if r.chunk, err = r.file.decoder.DecodeAll(r.stored, r.chunk[:0]); err != nil {
		return r.file.damaged(r.at, "a chunk cannot be decompressed: %v", err)
	}
	if n := int64(len(r.chunk)); n == 0 || n > chunkBytes || n > r.left {
		return r.file.damaged(r.at, "a chunk has %d bytes, %d are left of the part", n, r.left)
	}
	r.at += chunkHeadBytes + size
	r.left -= int64(len(r.chunk))
	r.sum.Write(r.chunk)
	r.rest = r.chunk
	return nil
}

func (r *partReader) finish() error {
	got := client.DigestFromSum([sha256.Size]byte(r.sum.Sum(nil)))
	if r.left != 0 || got != r.part.SHA256 {
		return r.file.damaged(r.part.Offset, "a part of kind %s has digest %s and not %s, %d bytes are missing", r.part.Kind, got, r.part.SHA256, r.left)
	}
	return io.EOF
}
