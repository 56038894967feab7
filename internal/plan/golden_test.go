package plan_test

import (
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

var update = flag.Bool("update", false, "write the plan and batches sections of testdata anew")

// zone is that of every archive; its ID is Z1.
var zone = dns.Zone{ID: "Z1", Name: "example.com."}

// TestGolden plans the archives of testdata. The comment of an archive says
// what it is about; its sections are
//
//	rules    one a line: "owner me", "policy sync", "types A AAAA", "prefix edns.", "suffix -x", "wildcard any",
//	         "prefer-cname", "evaluate-health", "noop", "no-routing", "prefer-alias", "by-stack", "refuse-private", "max-routed 2" (weighted),
//	         "private" (the zone),
//	         "max-set-values 2", "include NAME", "exclude NAME", "max-values 4",
//	         "format 0.21", "former-prefix edns.", "former-suffix -x", "migrate OWNER", "convert", "adopt", "unread"
//	zone     what it holds; behind "#" at the end of a line "listed VALUE" or "opaque FIELD"
//	wants    one a line: OBJECT CREATED [no-alias] [alias=true|A|AAAA] [target-zone=ID] [zone=ID] [ipv4] [health=BOOL] [adopt] [mate] | RECORD
//	names    which names are planned, if not all
//	held     OBJECT or KIND or "" (unlabelled) | why
//	frozen   NAME | why
//	keep     NAME TYPE | why the guard keeps that deletion waiting
//	going    the wanted deletions as the guard counts them, one a line
//	plan     the wanted plan: groups parted by empty lines, then refusals
//	batches  the wanted batches: the keys of the changes, assertions in brackets, one group a line
//
// Every plan is also applied to a strict zone, and must leave nothing to do.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := scene{t: t, sections: map[string]string{}}
			for _, f := range archive.Files {
				s.sections[f.Name] = string(f.Data)
			}
			rules, in := s.read()
			p := plan.Compute(rules, in)
			batches, oversize := plan.Pack(rules.Traits, zone, p.Groups)
			got := map[string]string{"plan": printPlan(p), "batches": printBatches(batches, oversize), "going": ""}
			for _, key := range p.Going {
				got["going"] += key.String() + "\n"
			}
			if *update {
				write(t, file, archive, got)
			} else {
				for name, text := range got {
					want, ok := s.sections[name]
					if diff := cmp.Diff(want, text); diff != "" && (ok || name == "plan") {
						t.Errorf("%s (-file +computed):\n%s", name, diff)
					}
				}
			}
			s.leavesNothing(rules, in, batches)
		})
	}
}

// scene is one archive.
type scene struct {
	t        *testing.T
	sections map[string]string
	sets     []dns.RecordSet
}

// leavesNothing applies batches and plans again.
func (s *scene) leavesNothing(rules plan.Rules, in plan.Input, batches []dns.Batch) {
	s.t.Helper()
	z := newStrictZone(zone, s.sets)
	for _, b := range batches {
		if err := z.apply(b); err != nil {
			s.t.Fatalf("the zone refuses the plan: %v", err)
		}
	}
	in.Sets = z.at
	if in.All != nil {
		in.All = func() iter.Seq[dns.RecordSet] { return slices.Values(z.all()) }
	}
	again := plan.Compute(rules, in)
	left, _ := plan.Pack(rules.Traits, zone, again.Groups)
	if len(left) > 0 {
		s.t.Errorf("the plan after the plan:\n%s", printPlan(again))
	}
}

// lines returns the lines of a section that are not empty, in fields before
// and behind a bar.
func (s *scene) lines(section string) (out [][2]string) {
	for line := range strings.Lines(s.sections[section]) {
		if line = strings.TrimSpace(line); line != "" {
			before, behind, _ := strings.Cut(line, "|")
			out = append(out, [2]string{strings.TrimSpace(before), strings.TrimSpace(behind)})
		}
	}
	return out
}

func (s *scene) fatal(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) read() (plan.Rules, plan.Input) {
	rules := s.rules()
	s.zone()
	wants := map[dns.Name][]plan.Want{}
	var names []dns.Name
	for _, l := range s.lines("wants") {
		w := s.want(l)
		wants[w.Set.Name] = append(wants[w.Set.Name], w)
		names = append(names, w.Set.Name)
	}
	names = plan.Names(rules, zone, names, s.sets)
	if listed := s.lines("names"); listed != nil {
		names = nil
		for _, l := range listed {
			names = append(names, s.name(l[0]))
		}
	}
	at := zone
	at.Private = slices.ContainsFunc(s.lines("rules"), func(l [2]string) bool { return l[0] == "private" })
	in := plan.Input{Zone: at, Names: names,
		Wants: func(n dns.Name) []plan.Want { return wants[n] },
		Sets:  newStrictZone(zone, s.sets).at,
		All:   func() iter.Seq[dns.RecordSet] { return slices.Values(s.sets) },
	}
	if slices.Contains(s.lines("rules"), [2]string{"unread"}) {
		in.All = nil
	}
	if held := s.lines("held"); held != nil {
		in.Hold = func(resource string) string {
			kind, _, _ := strings.Cut(resource, "/")
			for _, l := range held {
				if l[0] == resource || l[0] == kind || l[0] == strconv.Quote(resource) {
					return l[1]
				}
			}
			return ""
		}
	}
	if frozen := s.lines("frozen"); frozen != nil {
		in.Frozen = func(n dns.Name) string {
			for _, l := range frozen {
				if s.name(l[0]) == n {
					return l[1]
				}
			}
			return ""
		}
	}
	if keep := s.lines("keep"); keep != nil {
		in.Keep = func(key dns.Key) (plan.Reason, string) {
			for _, l := range keep {
				if name, of, _ := strings.Cut(l[0], " "); s.name(name) == key.Name && dns.Type(of) == key.Type {
					return plan.Held, l[1]
				}
			}
			return "", ""
		}
	}
	return rules, in
}

func (s *scene) name(relative string) dns.Name {
	s.t.Helper()
	sets, err := dns.Parse(zone.Name, relative+" 1 IN A 192.0.2.1\n")
	s.fatal(err)
	return sets[0].Name
}

// zone reads what the zone holds.
func (s *scene) zone() {
	var plain strings.Builder
	extras := map[int]string{}
	for i, line := range strings.Split(s.sections["zone"], "\n") {
		record, extra, ok := strings.Cut(line, "#")
		if ok {
			extras[i] = strings.TrimSpace(extra)
		}
		plain.WriteString(record + "\n")
	}
	sets, err := dns.Parse(zone.Name, plain.String())
	s.fatal(err)
	for i, line := range strings.Split(plain.String(), "\n") {
		extra, ok := extras[i]
		if !ok {
			continue
		}
		of, err := dns.Parse(zone.Name, line)
		s.fatal(err)
		for j := range sets {
			word, value, _ := strings.Cut(extra, " ")
			switch {
			case sets[j].Key != of[0].Key:
			case word == "listed":
				sets[j] = sets[j].WithListed(dns.Listed{Values: []string{value}})
			case word == "opaque":
				sets[j] = sets[j].WithOpaque(map[string]string{value: "x"})
			default:
				s.t.Fatalf("%q is neither listed nor opaque", extra)
			}
		}
	}
	s.sets = sets
}

func (s *scene) want(line [2]string) plan.Want {
	s.t.Helper()
	fields := strings.Fields(line[0])
	by := object(fields[0])
	created, err := time.Parse("2006", fields[1])
	s.fatal(err)
	by.Created = created
	sets, err := dns.Parse(zone.Name, line[1]+"\n")
	s.fatal(err)
	w := plan.Want{By: by, Set: sets[0]}
	for _, option := range fields[2:] {
		option, value, _ := strings.Cut(option, "=")
		switch option {
		case "alias":
			w.Alias = map[string]plan.AliasMode{"true": plan.AliasAlways, "A": plan.AliasA, "AAAA": plan.AliasAAAA}[value]
		case "target-zone":
			w.AliasZone = value
		case "zone":
			w.Zone = value
		case "ipv4":
			w.Stack = plan.StackIPv4
		case "no-alias":
			w.Alias = plan.AliasNever
		case "adopt":
			w.Adopt = true
		case "mate":
			w.Mate = true
		case "health":
			yes := value == "true"
			w.EvaluateHealth = &yes
		default:
			s.t.Fatalf("option %q", option)
		}
	}
	return w
}

func object(resource string) plan.Object {
	kind, rest, _ := strings.Cut(resource, "/")
	namespace, name, ok := strings.Cut(rest, "/")
	if !ok {
		namespace, name = "", rest
	}
	return plan.Object{Kind: kind, Namespace: namespace, Name: name}
}

// aliases is an excerpt of what Route 53 can alias.
var aliases = map[dns.Name]dns.AliasZone{
	"eu-west-1.elb.amazonaws.com.": {ID: "ZELB"},
	"cloudfront.net.":              {ID: "ZCDN", NoHealth: true, PublicOnly: true},
	"s3-website.amazonaws.com.":    {ID: "ZS3", IPv4Only: true, OnDemand: true, Target: "s3-website.amazonaws.com."},
}

func (s *scene) rules() plan.Rules {
	s.t.Helper()
	r := plan.Rules{Owner: "me", Policy: plan.UpsertOnly, Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME},
		Traits: dns.Traits{Aliases: aliases, Routing: true, Atomic: true, MaxValues: 1000, MaxChars: 32000}}
	var prefix, suffix, wildcard string
	var include, exclude []string
	noop := false
	version := claim.V022
	var former []claim.Naming
	for _, l := range s.lines("rules") {
		word, value, _ := strings.Cut(l[0], " ")
		switch word {
		case "owner":
			r.Owner = value
		case "policy":
			r.Policy = plan.Policy(value)
		case "types":
			r.Types = nil
			for _, t := range strings.Fields(value) {
				r.Types = append(r.Types, dns.Type(t))
			}
		case "prefix":
			prefix = value
		case "suffix":
			suffix = value
		case "wildcard":
			wildcard = value
		case "include":
			include = append(include, value)
		case "exclude":
			exclude = append(exclude, value)
		case "prefer-cname":
			r.PreferCNAME = true
		case "evaluate-health":
			r.EvaluateHealth = true
		case "noop":
			noop = true
		case "format":
			version = claim.Version(value)
		case "former-prefix", "former-suffix":
			affixes := [2]string{value}
			if word == "former-suffix" {
				affixes = [2]string{"", value}
			}
			naming, err := claim.NewNaming(affixes[0], affixes[1], "")
			s.fatal(err)
			former = append(former, naming)
		case "migrate":
			r.Migrate = value
		case "external-ips":
			r.ExternalIPs = true
		case "convert":
			r.Convert = true
		case "adopt":
			r.Adopt = true
		case "unread", "private":
		case "no-routing":
			r.Traits.Routing = false
		case "prefer-alias":
			r.PreferAlias = true
		case "by-stack":
			r.AliasByStack = true
		case "refuse-private":
			r.RefusePrivate = true
		case "service-types":
			for _, t := range strings.Fields(value) {
				r.Traits.Types = append(r.Traits.Types, dns.Type(t))
			}
		case "max-routed":
			n, err := strconv.Atoi(value)
			s.fatal(err)
			r.Traits.MaxRouted = map[string]int{"weighted": n}
		case "max-set-values":
			n, err := strconv.Atoi(value)
			s.fatal(err)
			r.Traits.MaxSetValues = n
		case "max-values":
			n, err := strconv.Atoi(value)
			s.fatal(err)
			r.Traits.MaxValues = n
		default:
			s.t.Fatalf("rule %q", l[0])
		}
	}
	filter, err := dns.NewFilter(include, exclude)
	s.fatal(err)
	r.Filter = filter
	if !noop {
		naming, err := claim.NewNaming(prefix, suffix, wildcard)
		s.fatal(err)
		naming = naming.WithVersion(version).WithFormer(former...)
		r.Claims = &naming
	}
	return r
}

// printPlan prints all changes of a plan, with what is asserted.
func printPlan(p plan.Plan) string {
	var out strings.Builder
	for i, g := range p.Groups {
		if i > 0 {
			out.WriteByte('\n')
		}
		for _, c := range g {
			switch c.Action() {
			case dns.Update:
				printSet(&out, "UPDATE", c.Old)
				printSet(&out, "    TO", c.New)
			case dns.Delete:
				printSet(&out, "DELETE", c.Old)
			default:
				printSet(&out, string(c.Action()), c.New)
			}
		}
	}
	if len(p.Groups) > 0 && len(p.Refusals) > 0 {
		out.WriteByte('\n')
	}
	for _, r := range p.Refusals {
		fmt.Fprintf(&out, "! %s\n", r)
	}
	return out.String()
}

func printSet(out *strings.Builder, word string, set *dns.RecordSet) {
	_, text, _ := strings.Cut(dns.Format(zone.Name, []dns.RecordSet{*set}), "\n")
	for line := range strings.Lines(text) {
		fmt.Fprintf(out, "%s %s", word, line)
	}
	for _, v := range set.Listed().Values {
		fmt.Fprintf(out, "       listed %s\n", v)
	}
}

func printBatches(batches []dns.Batch, refusals []plan.Refusal) string {
	var out strings.Builder
	for i, b := range batches {
		fmt.Fprintf(&out, "batch %d\n", i+1)
		for _, g := range b {
			var words []string
			for _, c := range g {
				word := c.Key().String()
				if c.Action() == dns.Assert {
					word = "(" + word + ")"
				}
				words = append(words, word)
			}
			fmt.Fprintf(&out, "\t%s\n", strings.Join(words, ", "))
		}
	}
	for _, r := range refusals {
		fmt.Fprintf(&out, "! %s\n", r)
	}
	return out.String()
}

// write puts the computed sections into an archive; batches only where it has
// some.
func write(t *testing.T, file string, archive *txtar.Archive, computed map[string]string) {
	t.Helper()
	found := false
	for i, f := range archive.Files {
		if text, ok := computed[f.Name]; ok {
			archive.Files[i].Data = []byte(text)
			found = found || f.Name == "plan"
		}
	}
	if !found {
		archive.Files = append(archive.Files, txtar.File{Name: "plan", Data: []byte(computed["plan"])})
	}
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
