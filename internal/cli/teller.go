package cli

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// teller stands between the controller and its DNS service, and tells people
// what is changed there: first as a table of what was made, and from then on
// change by change.
type teller struct {
	provider.Provider
	call *call

	mu    sync.Mutex
	live  bool // the table has been told
	made  map[dns.Key]change
	claim dns.Name // the first that was made, "" if none was
}

// change is a record set that came, changed or went, and the object that it is
// for, "" if that is not known.
type change struct {
	dns.Change
	object string
}

func newTeller(p provider.Provider, call *call) *teller {
	return &teller{Provider: p, call: call, made: map[dns.Key]change{}}
}

// Apply implements [provider.Provider].
func (t *teller) Apply(ctx context.Context, zone dns.Zone, batch dns.Batch) error {
	if err := t.Provider.Apply(ctx, zone, batch); err != nil {
		return err
	}
	t.changed(batch)
	return nil
}

// Upsert implements [provider.Provider].
func (t *teller) Upsert(ctx context.Context, zone dns.Zone, batch dns.Batch) error {
	if err := t.Provider.Upsert(ctx, zone, batch); err != nil {
		return err
	}
	t.changed(batch)
	return nil
}

// changed tells of a batch that happened.
func (t *teller) changed(batch dns.Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var text strings.Builder
	for _, group := range batch {
		changes, claim := visible(group)
		if t.claim == "" {
			t.claim = claim
		}
		for _, c := range changes {
			t.made[c.Key()] = c
			fmt.Fprintf(&text, "%s  %s\n", time.Now().Format(time.TimeOnly), c)
		}
	}
	t.say(text.String())
}

// say prints what happens, once the table has been told. The caller has locked.
func (t *teller) say(text string) {
	if !t.live {
		return
	}
	if err := write(t.call.System, text); err != nil {
		t.call.log.Error("tell of a change", "error", err)
	}
}

// hold tells what is held.
func (t *teller) hold(h controller.Hold) {
	t.mu.Lock()
	defer t.mu.Unlock()
	what := "nothing any more"
	if h.ID != "" {
		what = h.Error() + ".\n          " + h.Hint()
	}
	t.say(fmt.Sprintf("%s  held     %s\n", time.Now().Format(time.TimeOnly), what))
}

// visible returns what a group changes, without claims and what they say only
// to programs, and the name of a claim that it makes, "" if it makes none.
func visible(group dns.Group) (changes []change, at dns.Name) {
	object := ""
	for _, c := range group {
		for _, set := range []*dns.RecordSet{c.Old, c.New} {
			if set == nil || set.Type != dns.TXT || len(set.Data) == 0 {
				continue
			}
			if read, ok := claim.Parse(set.Data[0]); ok {
				object = read.Resource
				if c.Action() == dns.Create {
					at = set.Name
				}
			}
		}
	}
	for _, c := range group {
		if c.Action() != dns.Assert && c.Key().Type != dns.TXT {
			changes = append(changes, change{c, object})
		}
	}
	return changes, at
}

// String returns the change in a line.
func (c change) String() string {
	key, by := c.Key().String(), ""
	if c.object != "" {
		by = "  (" + c.object + ")"
	}
	switch {
	case c.Old == nil:
		return "created  " + key + " " + content(c.New) + by
	case c.New == nil:
		return "deleted  " + key + " " + content(c.Old) + by
	}
	before, now := content(c.Old), content(c.New)
	if before == now {
		before, now = fmt.Sprintf("TTL %d", c.Old.TTL), fmt.Sprint(c.New.TTL)
	}
	return "changed  " + key + " " + before + " -> " + now + by
}

// content returns what a set holds, in short.
func content(set *dns.RecordSet) string {
	if set.Alias != nil {
		return "alias of " + set.Alias.Target.Host()
	}
	if set.Type == dns.CNAME {
		return strings.TrimSuffix(set.Data[0], ".")
	}
	return strings.Join(set.Data, " ")
}

func demoIntroduction(dir string) string {
	return fmt.Sprintf("Signpost's demo: the real controller, with the manifests in %s in place\n"+
		"of a cluster, and an emulated Route 53 in place of Amazon's.\n\n", dir)
}

// begin tells what was made and what can be tried now, and from then on what
// changes.
func (t *teller) begin(s *stage, dir string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = true
	made := slices.SortedFunc(maps.Values(t.made), func(a, b change) int { return a.Key().Compare(b.Key()) })
	return write(t.call.System, t.table(made)+t.instructions(made, s, dir))
}

// table shows what was made, under the objects that asked for it.
func (t *teller) table(made []change) string {
	if len(made) == 0 {
		return "The manifests ask for no name in the zone " + demoDomain + ", so that nothing was made.\n"
	}
	byObject := map[string][]change{}
	for _, c := range made {
		byObject[c.object] = append(byObject[c.object], c)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "In the zone %s it made\n\n", demoDomain)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, object := range slices.Sorted(maps.Keys(byObject)) {
		fmt.Fprintf(w, "  for %s\n", object)
		for _, c := range byObject[object] {
			if c.New != nil {
				fmt.Fprintf(w, "    %s\t%s\t%s\n", c.New.Name.Host(), c.New.Type, content(c.New))
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.call.log.Error("format the table", "error", err) // a strings.Builder takes everything
	}
	if t.claim != "" {
		fmt.Fprintf(&b, "\nand beside each a TXT record set that says whose it is, such as %s.\n", t.claim.Host())
	}
	fmt.Fprintf(&b, "What is not its own it leaves alone: %s was there before.\n", demoForeign)
	return b.String()
}

// instructions says what can be tried now.
func (t *teller) instructions(made []change, s *stage, dir string) string {
	var b strings.Builder
	dig := func(what string) { fmt.Fprintf(&b, "  %s %s\n", digAt(s.sockets.DNS), what) }
	b.WriteString("\nAsk for the names:\n")
	var names []dns.Name
	for _, c := range made {
		if name := c.Key().Name; !slices.Contains(names, name) {
			names = append(names, name)
			dig(name.Host())
		}
	}
	if t.claim != "" {
		dig("TXT " + t.claim.Host())
	}
	dig(demoForeign)
	fmt.Fprintf(&b, "Edit, add or delete a manifest in %s and ask again; what that changes\n"+
		"is told here.\n", dir)
	fmt.Fprintf(&b, "Look inside:\n  http://%[1]s/\n  http://%[1]s/metrics\n  http://%[1]s/readyz\n", s.console)
	b.WriteString("End it with Ctrl-C.\n\n")
	return b.String()
}

func digAt(at netip.AddrPort) string {
	return fmt.Sprintf("dig @%s -p %d +short", at.Addr(), at.Port())
}
