package chaos

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	controlPath      = "/chaos"
	changeBytesMax   = 64 << 10
	controlTimeout   = 10 * time.Second
	controlFilePerms = 0o600
)

// controlFile is how to reach a Control, as it stands in a file that only its owner can
// read. Why not a socket in the file system: its path may be longer than the hundred
// bytes that such an address can have.
type controlFile struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// Control serves a Network to other processes of the same user.
type Control struct {
	network *Network
	secret  string
	server  *http.Server
	serving sync.WaitGroup
}

// Serve begins to serve n on loopback, and writes to file how to reach it.
func Serve(n *Network, file string) (*Control, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("chaos: %w", err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // Why unchecked: it never fails
	c := &Control{network: n, secret: hex.EncodeToString(random)}
	c.server = &http.Server{Handler: c, ReadTimeout: controlTimeout, WriteTimeout: controlTimeout}
	text, err := json.Marshal(controlFile{URL: "http://" + l.Addr().String() + controlPath, Secret: c.secret})
	if err == nil {
		err = os.WriteFile(file, text, controlFilePerms)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("chaos: %w", err), l.Close())
	}
	c.serving.Go(func() { _ = c.server.Serve(l) }) // Why unchecked: it ends with Close
	return c, nil
}

// ServeHTTP answers GET with the state, POST with what a change came to, and DELETE
// with a network that is well again. Who does not know the secret gets nothing: any page
// that a browser shows can reach loopback.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given := r.Header.Get("Authorization")
	switch {
	case r.URL.Path != controlPath:
		http.NotFound(w, r)
		return
	case subtle.ConstantTimeCompare([]byte(given), []byte("Bearer "+c.secret)) != 1:
		http.Error(w, "chaos: the secret is missing or wrong", http.StatusUnauthorized)
		return
	}
	if err := c.obey(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.network.State()) // nobody is left to tell
}

func (c *Control) obey(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodGet:
		return nil
	case http.MethodDelete:
		return c.network.Clear()
	case http.MethodPost:
		var change Change
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, changeBytesMax))
		d.DisallowUnknownFields()
		if err := d.Decode(&change); err != nil {
			return fmt.Errorf("chaos: the change cannot be read: %w", err)
		}
		return c.network.Apply(change)
	}
	return fmt.Errorf("chaos: method %.20q: use GET, POST or DELETE", r.Method)
}

// Close ends serving, at the latest when ctx ends.
func (c *Control) Close(ctx context.Context) error {
	err := c.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, c.server.Close())
	}
	c.serving.Wait()
	return err
}
