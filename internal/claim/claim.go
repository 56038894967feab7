package claim

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// TTL is the time to live of every claim in seconds, whatever its set's.
const TTL = 300

// MaxOwner is the longest owner id in octets. It leaves a claim 63 octets to
// name the object, enough for the kind and most of its name.
const MaxOwner = 128

const (
	heritage    = "external-dns"
	labelPrefix = heritage + "/"
	owner       = "owner"
	resource    = "resource"

	// ExternalIPs is the heritage of claims that openfresh/external-ips wrote.
	ExternalIPs = "external-ips"

	maxString   = 255 // octets of one character-string, RFC 1035 section 3.3
	minResource = 32  // octets below which other labels give way to the resource label
	hashDigits  = 8   // of a cut resource label
)

// Claim is what a TXT record says about the record set that it stands for.
type Claim struct {
	Owner    string            // the owner id; "" if the record names none
	Resource string            // the object, "service/default/nginx"; "" if the record names none
	Labels   map[string]string // other labels, keys without "external-dns/"; nil if there are none
	Heritage string            // [ExternalIPs], or "" for ExternalDNS's format, which is the only one that is written
}

// Parse reads a TXT record, given as RDATA in presentation format. It is false
// where ExternalDNS sees no claim: the text is a list of key=value separated by
// commas, in which heritage=external-dns must occur and no other heritage may.
// Beside them it reads those of openfresh/external-ips, to ExternalDNS foreign
// text; their resource label is left out, since it named another Service.
// Items without an equals sign and keys of others are passed over; of a
// repeated key the last counts.
//
// A record of several character-strings is read as ExternalDNS reads it, with
// the quotes between them in the text: an owner that a seam runs through is
// nobody's.
func Parse(rdata string) (Claim, bool) {
	if !strings.Contains(rdata, "heritage=") && strings.IndexByte(rdata, '\\') < 0 {
		return Claim{}, false // as most TXT records that are none, and quickly
	}
	strs, err := dns.ParseStrings(rdata)
	if err != nil {
		return Claim{}, false
	}
	return parseText(strings.Join(strs, `" "`))
}

func parseText(text string) (Claim, bool) {
	var c Claim
	said, former := "", Claim{Heritage: ExternalIPs}
	for item := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(item, "=")
		switch {
		case !ok:
		case key == "heritage" && (value != heritage && value != ExternalIPs || said != "" && said != value):
			return Claim{}, false
		case key == "heritage":
			said = value
		case key == ExternalIPs+"/"+owner:
			former.Owner = value
		case strings.HasPrefix(key, heritage):
			c.set(strings.TrimPrefix(key, labelPrefix), value)
		}
	}
	switch said {
	case heritage:
		return c, true
	case ExternalIPs:
		return former, true
	}
	return Claim{}, false
}

func (c *Claim) set(label, value string) {
	switch label {
	case owner:
		c.Owner = value
	case resource:
		c.Resource = value
	default:
		if c.Labels == nil {
			c.Labels = map[string]string{}
		}
		c.Labels[label] = value
	}
}

// RDATA returns the claim as canonical TXT RDATA: one character-string, byte
// for byte what ExternalDNS v0.22 writes, labels sorted. Owner and Resource are
// left out where they are empty.
//
// A claim above 255 octets, which a service would refuse, gets a shorter
// resource label: as much of it as fits, "~", and 8 digits of its SHA-256, as
// in "service/default/a-long-na~0a1b2c3d" (names of objects have no tilde). The
// kind always stays. [Claim.Names] knows the form. Other labels that would
// leave the resource under 32 octets are dropped. The owner is never
// shortened: one that [ValidateOwner] accepts fits.
func (c Claim) RDATA() string { return dns.FormatStrings(c.fit(nil).text()) }

// Names reports whether the resource label names this object, also where the
// label was shortened to fit.
func (c Claim) Names(resource string) bool {
	if c.Resource == resource {
		return true
	}
	i := strings.LastIndexByte(c.Resource, '~')
	return i >= 0 && strings.HasPrefix(resource, c.Resource[:i]) && c.Resource[i+1:] == hash(resource)
}

// fit shortens a claim until it fits into one character-string, sealed or
// plain.
func (c Claim) fit(seal *Seal) Claim {
	fits := func(c Claim) bool { return seal.size(c.text()) <= maxString }
	if fits(c) || c.Resource == "" && len(c.Labels) == 0 {
		return c
	}
	whole := c.Resource
	cut := func(keep int) Claim {
		c.Resource = whole[:keep] + "~" + hash(whole)
		return c
	}
	if len(c.Labels) > 0 && (len(whole) < minResource || !fits(cut(minResource-len("~")-hashDigits))) {
		c.Labels, c.Resource = nil, whole
		return c.fit(seal)
	}
	keep := max(0, sort.Search(len(whole), func(keep int) bool { return !fits(cut(keep)) })-1)
	for keep > 0 && !fits(cut(keep)) { // compressed, a longer text can be the shorter one
		keep--
	}
	return cut(keep)
}

func hash(resource string) string {
	sum := sha256.Sum256([]byte(resource))
	return hex.EncodeToString(sum[:])[:hashDigits]
}

func (c Claim) text() string {
	labels := maps.Clone(c.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	for key, value := range map[string]string{owner: c.Owner, resource: c.Resource} {
		delete(labels, key)
		if value != "" {
			labels[key] = value
		}
	}
	var out strings.Builder
	out.WriteString("heritage=" + heritage)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out.WriteString("," + labelPrefix + key + "=" + labels[key])
	}
	return out.String()
}

var (
	errOwnerEmpty = errors.New("it is empty; give every deployment that shares a zone its own, such as the name of the cluster")
	errOwnerLong  = fmt.Errorf("it is longer than %d octets, and the claim must hold it whole; choose a shorter one", MaxOwner)
)

// CheckOwner is [ValidateOwner] for claims that are written with this seal,
// which take more room.
func (s *Seal) CheckOwner(owner string) error {
	if err := ValidateOwner(owner); err != nil {
		return err
	}
	// Digits of a hash compress worst.
	least := Claim{Owner: owner, Resource: "globalnetworkset~" + hash(owner)}
	if s.size(least.text()) > maxString {
		return fmt.Errorf("owner id %q: encrypted, a claim cannot hold it; choose a shorter one", owner)
	}
	return nil
}

// ValidateOwner reports why an owner id could not be read back from a claim,
// and what to do about it. An id may hold printable ASCII without comma, double
// quote and backslash, at most [MaxOwner] octets.
func ValidateOwner(owner string) error {
	if owner == "" {
		return fmt.Errorf("owner id: %w", errOwnerEmpty)
	}
	for _, r := range owner {
		if r < ' ' || r > '~' || strings.ContainsRune(`,"\`, r) {
			return fmt.Errorf("owner id %q: %q cannot stand in a claim; use letters, digits, hyphens, dots and underscores", owner, r)
		}
	}
	if len(owner) > MaxOwner {
		return fmt.Errorf("owner id %q: %w", owner, errOwnerLong)
	}
	return nil
}

// Set returns the record set at that name which claims the set claimed for c.
// It has the claimed set's identifier, routing and health check, without which
// Route 53 takes no second set of that name, and always [TTL].
func Set(c Claim, at dns.Name, claimed dns.RecordSet) dns.RecordSet {
	return (*Seal)(nil).Set(c, at, claimed)
}

// Set is [Set] for a claim that is written with this seal: if it is to be
// encrypted the set has that as its listed spelling.
func (s *Seal) Set(c Claim, at dns.Name, claimed dns.RecordSet) dns.RecordSet {
	return s.Sealed(dns.RecordSet{
		Key:           dns.Key{Name: at, Type: dns.TXT, SetID: claimed.SetID},
		TTL:           TTL,
		Data:          []string{dns.FormatStrings(c.fit(s).text())},
		Routing:       claimed.Routing,
		HealthCheckID: claimed.HealthCheckID,
	})
}
