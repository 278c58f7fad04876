package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// ErrRefused: the change makes no sense; the message says why. Fix the change.
var ErrRefused = errors.New("chaos: refused")

// stateBytesMax bounds an answer: nine nodes have 36 links.
const stateBytesMax = 1 << 20

// Remote is the Network of another process.
type Remote struct{ at controlFile }

// NewRemote reads how to reach a Control. The error is that of the file.
func NewRemote(file string) (*Remote, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("chaos: %w", err)
	}
	r := new(Remote)
	if err := json.Unmarshal(text, &r.at); err != nil {
		return nil, fmt.Errorf("chaos: %s: %w", file, err)
	}
	return r, nil
}

// State asks for the links as they are.
func (r *Remote) State(ctx context.Context) (State, error) {
	return r.call(ctx, http.MethodGet, nil)
}

// Apply changes the links and returns how they are then. ErrRefused when it cannot be.
func (r *Remote) Apply(ctx context.Context, c Change) (State, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return State{}, fmt.Errorf("chaos: %w", err)
	}
	return r.call(ctx, http.MethodPost, body)
}

// Clear makes all links perfect.
func (r *Remote) Clear(ctx context.Context) (State, error) {
	return r.call(ctx, http.MethodDelete, nil)
}

func (r *Remote) call(ctx context.Context, method string, body []byte) (State, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.at.URL, bytes.NewReader(body))
	if err != nil {
		return State{}, fmt.Errorf("chaos: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.at.Secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return State{}, fmt.Errorf("chaos: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, stateBytesMax))
	switch {
	case err != nil:
		return State{}, fmt.Errorf("chaos: %w", err)
	case resp.StatusCode == http.StatusBadRequest:
		return State{}, fmt.Errorf("%w: %s", ErrRefused, strings.TrimPrefix(strings.TrimSpace(string(data)), "chaos: "))
	case resp.StatusCode != http.StatusOK:
		return State{}, fmt.Errorf("chaos: %s: %s", resp.Status, strings.TrimSpace(string(data)))
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, fmt.Errorf("chaos: the answer cannot be read: %w", err)
	}
	return s, nil
}
