package claim

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
)

const plainKey = "0123456789abcdef0123456789abcdef"

func mustSeal(t testing.TB, key string, writes bool) *Seal {
	t.Helper()
	s, err := NewSeal(key, writes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// theirSeal is how ExternalDNS encrypts: it draws the nonce.
func theirSeal(t testing.TB, key, nonce, text string) string {
	t.Helper()
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	zip, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(zip, text)
	if err := errors.Join(zip.Flush(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return `"` + base64.StdEncoding.EncodeToString(gcm.Seal([]byte(nonce), []byte(nonce), zipped.Bytes(), nil)) + `"`
}

// ExternalDNS keeps the nonce of a claim that it reads, and deletes what it
// makes of text and nonce anew: what is written here it must be able to make.
// Both hang on the gzip of the Go release that they are built with.
func TestSealAsExternalDNSMakesItAnew(t *testing.T) {
	const (
		text = "heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/nginx"
		made = `"dHdlbHZlIGJ5dGVzXjIKcd+4/iH2cKwC3KwzC99DGbF0EbvXxDaj5oF45eju2TUtpomEitCTTcg8KBul4lFkhKUyqENiC+lvOn4L0wJYnrL4QyOYNLD/JNH6f/S//` +
			`4FiodvSAf19pKm/lC6YW37TO70fng+w6rw="` // by v0.22 itself
	)
	if diff := cmp.Diff(made, theirSeal(t, plainKey, "twelve bytes", text)); diff != "" {
		t.Fatal(diff)
	}
	c, _ := Parse(`"` + text + `"`)
	ours := mustSeal(t, plainKey, true).Set(c, "a-www.example.com.", dns.RecordSet{}).Listed().Values[0]
	octets, err := base64.StdEncoding.DecodeString(strings.Trim(ours, `"`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(theirSeal(t, plainKey, string(octets[:12]), text), ours); diff != "" {
		t.Error(diff)
	}
}

// theirOpen is how ExternalDNS reads what it encrypted.
func theirOpen(t interface {
	Helper()
	Fatal(args ...any)
}, key, rdata string) string {
	t.Helper()
	block, _ := aes.NewCipher([]byte(key))
	gcm, _ := cipher.NewGCM(block)
	octets, err := base64.StdEncoding.DecodeString(strings.Trim(rdata, `"`))
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := gcm.Open(nil, octets[:12], octets[12:], nil)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(zip); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSealOpensWhatExternalDNSWrote(t *testing.T) {
	const text = "heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/nginx"
	set := mustSets(t, "a-www 300 IN TXT "+theirSeal(t, plainKey, "twelve bytes", text))[0]
	for _, key := range []string{
		plainKey,
		base64.StdEncoding.EncodeToString([]byte(plainKey)),
		base64.URLEncoding.EncodeToString([]byte(plainKey)),
		base64.RawURLEncoding.EncodeToString([]byte(plainKey)),
	} {
		for _, writes := range []bool{true, false} {
			got := mustSeal(t, key, writes).Open(set)
			if diff := cmp.Diff([]string{`"` + text + `"`}, got.Data); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(set.Data, got.Listed().Values); diff != "" {
				t.Errorf("listed: %s", diff)
			}
		}
	}
	if got := mustSeal(t, strings.ToUpper(plainKey), true).Open(set); !got.Equal(set) || got.Listed().Values != nil {
		t.Errorf("another key opens it: %s", got)
	}
}

// Keys whose octets need the characters in which the alphabets differ.
func TestBothAlphabets(t *testing.T) {
	key := strings.Repeat("\xfb\xff", 16)
	a := mustSeal(t, base64.StdEncoding.EncodeToString([]byte(key)), true)
	b := mustSeal(t, base64.URLEncoding.EncodeToString([]byte(key)), true)
	set := Set(Claim{Owner: "me"}, "a-www.example.com.", dns.RecordSet{})
	if diff := cmp.Diff(a.Sealed(set).Listed(), b.Sealed(set).Listed()); diff != "" {
		t.Error(diff)
	}
}

func TestSealLeavesOthersAlone(t *testing.T) {
	s := mustSeal(t, plainKey, true)
	for _, set := range mustSets(t, `
www 60 IN A 192.0.2.1
one 60 IN TXT "v=spf1 -all"
two 60 IN TXT "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo="
three 60 IN TXT `+theirSeal(t, plainKey, "twelve bytes", "no claim")) {
		if got := s.Open(set); !got.Equal(set) || got.Listed().Values != nil {
			t.Errorf("opened: %s %v", got, got.Listed())
		}
		if got := s.Sealed(set); !got.Equal(set) || got.Listed().Values != nil {
			t.Errorf("sealed: %s %v", got, got.Listed())
		}
	}
}

// A plain claim that was read before encryption was turned on stays as it is.
func TestSealKeepsPlainClaims(t *testing.T) {
	set := Set(Claim{Owner: "me"}, "a-www.example.com.", dns.RecordSet{})
	s := mustSeal(t, plainKey, true)
	if got := s.Sealed(s.Open(set)).Listed().Values; !cmp.Equal(got, set.Data) {
		t.Errorf("it is spelled %s", got)
	}
	if got := mustSeal(t, plainKey, false).Sealed(set); got.Listed().Values != nil {
		t.Errorf("without encryption it is written as %s", got.Listed().Values)
	}
	var none *Seal
	if got := none.Sealed(none.Open(set)); got.Listed().Values != nil {
		t.Errorf("without a key it is written as %s", got.Listed().Values)
	}
}

func TestNewSealErrors(t *testing.T) {
	for _, key := range []string{"", "short", plainKey + "x", base64.StdEncoding.EncodeToString([]byte(plainKey + "x")), strings.Repeat("*", 44)} {
		if _, err := NewSeal(key, true); err == nil || len(key) > 5 && strings.Contains(err.Error(), key) {
			t.Errorf("%q: error %v, want one that does not show the key", key, err)
		}
	}
}

func TestSealProperties(t *testing.T) {
	s := mustSeal(t, plainKey, true)
	rapid.Check(t, func(t *rapid.T) {
		c := drawClaim(t)
		if s.CheckOwner(c.Owner) != nil {
			t.Skip("the owner is too long to be encrypted")
		}
		at := dns.Name("a-www.example.com.")
		set := s.Set(c, at, dns.RecordSet{})
		sealed := set.Listed().Values
		if len(sealed) != 1 || len(sealed[0]) > maxString+2 {
			t.Fatalf("sealed as %s: want one character-string that fits", sealed)
		}
		got, ok := Parse(set.Data[0])
		if !ok || got.Owner != c.Owner || !got.Names(c.Resource) {
			t.Fatalf("%+v is written as %s", c, set)
		}
		if text := `"` + theirOpen(t, plainKey, sealed[0]) + `"`; !strings.ContainsAny(text, `\`) && strings.Count(text, `"`) == 2 && text != set.Data[0] {
			t.Fatalf("ExternalDNS reads %s, and we %s", text, set.Data[0])
		}
		listed := dns.RecordSet{Key: set.Key, TTL: set.TTL, Data: sealed}
		opened := s.Open(listed)
		if !opened.Equal(set) || !cmp.Equal(opened.Listed().Values, sealed) {
			t.Fatalf("%s is opened as %s", sealed, opened)
		}
		if again := s.Set(c, at, dns.RecordSet{}); !cmp.Equal(again.Listed(), set.Listed()) {
			t.Fatal("sealing again gives other octets")
		}
		if other := s.Set(c, "aaaa-www.example.com.", dns.RecordSet{}); cmp.Equal(other.Listed(), set.Listed()) {
			t.Fatal("two names have one nonce")
		}
	})
}

func TestUnreadable(t *testing.T) {
	sealed := theirSeal(t, plainKey, "twelve bytes", "heritage=external-dns,external-dns/owner=me")
	for rdata, want := range map[string]bool{
		sealed:                          true,
		`"heritage=mate,mate/owner=me"`: true,
		`"heritage=external-dns,external-dns/owner=me"`: false,
		`"v=spf1 -all"`: false,
		`"google-site-verification=rXOxyZounnZasA8Z7oaD3c14JdjS9aKSWvsR1EbUSIQ"`: false,
		`"gfj9Xq-DGcqVGkZa2QvLs3aXaFvCf0Xw3Yq0Vq9Vq9U"`:                          false, // an ACME challenge
	} {
		if Unreadable(rdata) != want {
			t.Errorf("%s: unreadable %t, want %t", rdata, !want, want)
		}
	}
}
