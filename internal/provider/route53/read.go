package route53

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

const opList = "ListResourceRecordSets"

// Page sizes of ListResourceRecordSets: the most that it gives, and what is
// plenty for one name.
const (
	fullPage  = 300
	smallPage = 20
)

// place is where a page of record sets starts: the API's name, type and
// identifier. Empty is the start of the zone.
type place struct{ name, kind, id string }

func (c place) cursor() provider.Cursor {
	if c == (place{}) {
		return ""
	}
	return provider.Cursor(c.name + " " + c.kind + " " + c.id)
}

// parseCursor is the inverse of cursor. The identifier stands last since only
// it may hold a blank.
func parseCursor(c provider.Cursor) (place, error) {
	if c == "" {
		return place{}, nil
	}
	parts := strings.SplitN(string(c), " ", 3)
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return place{}, fmt.Errorf("cursor %q: want NAME TYPE IDENTIFIER", c)
	}
	return place{parts[0], parts[1], parts[2]}, nil
}

// page is one answer of ListResourceRecordSets.
type page struct {
	sets []types.ResourceRecordSet
	next place // empty after the last page
}

func (p *Provider) list(ctx context.Context, zone dns.Zone, from place, items int32) (page, error) {
	in := &api.ListResourceRecordSetsInput{HostedZoneId: aws.String(zone.ID), MaxItems: aws.Int32(items)}
	if from.name != "" {
		in.StartRecordName = aws.String(from.name)
	}
	if from.kind != "" {
		in.StartRecordType = types.RRType(from.kind)
	}
	if from.id != "" {
		in.StartRecordIdentifier = aws.String(from.id)
	}
	out, err := request(ctx, p, opList, zone.ID, nil, func(ctx context.Context) (*api.ListResourceRecordSetsOutput, error) {
		return p.client.ListResourceRecordSets(ctx, in)
	})
	if err != nil {
		return page{}, err
	}
	answer := page{sets: out.ResourceRecordSets}
	if out.IsTruncated {
		answer.next = place{aws.ToString(out.NextRecordName), string(out.NextRecordType), aws.ToString(out.NextRecordIdentifier)}
	}
	return answer, nil
}

// Page implements [provider.Provider].
func (p *Provider) Page(ctx context.Context, zone dns.Zone, from provider.Cursor) ([]dns.RecordSet, provider.Cursor, error) {
	start, err := parseCursor(from)
	if err != nil {
		return nil, "", fmt.Errorf("%s in zone %s: %w", opList, zone.ID, err)
	}
	answer, err := p.list(ctx, zone, start, fullPage)
	if err != nil {
		return nil, "", err
	}
	return fromWire(answer.sets), answer.next.cursor(), nil
}

// Passed implements [provider.Provider].
func (p *Provider) Passed(cursor provider.Cursor, name dns.Name) bool {
	next, err := parseCursor(cursor)
	return err == nil && next.name != "" && positionOf(name).before(positionAt(next.name))
}

// At implements [provider.Provider]. A call that reads one name also settles
// those others that its page covers, so that the names of a small zone take
// one call together.
func (p *Provider) At(ctx context.Context, zone dns.Zone, names []dns.Name) ([]dns.RecordSet, error) {
	wanted := positions(names)
	var found []dns.RecordSet
	for len(wanted) > 0 {
		items := int32(fullPage)
		if len(wanted) == 1 {
			items = smallPage
		}
		sets, whole, err := p.from(ctx, zone, wanted[0].name, items)
		if err != nil {
			return nil, err
		}
		settled := covered(wanted, sets, whole)
		for _, set := range sets {
			if settled[set.Name] {
				found = append(found, set)
			}
		}
		wanted = slices.DeleteFunc(wanted, func(w position) bool { return settled[w.name] })
	}
	slices.SortFunc(found, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
	return found, nil
}

// from returns the sets from name on, at least all at name itself. Whole is
// true if the zone ends with them.
func (p *Provider) from(ctx context.Context, zone dns.Zone, name dns.Name, items int32) (sets []dns.RecordSet, whole bool, err error) {
	at := place{name: name.Octal()}
	for {
		answer, err := p.list(ctx, zone, at, items)
		if err != nil {
			return nil, false, err
		}
		sets = append(sets, fromWire(answer.sets)...)
		if answer.next == (place{}) {
			return sets, true, nil
		}
		if len(sets) > 0 && sets[len(sets)-1].Name != name {
			return sets, false, nil
		}
		at, items = answer.next, fullPage
	}
}

// covered returns which of the wanted names the sets answer completely. The
// first is one of them. Another is if it lies between the first and the last
// name listed, whose own sets may go on.
func covered(wanted []position, sets []dns.RecordSet, whole bool) map[dns.Name]bool {
	first, last := wanted[0], position{}
	if len(sets) > 0 {
		last = positionOf(sets[len(sets)-1].Name)
	}
	settled := map[dns.Name]bool{first.name: true}
	for _, w := range wanted[1:] {
		settled[w.name] = first.before(w) && (whole || w.before(last))
	}
	return settled
}

// position is where a name stands in the service's order: by labels from the
// right, as text, final dot included. The API reference does not say whether
// escapes are compared as written or as the octets they mean, so both are kept,
// and one name stands before another only if both say so.
//
// The guide's list of characters that stand before the dot (ListResourceRecordSets)
// names the asterisk, which is listed as \052: that speaks for octets.
type position struct {
	name         dns.Name
	text, octets string
}

func (a position) before(b position) bool { return a.text < b.text && a.octets < b.octets }

func positionOf(name dns.Name) position {
	at := positionAt(name.Octal())
	at.name = name
	return at
}

// positionAt is where a name in the service's spelling stands.
func positionAt(listed string) position {
	labels := strings.Split(strings.TrimSuffix(listed, "."), ".")
	slices.Reverse(labels)
	text := strings.Join(labels, ".") + "."
	return position{text: text, octets: octets(text)}
}

// positions returns the names without doubles in the service's order.
func positions(names []dns.Name) []position {
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	var out []position
	for _, name := range slices.Compact(sorted) {
		out = append(out, positionOf(name))
	}
	slices.SortFunc(out, func(a, b position) int { return strings.Compare(a.octets, b.octets) })
	return out
}

// octets undoes the octal escapes of text.
func octets(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			out = append(out, (text[i+1]-'0')<<6|(text[i+2]-'0')<<3|(text[i+3]-'0'))
			i += 3
			continue
		}
		out = append(out, text[i])
	}
	return string(out)
}
