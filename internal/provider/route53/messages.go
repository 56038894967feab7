package route53

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// openings are how the messages of InvalidChangeBatch begin. The service joins
// several with ", ", and they contain commas themselves, so that a message ends
// only where the next one begins.
var openings = regexp.MustCompile(`, (?:Tried to |RRSet (?:of type|with DNS name) |The request contains |` +
	`Invalid Resource Record|Invalid request|Invalid XML|FATAL problem: |Duplicate Resource Record|Number of records limit )`)

// splitMessages takes "[m1, m2]", or a single message, apart.
func splitMessages(text string) []string {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	var out []string
	start := 0
	for _, at := range openings.FindAllStringIndex(text, -1) {
		out = append(out, text[start:at[0]])
		start = at[0] + len(", ")
	}
	return append(out, text[start:])
}

// The messages that say that a change cannot be because of what the zone holds.
// The first three name the set of the change, the others what stands beside it.
var conflicts = []*regexp.Regexp{
	regexp.MustCompile(`^Tried to create resource record set .* but it already exists`),
	regexp.MustCompile(`^Tried to delete resource record set .* but it was not found`),
	regexp.MustCompile(`^Tried to delete resource record set .* but the values provided do not match`),
	regexp.MustCompile(`^RRSet of type .* because a conflicting RRSet of type .* already exists`),
	regexp.MustCompile(`^RRSet of type .* as it conflicts with other records with the same DNS name`),
	regexp.MustCompile(`^RRSet with DNS name .* cannot be created as a non-\S+ set exists with the same name and type`),
	regexp.MustCompile(`^RRSet with DNS name .* cannot be created because a .* with the same name, type and .* already exists`),
	regexp.MustCompile(`^RRSet with DNS name .* cannot be created as weighted sets must contain the same TTL`),
	regexp.MustCompile(`^RRSet with DNS name .* cannot be created as other RRSets exist with the same name and type`),
}

func messageKind(message string) error {
	said := func(r *regexp.Regexp) bool { return r.MatchString(message) }
	if slices.ContainsFunc(conflicts, said) {
		return provider.ErrConflict
	}
	return provider.ErrRejected
}

// Where a message names the record set that it is about.
var (
	quotedKey   = regexp.MustCompile(`\[name='([^']*)', type='([^']*)'(?:, set.identifier='([^']*)')?`)
	typedKey    = regexp.MustCompile(`^RRSet of type\s+(\S+) with DNS name (\S+) `)
	routedKey   = regexp.MustCompile(`^RRSet with DNS name ([^\s,]+)(?:(?:,| and) type ([^\s,]+))?(?:, SetIdentifier (.*?))? (?:cannot|is not)`)
	twiceKey    = regexp.MustCompile(`resource record set '(\S+) ([^']*)'`)
	inputKey    = regexp.MustCompile(`Name=([^\s,]+), Type=([^\s,\]]+)(?:, SetIdentifier=([^\]]*))?`)
	aliasKey    = regexp.MustCompile(`alias that targets ([^\s,]+), type ([^\s,]+) `)
	encountered = regexp.MustCompile(`encountered with '(.*)'`)
)

// subject is what a message is about: a set by its key, with an empty type or
// identifier where none is named; the target of an alias; or a piece of text
// that stands in a name or value.
type subject struct {
	key   dns.Key
	alias bool
	text  string
}

func subjectOf(message string) subject {
	named := func(name, kind, id string) dns.Key {
		parsed, err := dns.ParseOctalName(name)
		if err != nil {
			return dns.Key{}
		}
		if id == "null" {
			id = ""
		}
		return dns.Key{Name: parsed, Type: dns.Type(kind), SetID: id}
	}
	for _, form := range []*regexp.Regexp{quotedKey, routedKey, inputKey} {
		if m := form.FindStringSubmatch(message); m != nil {
			return subject{key: named(m[1], m[2], m[3])}
		}
	}
	for _, form := range []*regexp.Regexp{typedKey, twiceKey} {
		if m := form.FindStringSubmatch(message); m != nil {
			return subject{key: named(m[2], m[1], "")}
		}
	}
	if m := aliasKey.FindStringSubmatch(message); m != nil {
		return subject{key: named(m[1], m[2], ""), alias: true}
	}
	if m := encountered.FindStringSubmatch(message); m != nil {
		return subject{text: m[1]}
	}
	return subject{}
}

// tooMany is said of a batch with too many values (DNSLimitations: 1,000), and
// of a zone with too many record sets (10,000 unless Amazon raised it).
var tooMany = regexp.MustCompile(`^Number of records limit of (\d+) exceeded`)

const fullHint = "delete record sets that nobody needs, or ask Amazon for a higher quota (Service Quotas, Route 53, records per hosted zone)"

// fullZone reports whether a message says that the zone is full: the number is
// not that for batches, or the batch keeps to it.
func fullZone(message string, batch dns.Batch) bool {
	m := tooMany.FindStringSubmatch(message)
	if m == nil {
		return false
	}
	values := 0
	for _, group := range batch {
		n, _ := group.Size()
		values += n
	}
	return m[1] != strconv.Itoa(maxValues) || values <= maxValues
}

// blame returns which groups the messages of a refusal name, and its kind: that
// is a rejection if any message is one.
func blame(messages []string, batch dns.Batch) (groups []provider.GroupError, kind error) {
	kind = provider.ErrConflict
	for _, message := range messages {
		of := messageKind(message)
		if of == provider.ErrRejected {
			kind = of
		}
		about := subjectOf(message)
		for _, i := range about.in(batch, message) {
			groups = append(groups, provider.GroupError{Group: i, Kind: of, Message: message})
		}
	}
	slices.SortStableFunc(groups, func(a, b provider.GroupError) int { return a.Group - b.Group })
	return groups, kind
}

// in returns the groups that hold the subject, by the closest match that finds
// any: the whole key, its name and type, its name alone.
func (s subject) in(batch dns.Batch, message string) []int {
	var tests []func(dns.Change) bool
	switch {
	case s.alias:
		tests = append(tests, func(c dns.Change) bool { return c.New != nil && c.New.Type == s.key.Type && s.aims(c.New) },
			func(c dns.Change) bool { return c.New != nil && s.aims(c.New) })
	case s.key.Name != "":
		tests = append(tests, func(c dns.Change) bool { return c.Key() == s.key },
			func(c dns.Change) bool { return c.Key().Name == s.key.Name && c.Key().Type == s.key.Type },
			func(c dns.Change) bool { return c.Key().Name == s.key.Name })
	case s.text != "":
		tests = append(tests, func(c dns.Change) bool { return holds(c, func(v string) bool { return v == s.text }) },
			func(c dns.Change) bool { return holds(c, func(v string) bool { return strings.Contains(v, s.text) }) })
	default:
		tests = append(tests, func(c dns.Change) bool {
			return c.New != nil && c.New.HealthCheckID != "" && strings.Contains(message, c.New.HealthCheckID)
		})
	}
	for _, test := range tests {
		var found []int
		for i, group := range batch {
			if slices.ContainsFunc(group, test) {
				found = append(found, i)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func (s subject) aims(set *dns.RecordSet) bool {
	return set.Alias != nil && set.Alias.Target == s.key.Name
}

// holds reports whether a name or value that the change sent passes the test.
func holds(c dns.Change, test func(string) bool) bool {
	sent := func(set *types.ResourceRecordSet) bool {
		return test(aws.ToString(set.Name)) || set.AliasTarget != nil && test(aws.ToString(set.AliasTarget.DNSName)) ||
			slices.ContainsFunc(set.ResourceRecords, func(r types.ResourceRecord) bool { return test(aws.ToString(r.Value)) })
	}
	return c.Old != nil && sent(toWire(*c.Old, c.Old.Listed())) || c.New != nil && sent(toWire(*c.New, dns.Listed{}))
}
