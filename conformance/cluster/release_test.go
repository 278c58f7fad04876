package cluster

import (
	"errors"
	"testing"
)

func TestACommitThatIsNotHere(t *testing.T) {
	if _, err := BuildCommit(t.Context(), "0123456789012345678901234567890123456789"); !errors.Is(err, ErrNoHistory) {
		t.Errorf("built from nothing: %v", err)
	}
}
