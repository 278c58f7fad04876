package fec

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
)

const (
	macBytes = 8
	// ExportBytes is how much keying material a link is made of.
	ExportBytes = 2 * directionBytes

	keyBytes       = 32
	directionBytes = keyBytes + 4
)

// direction is the identity of one direction of a link, and the key of its MACs.
type direction struct {
	id  uint32
	mac hash.Hash
	sum [sha256.Size]byte
}

// newDirections splits keying material that both ends of a connection exported from
// TLS (RFC 8446 §7.5) into the way out and the way in, as the dialling side or the
// other sees them.
func newDirections(material []byte, dialled bool) (out, in *direction, err error) {
	if len(material) != ExportBytes {
		return nil, nil, errors.New("fec: keying material: wrong size")
	}
	a, b := newDirection(material[:directionBytes]), newDirection(material[directionBytes:])
	if dialled {
		return a, b, nil
	}
	return b, a, nil
}

func newDirection(material []byte) *direction {
	return &direction{id: binary.BigEndian.Uint32(material[keyBytes:]), mac: hmac.New(sha256.New, material[:keyBytes])}
}

// seal appends the MAC of a packet to it.
func (d *direction) seal(packet []byte) []byte {
	d.compute(packet)
	return append(packet, d.sum[:macBytes]...)
}

// open cuts the MAC off a packet, if it is right.
func (d *direction) open(packet []byte) (body []byte, ok bool) {
	if len(packet) < commonHeaderBytes+macBytes {
		return nil, false
	}
	body = packet[:len(packet)-macBytes]
	d.compute(body)
	return body, hmac.Equal(d.sum[:macBytes], packet[len(body):])
}

func (d *direction) compute(body []byte) {
	d.mac.Reset()
	d.mac.Write(body)
	d.mac.Sum(d.sum[:0])
}
