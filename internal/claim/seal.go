package claim

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Seal encrypts the text of claims as ExternalDNS does with
// --txt-encrypt-enabled: gzip, AES-256-GCM with a nonce of 12 octets before the
// text, and base64 (RFC 4648 section 4) around both. A nil Seal reads and
// writes plain text.
//
// Above the provider a sealed claim is seen in plain text: [Seal.Open] makes the
// text the set's data and keeps what was listed as its listed spelling
// ([dns.Listed]), by which it is deleted. So two claims that differ by their
// nonces alone are equal, and none is written again for it.
type Seal struct {
	gcm    cipher.AEAD
	nonces []byte // the key of nonces
	writes bool
	zips   *sync.Pool // of *gzip.Writer: one is large to make
}

const (
	keySize   = 32
	maxOpened = 4096 // octets; no text of a claim is longer than some 300
)

var errKey = errors.New("want 32 octets, as they are or in base64")

// NewSeal returns the seal of a key: 32 octets as they are, or in base64 of
// either alphabet, with or without padding. If writes is false claims are
// opened, and new ones written in plain text. An error does not show the key.
func NewSeal(key string, writes bool) (*Seal, error) {
	octets := []byte(key)
	if len(octets) != keySize {
		text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(key, "="))
		var err error
		if octets, err = base64.RawStdEncoding.DecodeString(text); err != nil || len(octets) != keySize {
			return nil, errKey
		}
	}
	block, err := aes.NewCipher(octets)
	if err != nil {
		return nil, fmt.Errorf("use the key: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use the key: %w", err)
	}
	nonces := hmac.New(sha256.New, octets)
	nonces.Write([]byte("signpost: nonces of claims"))
	zips := &sync.Pool{New: func() any {
		zip, _ := gzip.NewWriterLevel(nil, gzip.BestCompression) // the level is one
		return zip
	}}
	return &Seal{gcm, nonces.Sum(nil), writes, zips}, nil
}

// Writes reports whether claims are written sealed.
func (s *Seal) Writes() bool { return s != nil && s.writes }

// Open returns a TXT set with its sealed claims in plain text. Other sets, and
// claims sealed with another key, are returned as they are. Where claims are
// written sealed a plain one gets a listed spelling too, so that the two can be
// told apart: without one it is as [Seal.Sealed] makes it.
func (s *Seal) Open(set dns.RecordSet) dns.RecordSet {
	if s == nil || set.Type != dns.TXT {
		return set
	}
	claimed, data := false, slices.Clone(set.Data)
	for i, value := range set.Data {
		if _, plain := Parse(value); plain {
			claimed = claimed || s.writes
		} else if text, ok := s.open(value); ok {
			claimed, data[i] = true, text
		}
	}
	if !claimed {
		return set
	}
	listed := set.Listed()
	if listed.Values == nil {
		listed.Values = set.Data
	}
	slices.Sort(data)
	set.Data = slices.Compact(data)
	return set.WithListed(listed)
}

// open returns the RDATA of the claim that a TXT value says when it is opened.
func (s *Seal) open(rdata string) (string, bool) {
	strs, err := dns.ParseStrings(rdata)
	if err != nil {
		return "", false
	}
	sealed, err := base64.StdEncoding.DecodeString(strings.Join(strs, ""))
	if size := s.gcm.NonceSize(); err != nil || len(sealed) < size {
		return "", false
	} else if sealed, err = s.gcm.Open(nil, sealed[:size], sealed[size:], nil); err != nil {
		return "", false
	}
	unzip, err := gzip.NewReader(bytes.NewReader(sealed))
	if err != nil {
		return "", false
	}
	text, err := io.ReadAll(io.LimitReader(unzip, maxOpened))
	if err != nil {
		return "", false
	}
	out := dns.FormatStrings(string(text))
	if _, ok := parseText(string(text)); !ok {
		return "", false
	}
	return out, true
}

// Sealed returns a set with its claims in the listed spelling in which they are
// written: sealed, one character-string each. The same claim at the same name
// gives the same octets. Without a seal that writes, and for sets that have a
// listed spelling or no claim, it returns the set as it is.
func (s *Seal) Sealed(set dns.RecordSet) dns.RecordSet {
	if !s.Writes() || set.Type != dns.TXT || set.Listed().Values != nil {
		return set
	}
	values := slices.Clone(set.Data)
	claimed := false
	for i, value := range set.Data {
		if c, ok := Parse(value); ok {
			values[i], claimed = dns.FormatStrings(s.seal(set.Key, c.text())), true
		}
	}
	if !claimed {
		return set
	}
	listed := set.Listed()
	listed.Values = values
	return set.WithListed(listed)
}

// seal encrypts a text. The nonce is a keyed hash of what it is for: nothing
// else is ever encrypted with it, and planning anew gives the same octets.
func (s *Seal) seal(key dns.Key, text string) string {
	mac := hmac.New(sha256.New, s.nonces)
	fmt.Fprintf(mac, "%q %q %q", key.Name, key.SetID, text)
	nonce := mac.Sum(nil)[:s.gcm.NonceSize()]
	return base64.StdEncoding.EncodeToString(s.gcm.Seal(nonce, nonce, s.compress(text), nil))
}

func (s *Seal) compress(text string) []byte {
	var out bytes.Buffer
	zip := s.zips.Get().(*gzip.Writer)
	defer s.zips.Put(zip)
	zip.Reset(&out)
	_, _ = zip.Write([]byte(text)) // a buffer takes everything
	_ = zip.Flush()                // so does ExternalDNS, which deletes what it makes of the text again
	_ = zip.Close()
	return out.Bytes()
}

// size returns how many octets of a character-string a text takes.
func (s *Seal) size(text string) int {
	if !s.Writes() {
		return len(text)
	}
	return base64.StdEncoding.EncodedLen(s.gcm.NonceSize() + len(s.compress(text)) + s.gcm.Overhead())
}

// Unreadable reports whether TXT RDATA looks like a claim and is none that can
// be read: a heritage that is not ExternalDNS's, or the base64 of something as
// long as a sealed claim is at least.
func Unreadable(rdata string) bool {
	strs, err := dns.ParseStrings(rdata)
	if err != nil {
		return true
	}
	text := strings.Join(strs, "")
	if _, ok := Parse(rdata); ok {
		return false
	}
	const least = 60 // octets of nonce, tag and the shortest claim, compressed
	octets, err := base64.StdEncoding.DecodeString(text)
	return strings.Contains(text, "heritage=") || err == nil && len(octets) >= least
}
