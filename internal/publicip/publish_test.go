package publicip_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/route53"
	"github.com/signpost-dns/signpost/internal/publicip"
)

// updaterPolicy is what route53-updater asks for, and all that publishing may need.
const updaterPolicy = `{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": ["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
    "Resource": ["arn:aws:route53:::hostedzone/*"]
  }]
}`

const (
	zoneID = "ZEXAMPLE"
	ours   = `"heritage=external-dns,external-dns/owner=publish-ip,external-dns/resource=host/registry.example.com"`
	old    = "198.51.100.1"
	now    = "203.0.113.7"
	now6   = "2001:db8::7"
)

// world is an account with example.com, held to the policy of route53-updater.
type world struct {
	*testing.T
	srv *emulator.Server
	*publicip.Publisher
}

func newWorld(t *testing.T, sets ...emulator.RecordSet) *world {
	t.Helper()
	srv := emulator.New(emulator.Config{})
	if _, err := srv.AddZone("example.com", emulator.WithID(zoneID)); err != nil {
		t.Fatal(err)
	}
	if err := srv.SetPolicy("signpost", []byte(updaterPolicy)); err != nil {
		t.Fatal(err)
	}
	w := &world{t, srv, nil}
	w.put(sets...)
	naming, err := claim.NewNaming("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := route53.NewStatic("http://route53", srv.RoundTripper(), route53.Options{}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	w.Publisher = &publicip.Publisher{Provider: p, ZoneID: zoneID, Owner: "publish-ip", Naming: naming, TTL: 60}
	return w
}

func (w *world) put(sets ...emulator.RecordSet) {
	w.Helper()
	for _, s := range sets {
		if err := w.srv.Change(zoneID, emulator.Change{Action: "UPSERT", Set: s}); err != nil {
			w.Fatal(err)
		}
	}
}

// holds compares the zone, its own SOA and NS aside, with lines of name, type and values.
func (w *world) holds(want ...string) {
	w.Helper()
	var got []string
	for _, s := range w.srv.RecordSets(zoneID) {
		if s.Type != "SOA" && s.Type != "NS" && !strings.HasPrefix(s.Name, "n") {
			line := s.Name + " " + s.Type + " " + strings.Join(s.Values, " ")
			if s.Alias != nil {
				line += "ALIAS"
			}
			got = append(got, line)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		w.Errorf("zone (-want +got):\n%s", d)
	}
}

// calls are the actions since the last time.
func (w *world) calls() string {
	var out []string
	for _, c := range w.srv.Calls() {
		out = append(out, c.Action)
	}
	w.srv.ResetCalls()
	return strings.Join(out, " ")
}

func (w *world) publish(host dns.Name, addrs ...string) (plan.Plan, error) {
	return w.Publish(w.Context(), host, addresses(addrs...))
}

func addresses(addrs ...string) map[publicip.Family]netip.Addr {
	out := map[publicip.Family]netip.Addr{}
	for _, text := range addrs {
		a := netip.MustParseAddr(text)
		if a.Is4() {
			out[publicip.IPv4] = a
		} else {
			out[publicip.IPv6] = a
		}
	}
	return out
}

func set(name, typ string, values ...string) emulator.RecordSet {
	return emulator.RecordSet{Name: name, Type: typ, TTL: 60, Values: values}
}

const registry = dns.Name("registry.example.com.")

// TestPublish tells the story of route53-updater's user: its record set is taken over, and follows the host.
func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, set("registry.example.com", "A", old))
		for i := range 700 { // so that no page holds the zone
			w.put(set(fmt.Sprintf("n%03d.example.com", i), "A", "192.0.2.1"))
		}
		done, err := w.publish(registry, now)
		if err != nil || done.Count() != (plan.Count{Create: 1, Update: 1}) {
			t.Errorf("the first time: %v, %v", done, err)
		}
		w.holds("registry.example.com. A "+now, "a-registry.example.com. TXT "+ours)
		if got, want := w.calls(), "ListResourceRecordSets ListResourceRecordSets ChangeResourceRecordSets"; got != want {
			t.Errorf("the first time: %s", got)
		}
		if done, err = w.publish(registry, now); err != nil || !done.Empty() {
			t.Errorf("again: %v, %v", done, err)
		}
		if got, want := w.calls(), "ListResourceRecordSets ListResourceRecordSets"; got != want {
			t.Errorf("when nothing changed: %s", got)
		}
		if _, err = w.publish(registry, now, now6); err != nil {
			t.Error(err)
		}
		w.calls()
		if done, err = w.publish(registry, now, now6); err != nil || !done.Empty() || len(strings.Fields(w.calls())) > 3 {
			t.Errorf("with both families, again: %v, %v", done, err)
		}
		if _, err = w.publish(registry, old); err != nil {
			t.Error(err)
		}
		w.holds("registry.example.com. A "+old, "a-registry.example.com. TXT "+ours,
			"registry.example.com. AAAA "+now6, "aaaa-registry.example.com. TXT "+ours)
	})
}

func TestPublishNew(t *testing.T) {
	for _, tc := range []struct {
		name string
		host dns.Name
		had  []emulator.RecordSet
		want []string
	}{
		{"new", registry, nil, []string{"registry.example.com. A " + now, "a-registry.example.com. TXT " + ours}},
		{"as it is, unclaimed", registry, []emulator.RecordSet{set("registry.example.com", "A", now)},
			[]string{"registry.example.com. A " + now, "a-registry.example.com. TXT " + ours}},
		{"the apex", "example.com.", []emulator.RecordSet{set("example.com", "A", old)},
			[]string{"example.com. A " + now,
				"_signpost-a.example.com. TXT " + strings.ReplaceAll(ours, "host/registry.", "host/")}},
		{"beside others", registry, []emulator.RecordSet{set("registry.example.com", "TXT", `"v=spf1 -all"`), set("registry.example.com", "AAAA", now6)},
			[]string{"registry.example.com. A " + now, "a-registry.example.com. TXT " + ours,
				`registry.example.com. TXT "v=spf1 -all"`, "registry.example.com. AAAA " + now6}},
		{"with a claim of the old format", registry, []emulator.RecordSet{set("registry.example.com", "A", old), set("registry.example.com", "TXT", ours)},
			[]string{"registry.example.com. A " + now, "registry.example.com. TXT " + ours}},
		{"a claim that lost its set", registry, []emulator.RecordSet{set("a-registry.example.com", "TXT", ours)},
			[]string{"registry.example.com. A " + now, "a-registry.example.com. TXT " + ours}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.had...)
			if _, err := w.publish(tc.host, now); err != nil {
				t.Error(err)
			}
			w.holds(tc.want...)
			if again, err := w.publish(tc.host, now); err != nil || !again.Empty() {
				t.Errorf("a second plan: %v, %v", again, err)
			}
		})
	}
}

func TestPublishRefuses(t *testing.T) {
	foreign := strings.ReplaceAll(ours, "owner=publish-ip", "owner=cluster")
	service := strings.ReplaceAll(ours, "host/registry.example.com", "service/default/registry")
	alias := emulator.RecordSet{Name: "registry.example.com", Type: "A",
		Alias: &emulator.Alias{HostedZoneID: "Z35SXDOTRQ7X7K", DNSName: "lb-1.us-east-1.elb.amazonaws.com"}}
	weight := int64(1)
	weighted := emulator.RecordSet{Name: "registry.example.com", Type: "A", TTL: 60, Values: []string{old}, SetIdentifier: "a", Weight: &weight}
	for _, tc := range []struct {
		name, want string
		had        []emulator.RecordSet
	}{
		{"another owner's", `belongs to owner "cluster"`, []emulator.RecordSet{set("registry.example.com", "A", old), set("a-registry.example.com", "TXT", foreign)}},
		{"another owner's, in the old format", `belongs to owner "cluster"`, []emulator.RecordSet{set("registry.example.com", "A", old), set("registry.example.com", "TXT", foreign)}},
		{"another owner's that has lost its set", `owner "cluster" claims it`, []emulator.RecordSet{set("a-registry.example.com", "TXT", foreign)}},
		{"an object's of our owner", "service/default/registry holds it", []emulator.RecordSet{set("registry.example.com", "A", old), set("a-registry.example.com", "TXT", service)}},
		{"another program's", "is the mark of another program", []emulator.RecordSet{set("registry.example.com", "A", old), set("registry.example.com", "TXT", `"heritage=external-ips,external-ips/owner=default"`)}},
		{"an alias", "nobody claims it", []emulator.RecordSet{alias}},
		{"routed", "registry.example.com A [a] excludes it", []emulator.RecordSet{weighted}},
		{"a CNAME", "registry.example.com CNAME excludes it", []emulator.RecordSet{set("registry.example.com", "CNAME", "www.example.net.")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.had...)
			before := w.srv.RecordSets(zoneID)
			_, err := w.publish(registry, now)
			var refused *publicip.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want it to say %q", err, tc.want)
			}
			if d := cmp.Diff(before, w.srv.RecordSets(zoneID)); d != "" {
				t.Errorf("it changed the zone:\n%s", d)
			}
		})
	}
}

// TestPublishThroughTrouble meets what hinders for a moment, and what does not go away.
func TestPublishThroughTrouble(t *testing.T) {
	const change, list = "ChangeResourceRecordSets", "ListResourceRecordSets"
	for _, tc := range []struct {
		name   string
		faults []emulator.Fault
		fails  error
	}{
		{"throttled", []emulator.Fault{{Action: list, Code: "Throttling"}, {Action: change, Code: "Throttling"}}, nil},
		{"busy", []emulator.Fault{{Action: change, Code: "PriorRequestNotComplete", Times: 2}}, nil},
		{"no answer before", []emulator.Fault{{Action: change, Cut: true}}, nil},
		{"no answer after", []emulator.Fault{{Action: change, Cut: true, After: true}}, nil},
		{"broken", []emulator.Fault{{Action: change, Code: "ServiceUnavailable", Times: 3}}, nil},
		{"throttled for long", []emulator.Fault{{Action: change, Code: "Throttling", Times: -1}}, provider.ErrThrottled},
		{"denied", []emulator.Fault{{Action: list, Code: "AccessDenied", Times: -1}}, provider.ErrDenied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, set("registry.example.com", "A", old))
				w.srv.Inject(tc.faults...)
				_, err := w.publish(registry, now)
				if tc.fails != nil {
					if !errors.Is(err, tc.fails) {
						t.Errorf("got %v, want %v", err, tc.fails)
					}
					w.holds("registry.example.com. A " + old)
					return
				}
				if err != nil {
					t.Error(err)
				}
				w.holds("registry.example.com. A "+now, "a-registry.example.com. TXT "+ours)
			})
		})
	}
}

// silent is a network that takes every request and answers none.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestPublishIntoSilence ends though nobody answers, and says so: an init container keeps its Pod from starting meanwhile.
func TestPublishIntoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := route53.NewStatic("http://route53", silent{}, route53.Options{}, dns.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		w.Publisher.Provider = p
		for act, try := range map[string]func(context.Context, dns.Name, map[publicip.Family]netip.Addr) (plan.Plan, error){
			"publish": w.Publish, "plan": w.Plan, "remove": w.Remove,
		} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("it hangs"))
			if _, err := try(ctx, registry, addresses(now)); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
				t.Errorf("%s: got %v (%v), want an answer that says that nobody answers", act, err, context.Cause(ctx))
			}
			cancel()
		}
	})
}

// TestPublishElsewhere names a zone that does not hold the host, and none at all.
func TestPublishElsewhere(t *testing.T) {
	w := newWorld(t)
	_, err := w.publish("www.example.net.", now)
	if !errors.Is(err, provider.ErrRejected) || !strings.Contains(provider.Hint(err), "--zone-id") {
		t.Errorf("a host outside the zone: %v, hint %q", err, provider.Hint(err))
	}
	w.ZoneID = ""
	if _, err := w.publish(registry, now); !errors.Is(err, provider.ErrDenied) {
		t.Errorf("without the permission to list zones: %v", err)
	}
	if err := w.srv.SetPolicy("signpost", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.publish("www.example.net.", now); err == nil || !strings.Contains(err.Error(), "no public hosted zone of this account holds www.example.net") {
		t.Errorf("no zone holds it: %v", err)
	}
	if _, err := w.publish(registry, now); err != nil {
		t.Error(err)
	}
	w.holds("registry.example.com. A "+now, "a-registry.example.com. TXT "+ours)
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	for _, addrs := range [][]string{{now, now6}, {old}} { // another host takes the name over for IPv4
		if _, err := w.publish(registry, addrs...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Remove(t.Context(), registry, addresses(now, now6)); err != nil {
		t.Fatal(err)
	}
	w.holds("registry.example.com. A "+old, "a-registry.example.com. TXT "+ours)
	w.put(set("www.example.com", "A", now))
	if done, err := w.Remove(t.Context(), "www.example.com.", addresses(now)); err != nil || !done.Empty() {
		t.Errorf("what is not ours: %v, %v", done, err)
	}
	if _, err := w.Remove(t.Context(), registry, addresses(old)); err != nil {
		t.Fatal(err)
	}
	w.holds("www.example.com. A " + now)
}
