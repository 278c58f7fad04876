package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/wraft/wraft/raft"
)

// Identity says whose data a directory holds.
type Identity struct {
	Cluster     string           // the cluster's ID, 1 to ClusterBytesMax bytes
	Node        raft.NodeID      // not 0
	Incarnation raft.Incarnation // not 0; the first life of a node is 1
}

const (
	// ClusterBytesMax bounds Identity.Cluster.
	ClusterBytesMax = 128
	// DigestBytesMax bounds the digest given to Bootstrap.
	DigestBytesMax = 128
)

// String names the node and its cluster.
func (id Identity) String() string {
	return fmt.Sprintf("node %v (incarnation %d) of cluster %q", id.Node, id.Incarnation, id.Cluster)
}

// Validate reports what keeps id from being an identity.
func (id Identity) Validate() error {
	var problems []error
	if n := len(id.Cluster); n == 0 || n > ClusterBytesMax {
		problems = append(problems, fmt.Errorf("%w: the cluster's ID has %d bytes, 1 to %d are allowed",
			ErrInvalid, n, ClusterBytesMax))
	}
	if id.Node == 0 {
		problems = append(problems, fmt.Errorf("%w: the node's ID must not be 0", ErrInvalid))
	}
	if id.Incarnation == 0 {
		problems = append(problems, fmt.Errorf("%w: the incarnation must not be 0", ErrInvalid))
	}
	return errors.Join(problems...)
}

// errMixed is the cause when files of two nodes lie in one directory: no rot does that.
var errMixed = errors.New("somebody mixed two directories")

// bootstrap is what the identity record holds. It is stored twice: in Pebble,
// which decides, and in a file of its own, which tells a Pebble that was lost or
// exchanged from a fresh directory.
type bootstrap struct {
	identity Identity
	digest   string
	// recovered is the index of the meta group's entry that tells of the recovery which
	// began this life; 0: none did.
	recovered raft.Index
}

func (b bootstrap) encode() []byte {
	out := newRecord(nil)
	out = binary.AppendUvarint(out, uint64(b.identity.Node))
	out = binary.AppendUvarint(out, uint64(b.identity.Incarnation))
	out = binary.AppendUvarint(out, uint64(b.recovered))
	for _, s := range []string{b.identity.Cluster, b.digest} {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	return sealRecord(out)
}

func decodeBootstrap(value []byte) (bootstrap, error) {
	r, err := openRecord(value)
	if err != nil {
		return bootstrap{}, err
	}
	node, incarnation, recovered := r.uvarint(), r.uvarint(), r.uvarint()
	b := bootstrap{recovered: raft.Index(recovered), identity: Identity{Node: raft.NodeID(node), Incarnation: raft.Incarnation(incarnation)}}
	b.identity.Cluster = r.str(ClusterBytesMax)
	b.digest = r.str(DigestBytesMax)
	if err := r.end(); err != nil {
		return bootstrap{}, err
	}
	if incarnation > 1<<32-1 {
		return bootstrap{}, fmt.Errorf("%w incarnation", errMalformed)
	}
	return b, b.identity.Validate()
}

// Identity returns whose directory this is, and false before Bootstrap.
func (s *Store) Identity() (Identity, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.identity == nil {
		return Identity{}, false
	}
	return s.identity.identity, true
}

// Bootstrap makes the directory that of a node, once and durably. digest stands
// for the description the cluster was started from. The same again changes
// nothing; anything else is refused with a *ForeignError.
func (s *Store) Bootstrap(id Identity, digest string) error {
	if err := s.usable(); err != nil {
		return err
	}
	if err := id.Validate(); err != nil {
		return err
	}
	if len(digest) > DigestBytesMax {
		return fmt.Errorf("%w: the digest has %d bytes, at most %d are allowed", ErrInvalid, len(digest), DigestBytesMax)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	want := bootstrap{identity: id, digest: digest}
	if have := s.identity; have != nil {
		if have.identity == want.identity && have.digest == want.digest {
			return nil
		}
		return &ForeignError{Have: have.identity, Want: id, HaveDigest: have.digest, WantDigest: digest}
	}
	// Why this order: a crash in between leaves Pebble's copy, which loadIdentity
	// copies back. The file without Pebble's copy says that Pebble was lost.
	if err := s.set(keyIdentity, want.encode()); err != nil {
		return err
	}
	if err := s.dir.write(identityName, want.encode()); err != nil {
		s.fail(err)
		return err
	}
	s.identity = &want
	return nil
}

// loadIdentity compares both copies. One that is missing or rotten comes back from
// the other: the file now, Pebble's with the boot number.
func (s *Store) loadIdentity(c *copies) error {
	stored, err := s.readStoredIdentity()
	if err != nil {
		return err
	}
	file := c.identity
	switch {
	case stored == nil && file == nil:
		return nil
	case stored == nil && !c.canReplace():
		return &DamagedError{Why: fmt.Sprintf("the directory belongs to %v, but its store is empty, and the second copy of the votes is damaged, too", file.identity)}
	case stored == nil:
		s.identity = file
		return nil
	case file == nil:
		if err := s.dir.write(identityName, stored.encode()); err != nil {
			return err
		}
	case stored.follows(*file): // a crash within Recover
		if err := s.dir.write(identityName, stored.encode()); err != nil {
			return err
		}
	case *stored != *file:
		return &DamagedError{Why: fmt.Sprintf("the store belongs to %v, the identity file to %v",
			stored.identity, file.identity), Err: errMixed}
	}
	s.identity, s.identityStored = stored, true
	return nil
}

// follows reports whether b is a later life of what older describes.
func (b bootstrap) follows(older bootstrap) bool {
	same := b.identity.Cluster == older.identity.Cluster && b.identity.Node == older.identity.Node && b.digest == older.digest
	return same && b.identity.Incarnation > older.identity.Incarnation
}

func (s *Store) readStoredIdentity() (*bootstrap, error) {
	value, err := s.get(keyIdentity)
	if err != nil || value == nil {
		return nil, err
	}
	b, err := decodeBootstrap(value)
	if err != nil {
		return nil, &DamagedError{Why: "the identity in the store", Err: err}
	}
	return &b, nil
}

func readIdentityFile(d directory) (*bootstrap, error) {
	value, err := d.read(identityName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("storage: read %s: %w", identityName, err)
	}
	b, err := decodeBootstrap(value)
	if err != nil {
		return nil, &DamagedError{Why: "the identity file", Err: err}
	}
	return &b, nil
}
