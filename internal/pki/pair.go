package pki

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// authorityName is the Pair name under which an authority is saved.
const authorityName = "ca"

// Pair is a certificate and its private key, both in PEM.
type Pair struct {
	Cert []byte
	Key  []byte
}

// LoadPair reads <name>.crt and <name>.key from dir, without looking into them.
// The error is fs.ErrNotExist when either is missing.
func LoadPair(dir, name string) (Pair, error) {
	cert, err := os.ReadFile(filepath.Join(dir, name+".crt"))
	if err != nil {
		return Pair{}, fmt.Errorf("pki: load certificate: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(dir, name+".key"))
	if err != nil {
		return Pair{}, fmt.Errorf("pki: load key: %w", err)
	}
	return Pair{Cert: cert, Key: key}, nil
}

// Save writes <name>.crt and <name>.key (mode 0600) to dir, synced, and makes dir
// when it is not there. It never overwrites: the error is fs.ErrExist when either
// file is there, and then nothing was written.
func (p Pair) Save(dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("pki: save: %w", err)
	}
	certPath, keyPath := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for _, path := range []string{certPath, keyPath} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = fs.ErrExist
			}
			return fmt.Errorf("pki: save: %s: %w", path, err)
		}
	}
	// Why the key first: whoever finds a certificate may count on its key.
	if err := writeNew(keyPath, p.Key, 0o600); err != nil {
		return err
	}
	if err := writeNew(certPath, p.Cert, 0o644); err != nil {
		return errors.Join(err, os.Remove(keyPath))
	}
	return nil
}

// Certificate parses the certificate, the first when there is a chain.
func (p Pair) Certificate() (*x509.Certificate, error) {
	block, _ := pem.Decode(p.Cert)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%w: no CERTIFICATE block in PEM", ErrBadCertificate)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCertificate, err)
	}
	return cert, nil
}

// TLS makes the pair usable by crypto/tls. The error is ErrBadCertificate when it
// does not parse or certificate and key do not belong together.
func (p Pair) TLS() (tls.Certificate, error) {
	cert, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%w: %w", ErrBadCertificate, err)
	}
	return cert, nil
}

// DeriveKey derives a key for a purpose from a certificate's private key (RFC 5869): the same
// one after a restart, and another one for each purpose.
func DeriveKey(cert tls.Certificate, purpose string) (key [32]byte, err error) {
	secret, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return key, fmt.Errorf("pki: derive a key: %w: %w", ErrBadCertificate, err)
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, purpose, len(key))
	if err != nil {
		return key, fmt.Errorf("pki: derive a key: %w", err)
	}
	return [32]byte(derived), nil
}

// writeNew creates a file that must not exist yet, and leaves nothing behind when
// that fails halfway.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("pki: save: %w", err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err != nil {
		return errors.Join(fmt.Errorf("pki: save: %w", err), os.Remove(path))
	}
	return nil
}
