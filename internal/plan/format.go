package plan

import (
	"fmt"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Count is how many record sets a plan changes, claims included.
type Count struct{ Create, Update, Delete int }

// Count counts the changes of a plan; assertions change nothing.
func (p Plan) Count() Count {
	var n Count
	for _, g := range p.Groups {
		for _, c := range g {
			switch c.Action() {
			case dns.Create:
				n.Create++
			case dns.Update:
				n.Update++
			case dns.Delete:
				n.Delete++
			}
		}
	}
	return n
}

// Empty reports whether the plan changes nothing.
func (p Plan) Empty() bool { return p.Count() == Count{} }

// String prints the plan as a diff: a line for the zone, then for each record
// that goes "-", that comes "+", and for each refusal "!". Assertions are not
// shown.
//
//	example.com. (Z1): 2 to create, 0 to change, 0 to delete
//	+ a-www.example.com. 300 IN TXT "heritage=external-dns,..."
//	+ www.example.com. 300 IN A 192.0.2.1
//	! api.example.com A: NotOwned: the record set exists and nobody claims it; ... (service/default/api)
func (p Plan) String() string {
	var out strings.Builder
	n := p.Count()
	fmt.Fprintf(&out, "%s: %d to create, %d to change, %d to delete\n", p.Zone, n.Create, n.Update, n.Delete)
	for _, g := range p.Groups {
		for _, c := range g {
			if c.Action() == dns.Assert {
				continue
			}
			lines(&out, "-", c.Old)
			lines(&out, "+", c.New)
		}
	}
	for _, r := range p.Refusals {
		fmt.Fprintf(&out, "! %s\n", r)
	}
	return out.String()
}

func lines(out *strings.Builder, sign string, set *dns.RecordSet) {
	if set == nil {
		return
	}
	for line := range strings.SplitSeq(set.String(), "\n") {
		fmt.Fprintf(out, "%s %s\n", sign, line)
	}
}

// String returns the key, the reason, the message and who asked.
func (r Refusal) String() string {
	s := fmt.Sprintf("%s: %s: %s", r.Key, r.Reason, r.Message)
	if len(r.Objects) == 0 {
		return s
	}
	askers := make([]string, len(r.Objects))
	for i, o := range r.Objects {
		askers[i] = o.Resource()
	}
	return s + " (" + strings.Join(askers, ", ") + ")"
}
