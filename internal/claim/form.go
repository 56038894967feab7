package claim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// types are those whose claims ExternalDNS can tell by the claim's name, in
// the order in which it tries them (TLSA since v0.23), and CAA. That one's claim it writes in the
// same way, and then takes for a claim of the old format of nothing.
var types = [...]dns.Type{dns.A, dns.AAAA, dns.CNAME, dns.NS, dns.MX, dns.PTR, dns.SRV, dns.NAPTR, dns.TXT, dns.DNAME, "TLSA", dns.CAA}

// form is one way to make the name of a claim out of an owner name: head and
// tail go around its first label. Every format of ExternalDNS is a form.
//
//	{typ: A, head: "edns.a-"}    www.example.com. <-> edns.a-www.example.com.
//	{typ: "", head: "edns."}     www.example.com. <-> edns.www.example.com.
type form struct {
	typ         dns.Type // "": the old format, which says no type
	head, tail  string   // in lower case, may hold dots, hold nothing that needs an escape
	replacement string   // stands for the label "*"; "" leaves it
}

var errRoot = errors.New("the root has no label to mark")

// name returns the claim's name for an owner name. It need not lie in the zone
// of the owner name: the last label of a zone's apex changes too.
func (f form) name(of dns.Name) (dns.Name, error) {
	label, rest := of.Cut()
	if label == "" {
		return "", errRoot
	}
	if label == "*" && f.replacement != "" {
		label = f.replacement
	}
	text := f.head + label + f.tail + "." + string(rest)
	if rest == dns.Root {
		text = text[:len(text)-1]
	}
	return dns.ParseName(text)
}

// read appends the owner names whose claim this name is: none, one, or two
// where the replaced wildcard and its replacement share it (wildcard first).
func (f form) read(out []dns.Name, txt dns.Name) []dns.Name {
	text, ok := strings.CutPrefix(string(txt), f.head)
	if !ok {
		return out
	}
	if f.plainly(text) {
		return append(out, dns.Name(text))
	}
	// The tail ends in the label that lies as many dots behind as it has.
	label, rest := dns.Name(text).Cut()
	for range strings.Count(f.tail, ".") {
		var next string
		next, rest = rest.Cut()
		label += "." + next
	}
	label, ok = strings.CutSuffix(label, f.tail)
	if !ok || label == "" {
		return out
	}
	if label == f.replacement {
		out = f.verified(out, "*", rest, txt)
	}
	return f.verified(out, label, rest, txt)
}

// plainly reports whether a claim's name without its head is an owner name, and
// the only one: nothing has to be undone but that the head was put before it,
// and nothing verified, since it is the end of a name.
func (f form) plainly(text string) bool {
	if f.tail != "" || len(text) < 2 || f.replacement != "" && strings.HasPrefix(text, f.replacement+".") {
		return false
	}
	last := text[len(text)-2]
	return text[0] != '.' && text[0] != '*' && (last < '0' || last > '9') && !strings.ContainsAny(text, `\:`)
}

// verified appends label.rest if it is a name whose claim lies at txt. Text was
// cut without regard to escapes, and the wildcard may have to be replaced: both
// show here.
func (f form) verified(out []dns.Name, label string, rest, txt dns.Name) []dns.Name {
	of, err := join(label, rest)
	if err != nil {
		return out
	}
	if back, err := f.name(of); err != nil || back != txt {
		return out
	}
	return append(out, of)
}

func join(label string, rest dns.Name) (dns.Name, error) {
	text := label + "." + string(rest)
	if rest == dns.Root {
		text = label + "."
	}
	return dns.ParseName(text)
}

// template is what --txt-prefix and --txt-suffix may hold for the type.
const template = "%{record_type}"

func expand(affix string, t dns.Type) string {
	return strings.ReplaceAll(affix, template, strings.ToLower(string(t)))
}

var (
	errBothAffixes = errors.New("txt-prefix and txt-suffix are mutual exclusive: keep the one that the claims in the zone have")
	errTemplate    = fmt.Errorf("the only template is %s", template)
	errAffixChar   = errors.New("use letters, digits, hyphens, underscores and dots")
)

// checkAffix reports why no name can be made with an affix, in lower case. One
// of the two is empty.
func checkAffix(prefix, suffix string) error {
	bare := strings.ReplaceAll(prefix+suffix, template, "")
	if strings.ContainsAny(bare, "%{}") {
		return errTemplate
	}
	if strings.ContainsFunc(bare, func(r rune) bool { return !plain(r) && r != '.' }) {
		return errAffixChar
	}
	// No type is longer than NAPTR; the x stands for the label that is marked.
	const longest, example = "NAPTR", dns.Name("x.")
	f := form{head: expand(prefix, longest), tail: expand(suffix, longest)}
	if _, err := f.name(example); err != nil {
		return fmt.Errorf("no claim could have such a name: a prefix must not begin with a dot, nor a suffix end in one: %w", err)
	}
	return nil
}

func plain(r rune) bool {
	return r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z'
}
