package plan

import (
	"math/bits"
	"slices"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Window is how long a deletion counts towards the [Limit] after it happened.
const Window = 10 * time.Minute

// Guard decides when what nobody wants any more may be deleted in one zone. It
// remembers, and so is no part of [Compute]: it is told of every plan
// ([Guard.See]) and of what was done ([Guard.Applied]), judges what is pending
// as a whole ([Guard.Judge]), and then answers for each deletion
// ([Input.Keep]). It has no clock: times are given, and do not go back.
//
// A deletion is an owner name and type of ours that goes with nothing of ours
// in its place (see [Plan.Going]). Each waits its grace time, so that an object
// that is made again changes nothing. When the first is over and all that is
// pending, with what went within the last [Window], exceeds the limit, then all
// of it is held, and whatever becomes pending after it:
//
//   - a person approves a hold by its ID, and that covers exactly the keys that
//     were hashed into it, as long as they are wanted by nobody;
//   - keys that are wanted again leave the hold. If objects came back so that
//     the rest is within the limit, it is held no more, and waits its grace time
//     anew, and so whenever another comes back: more may be on their way;
//   - nothing else ends a hold, and no name that was created since the first of
//     what is pending became so makes the rest of it a smaller share.
//
// A new Guard judges all that it finds pending as one. If it is given what an
// earlier one left ([Guard.Resume]) it holds what that one held, and knows how
// much went before it. If not, it cannot tell how many names there were: then more
// than three that it finds pending are too much if no more than as many are left
// (see [Limit.ExceededAtStart]).
//
// What a person approved does not count towards the limit.
type Guard struct {
	zone  dns.Zone
	limit Limit
	grace time.Duration

	now     time.Time // of the last judgement
	base    int       // names and types of ours when the first of what is pending became so
	past    past
	ours    map[dns.Name]typeSet
	total   int // of ours: names and types
	pending map[dns.Name]map[dns.Type]*deletion
	recent  map[dns.Key]time.Time // what went, and stands no more

	hold     Hold
	issued   []issue // every ID of the present hold; the last is the hold's
	joined   int     // how often keys were added to the hold
	shrunk   bool    // keys have left the hold since its ID was made
	returned bool    // some of those that are held or loose are wanted again
	spent    []string
	stale    []string // see [Guard.Stale]
}

// deletion is a key that nobody wants any more.
type deletion struct {
	since    time.Time
	joined   int  // with which addition it came into the hold; 0: it is not held
	approved bool // by a person
	found    bool // pending when the guard saw the whole zone first, knowing nothing of what was before
	released bool // it was let go, so that if it is missed it has gone
	loose    bool // it was held until others were wanted again
}

// issue is an ID under which deletions were held: those that had joined then.
type issue struct {
	id     string
	joined int
}

// manyIssues bounds how many IDs of one hold are remembered.
const manyIssues = 100

// NewGuard returns the guard of a zone, for which nothing has happened yet.
func NewGuard(zone dns.Zone, limit Limit, grace time.Duration) *Guard {
	return &Guard{
		zone: zone, limit: limit, grace: grace, ours: map[dns.Name]typeSet{},
		pending: map[dns.Name]map[dns.Type]*deletion{}, recent: map[dns.Key]time.Time{},
	}
}

// See learns from a plan that was made without [Input.Keep]. Wanted reports
// whether any object asks for a name.
func (g *Guard) See(now time.Time, p Plan, wanted func(dns.Name) bool) {
	going := map[dns.Name]typeSet{}
	for _, k := range p.Going {
		going[k.Name] |= bit(k.Type)
	}
	for _, at := range p.Ours {
		g.stands(at)
		for t, d := range g.pending[at.Name] {
			if going[at.Name].has(t) {
				continue
			}
			key, again := dns.Key{Name: at.Name, Type: t}, wanted(at.Name)
			g.drop(key)
			g.shrunk = g.shrunk || d.joined > 0
			g.returned = g.returned || again && (d.joined > 0 || d.loose)
			if d.released && !d.approved && !again {
				g.recent[key] = now
				g.base--
			}
		}
	}
	found := g.past.seen()
	if len(g.pending) == 0 {
		g.base = g.total
	}
	for _, k := range p.Going {
		if g.pending[k.Name] == nil {
			g.pending[k.Name] = map[dns.Type]*deletion{}
		}
		if g.pending[k.Name][k.Type] == nil {
			g.pending[k.Name][k.Type] = &deletion{since: now, found: found}
		}
	}
}

// Recount forgets what is ours, for a caller that is about to plan the whole
// zone: names that have vanished altogether are in no plan.
func (g *Guard) Recount() {
	g.ours, g.total = map[dns.Name]typeSet{}, 0
	g.past.whole = true
}

// stands learns what is ours at a name.
func (g *Guard) stands(at Tally) {
	var now typeSet
	for _, t := range at.Types {
		now |= bit(t)
		delete(g.recent, dns.Key{Name: at.Name, Type: t})
	}
	g.setOurs(at.Name, now)
}

func (g *Guard) setOurs(name dns.Name, now typeSet) {
	g.total += now.len() - g.ours[name].len()
	if now == 0 {
		delete(g.ours, name)
	} else {
		g.ours[name] = now
	}
}

func (g *Guard) drop(key dns.Key) {
	delete(g.pending[key.Name], key.Type)
	if len(g.pending[key.Name]) == 0 {
		delete(g.pending, key.Name)
	}
}

// Applied learns what the service has accepted. To hear of a change twice in a
// row makes no difference.
func (g *Guard) Applied(now time.Time, changes []dns.Change) {
	for _, c := range changes {
		key := dns.Key{Name: c.Key().Name, Type: c.Key().Type}
		switch c.Action() {
		case dns.Create:
			if !isClaim(*c.New) {
				g.setOurs(key.Name, g.ours[key.Name]|bit(key.Type))
				delete(g.recent, key)
			}
		case dns.Delete:
			if isClaim(*c.Old) {
				continue
			}
			g.setOurs(key.Name, g.ours[key.Name]&^bit(key.Type))
			if d := g.pending[key.Name][key.Type]; d != nil {
				g.drop(key)
				g.base--
				if !d.approved {
					g.recent[key] = now
				}
			}
		}
	}
}

// Judge decides anew what is held. Approved reports whether a person has
// approved an ID.
func (g *Guard) Judge(now time.Time, approved func(id string) bool) {
	g.now = now
	for key, at := range g.recent {
		if now.Sub(at) >= Window {
			delete(g.recent, key)
		}
	}
	g.past.expire(now)
	g.takeOver(approved)
	for {
		g.approve(approved)
		g.relent()
		if !g.gather() {
			return
		}
	}
}

// approve lets go what a person has approved. The rest is judged anew.
func (g *Guard) approve(approved func(id string) bool) {
	upTo := 0
	for _, i := range g.issued {
		if approved(i.id) {
			upTo = i.joined
			if !slices.Contains(g.spent, i.id) {
				g.spent = append(g.spent, i.id)
			}
		}
	}
	if upTo == 0 {
		return
	}
	for _, d := range g.all() {
		d.approved = d.approved || d.joined > 0 && d.joined <= upTo
		d.joined = 0
	}
	g.end()
}

// relent ends a hold of which objects have taken back enough, or all, and has
// what is loose wait anew while others come back.
func (g *Guard) relent() {
	returned := g.returned
	g.returned = false
	held := false
	for _, d := range g.all() {
		if d.loose && returned {
			d.since = g.now
		}
		held = held || d.joined > 0
	}
	if len(g.issued) == 0 || held && (!returned || g.exceeded()) {
		return
	}
	for _, d := range g.all() {
		if d.joined > 0 {
			d.joined, d.since, d.loose = 0, g.now, true
		}
	}
	g.end()
}

func (g *Guard) end() {
	g.hold, g.issued, g.joined, g.shrunk, g.returned = Hold{}, nil, 0, false, false
}

// gather puts into the hold what belongs there, and reports whether it has got
// a new ID by that.
func (g *Guard) gather() bool {
	ripe := false
	for _, d := range g.all() {
		ripe = ripe || d.joined == 0 && !d.approved && g.ripe(d)
	}
	if len(g.issued) == 0 && !(ripe && g.exceeded()) || !ripe && !g.shrunk {
		return false
	}
	if ripe {
		g.joined++
	}
	for _, d := range g.all() {
		if d.joined == 0 && !d.approved && ripe {
			d.joined = g.joined
		}
	}
	g.issue()
	return true
}

// issue gives what is held an ID.
func (g *Guard) issue() {
	g.shrunk = false
	var keys []dns.Key
	for key, d := range g.all() {
		if d.joined > 0 {
			keys = append(keys, key)
		}
	}
	g.hold = NewHold(g.zone, keys)
	g.issued = append(g.issued, issue{g.hold.ID, g.joined})
	if len(g.issued) > manyIssues {
		g.issued = slices.Delete(g.issued, 0, 1)
	}
}

func (g *Guard) ripe(d *deletion) bool { return !g.now.Before(d.since.Add(g.grace)) }

// exceeded reports whether all that is pending would be too much.
func (g *Guard) exceeded() bool {
	went := len(g.recent) + g.past.gone()
	gone, of, found := went, min(g.total, g.base), 0
	for _, d := range g.all() {
		switch {
		case d.approved:
			of--
			continue
		case d.found:
			found++
		}
		gone++
	}
	return g.limit.Exceeded(gone, went+of) || found > 0 && g.limit.ExceededAtStart(gone, went+of)
}

// all returns what is pending.
func (g *Guard) all() func(yield func(dns.Key, *deletion) bool) {
	return func(yield func(dns.Key, *deletion) bool) {
		for name, byType := range g.pending {
			for t, d := range byType {
				if !yield(dns.Key{Name: name, Type: t}, d) {
					return
				}
			}
		}
	}
}

// Keep is [Input.Keep] as of the last judgement. What the guard has not seen
// stays.
func (g *Guard) Keep(key dns.Key) (Reason, string) {
	d := g.pending[key.Name][key.Type]
	switch {
	case d != nil && d.joined > 0:
		return Held, "nothing asks for it any more, and with it too much would go at once; it waits until a person approves (--max-deletes=" +
			g.limit.String() + ")"
	case d != nil && (d.approved || g.ripe(d)):
		d.released = true
		return "", ""
	}
	return Grace, "nothing asks for it any more; it goes when the grace time is over (--delete-grace=" + g.grace.String() + ")"
}

// Hold returns what is held at present.
func (g *Guard) Hold() Hold { return g.hold }

// Knows reports whether something is held that this ID approves.
func (g *Guard) Knows(id string) bool {
	return slices.ContainsFunc(g.issued, func(i issue) bool { return i.id == id })
}

// IDs returns all IDs that approve something of what is held.
func (g *Guard) IDs() []string {
	ids := make([]string, len(g.issued))
	for i, issue := range g.issued {
		ids[i] = issue.id
	}
	return ids
}

// Spent returns the IDs that were approved and acted on since the last time.
func (g *Guard) Spent() []string {
	ids := g.spent
	g.spent = nil
	return ids
}

// Stale returns the approvals, since the last time, of what the guard before this
// one held and this one does not hold as that: it was let go, perhaps by that
// very approval, or objects came back. They are to be taken back. Whoever acted on
// one may have ended before he could, and it would let the same keys go again
// some day, unasked.
func (g *Guard) Stale() []string {
	ids := g.stale
	g.stale = nil
	return ids
}

// Names returns the names at which something is pending, each with the time at
// which the grace of the first of it is over: none for what is held.
func (g *Guard) Names() map[dns.Name]time.Time {
	out := map[dns.Name]time.Time{}
	for key, d := range g.all() {
		due := d.since.Add(g.grace)
		if d.joined > 0 {
			due = time.Time{}
		}
		if first, known := out[key.Name]; !known || first.IsZero() || !due.IsZero() && due.Before(first) {
			out[key.Name] = due
		}
	}
	return out
}

// typeSet is a set of types. All that have no claims share a bit: they are never
// ours.
type typeSet uint16

func bit(t dns.Type) typeSet {
	types := [...]dns.Type{dns.A, dns.AAAA, dns.CNAME, dns.TXT, dns.NS, dns.MX, dns.NAPTR, dns.PTR, dns.SRV, dns.DNAME, dns.CAA}
	for i, known := range types {
		if known == t {
			return 1 << i
		}
	}
	return 1 << len(types)
}

func (s typeSet) has(t dns.Type) bool { return s&bit(t) != 0 }

func (s typeSet) len() int { return bits.OnesCount16(uint16(s)) }
