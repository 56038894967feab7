package plan_test

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// The zones of testdata/externaldns are what versions of ExternalDNS leave for
// the same objects, with various flags: VERSION,VARIANT.zone. With -update they
// are written by the model of them below, which shares nothing with the code
// under test.

// variant is a way to configure where ExternalDNS puts claims.
type variant struct {
	slug, prefix, suffix, wildcard string
	encrypted                      bool
	since                          version // templates and encryption are younger than claims
}

type version int

const (
	v011 version = iota
	v014
	v017
	v021
	v022
)

var versions = []string{"v0.11", "v0.14", "v0.17", "v0.21", "v0.22"}

func variants() []variant {
	return []variant{
		{slug: "plain"},
		{slug: "prefix-dash", prefix: "edns-"},
		{slug: "prefix-dot", prefix: "edns."},
		{slug: "prefix-type", prefix: "edns-%{record_type}.", since: v014},
		{slug: "prefix-type-first", prefix: "%{record_type}-", since: v014},
		{slug: "suffix", suffix: "-edns"},
		{slug: "suffix-type", suffix: "-%{record_type}", since: v014},
		{slug: "wildcard", wildcard: "any"},
		{slug: "prefix-wildcard", prefix: "%{record_type}-edns.", wildcard: "any", since: v014},
		{slug: "encrypted", encrypted: true, since: v014},
		{slug: "encrypted-prefix", prefix: "edns.", encrypted: true, since: v014},
	}
}

const origin = "example.com"

const sealKey = "zMAVxGmRjZ7gxHQNGxX_LW5e-RpE8h4Ck0Qg4LFqRb0=" // the alphabet of URLs

// record is what an object got.
type record struct{ object, text string }

func ofObjects() []record {
	return []record{
		{"service/default/web", "www 300 IN A 192.0.2.1"},
		{"service/default/dual", "dual 300 IN A 192.0.2.2"},
		{"service/default/dual", "dual 300 IN AAAA 2001:db8::2"},
		{"service/default/shop", "shop 60 IN CNAME shop.example.net."},
		{"ingress/default/lb", "lb ALIAS A lb-1.eu-west-1.elb.amazonaws.com. zone=ZELB health=true"},
		{"ingress/default/lb", "lb ALIAS AAAA lb-1.eu-west-1.elb.amazonaws.com. zone=ZELB health=true"},
		{"ingress/default/apps", "*.apps 300 IN A 192.0.2.3"},
		{"service/default/a-team", "a-team 300 IN A 192.0.2.4"},
		{"service/default/team", "team 300 IN A 192.0.2.5"},
		{"service/default/deep", "cname-x.a.b 300 IN A 192.0.2.6"},
		{"service/default/apex", apex},
		{"service/default/blue", "canary 60 IN A 192.0.2.11 ;! id=blue weight=90"},
		{"ingress/default/near", "near ALIAS A lb-1.eu-west-1.elb.amazonaws.com. zone=ZELB health=true ;! id=eu region=eu-west-1"},
		{"ingress/default/near", "near ALIAS AAAA lb-1.eu-west-1.elb.amazonaws.com. zone=ZELB health=true ;! id=eu region=eu-west-1"},
	}
}

// apex is what versions create without a claim where its name would lie
// outside the zone.
const apex = "@ 300 IN A 192.0.2.7"

// theirs is what another owner's objects got.
func theirs() []record {
	return []record{
		{"service/default/theirs", "theirs 300 IN A 192.0.2.8"},
		{"service/default/green", "canary 60 IN A 192.0.2.12 ;! id=green weight=10"},
	}
}

// others is what the zones hold besides.
const others = `
@ 172800 IN NS ns-1.example.net.
@ 300 IN MX 10 mail.example.net.
www 300 IN MX 10 mail.example.net.
mail 300 IN A 192.0.2.9
mail 300 IN TXT "v=spf1 -all"
`

// theirName is where ExternalDNS puts a claim; without a type, the old format.
func (v variant) theirName(host, typ string) string {
	label, rest, dotted := strings.Cut(strings.TrimPrefix(host+"."+origin, "@."), ".")
	if label == "*" && v.wildcard != "" {
		label = v.wildcard
	}
	low := strings.ToLower(typ)
	if !strings.Contains(v.prefix+v.suffix, "%{record_type}") && typ != "" {
		label = low + "-" + label
	}
	name := strings.ReplaceAll(v.prefix, "%{record_type}", low) + label + strings.ReplaceAll(v.suffix, "%{record_type}", low)
	if dotted {
		name += "." + rest
	}
	return name
}

// theirNames are all the claims of a record. What would lie outside the zone is
// dropped.
func (v variant) theirNames(as version, text string) []string {
	return slices.DeleteFunc(v.theirNamesAnywhere(as, text), func(name string) bool {
		return name != origin && !strings.HasSuffix(name, "."+origin)
	})
}

func (v variant) theirNamesAnywhere(as version, text string) (names []string) {
	fields := strings.Fields(text)
	host, typ, alias := fields[0], fields[2], fields[1] == "ALIAS"
	if !alias {
		typ = fields[3]
	}
	if as <= v017 && typ != "AAAA" && !v.encrypted && !strings.Contains(v.prefix+v.suffix, "%{record_type}") {
		names = append(names, v.theirName(host, ""))
	}
	if as == v011 {
		return names
	}
	if alias && typ == "A" && as < v022 {
		typ = "CNAME"
	}
	return append(names, v.theirName(host, typ))
}

func (v variant) theirText(name, owner, object string) string {
	text := "heritage=external-dns,external-dns/owner=" + owner + ",external-dns/resource=" + object
	if v.encrypted {
		text = encrypt(name, text)
	}
	return `"` + text + `"`
}

func encrypt(name, text string) string {
	key, _ := base64.URLEncoding.DecodeString(sealKey)
	block, _ := aes.NewCipher(key)
	gcm, _ := cipher.NewGCM(block)
	nonce := sha256.Sum256([]byte(name + text)) // any will do
	var zipped bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	fmt.Fprint(zip, text)
	_ = zip.Flush()
	_ = zip.Close()
	return base64.StdEncoding.EncodeToString(gcm.Seal(nonce[:12:12], nonce[:12], zipped.Bytes(), nil))
}

// makes reports whether a version makes a record: AAAA records are younger than
// claims, those of aliases younger still, and where the older claim of a CNAME
// would stand beside it DNS does not have it.
func (v variant) makes(as version, r record) bool {
	fields := strings.Fields(r.text)
	switch {
	case slices.Contains(fields, "AAAA"):
		return as > v011 && (as >= v017 || fields[1] != "ALIAS")
	case fields[3] == "CNAME":
		return !slices.Contains(v.theirNames(as, r.text), fields[0]+"."+origin)
	}
	return true
}

// theirZone is the zone as a version leaves it, or may leave it: up to v0.17 the
// older claim of a-team and the newer one of team collide, so that one of the two
// was made by a version before that.
func (v variant) theirZone(as version) string {
	text := others
	written := map[string]bool{} // a TXT that is there already is not made again, whatever it says
	write := func(owner string, records []record) {
		for _, r := range records {
			if !v.makes(as, r) {
				continue
			}
			text += r.text + "\n"
			_, routing, _ := strings.Cut(r.text, " ;! ")
			for _, name := range v.theirNames(as, r.text) {
				if written[name+routing] {
					continue
				}
				written[name+routing] = true
				text += name + ". 300 IN TXT " + v.theirText(name, owner, r.object)
				if routing != "" {
					text += " ;! " + routing
				}
				text += "\n"
			}
		}
	}
	write("other", theirs())
	write("me", ofObjects())
	return text
}
