package lease

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Name returns the name of the Lease of a deployment: "signpost-", the owner id
// as far as a name may hold it, and a hash. It is the same for the same owner and
// parts in the same order, and another otherwise, so that deployments that differ
// in any part do not contend. It is a DNS label (RFC 1123) of at most 63 octets.
//
// The parts are what tells one deployment from another that has the same owner
// id: a replica that contends with a stranger does nothing while that one leads.
func Name(owner string, parts ...string) string {
	hash := sha256.New()
	for _, part := range append([]string{owner}, parts...) {
		fmt.Fprintf(hash, "%d:%s", len(part), part) // so that no two lists run together; a hash takes all writes
	}
	name := "signpost-"
	if readable := label(owner); readable != "" {
		name += readable + "-"
	}
	return name + hex.EncodeToString(hash.Sum(nil)[:4])
}

// label returns what of s may stand inside a DNS label, at most 45 octets.
func label(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == 45 {
			break
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}
