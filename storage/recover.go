package storage

import (
	"fmt"

	"github.com/wraft/wraft/raft"
)

// Recover begins a later life of the node on the store as it is, durably: what the
// earlier one promised to others does not bind it any more. Only a recovery after the loss
// of a quorum does so, once the logs say that nobody else votes. at is the index of the
// meta group's entry that tells of it. The same again changes nothing.
func (s *Store) Recover(life raft.Incarnation, at raft.Index) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.identity
	if have == nil {
		return fmt.Errorf("%w: the directory is no node's yet", ErrInvalid)
	}
	want := bootstrap{identity: have.identity, digest: have.digest, recovered: at}
	want.identity.Incarnation = life
	if *have == want {
		return nil
	}
	if !want.follows(*have) || at == 0 {
		return fmt.Errorf("%w: life %d behind life %d, recovered at %d", ErrInvalid, life, have.identity.Incarnation, at)
	}
	// Why this order: see Bootstrap. The file alone may stay behind; see loadIdentity.
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

// Recovered is the index of the meta group's entry that tells of the recovery which began
// this life; 0: none did.
func (s *Store) Recovered() raft.Index {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.identity == nil {
		return 0
	}
	return s.identity.recovered
}
