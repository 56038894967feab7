package dns

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestZonesFor(t *testing.T) {
	zones := []Zone{
		{ID: "Z9", Name: "example.com."}, {ID: "Z1", Name: "example.com."},
		{ID: "Z2", Name: "sub.example.com."}, {ID: "P1", Name: "example.com.", Private: true},
		{ID: "Z3", Name: "ample.com."},
		{ID: "P3", Name: "sub.example.com.", Private: true}, {ID: "P2", Name: "sub.example.com.", Private: true},
	}
	for name, want := range map[Name][]string{
		"www.example.com.":     {"Z1", "P1"},
		"example.com.":         {"Z1", "P1"},
		"www.sub.example.com.": {"Z2", "P2", "P3", "P1"},
		"www.ample.com.":       {"Z3"},
		"www.example.org.":     nil,
	} {
		var got []string
		for _, z := range ZonesFor(name, zones) {
			got = append(got, z.ID)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("ZonesFor(%s) (-want +got):\n%s", name, d)
		}
	}
}

func TestFilter(t *testing.T) {
	for _, tt := range []struct {
		include, exclude []string
		in, out          []Name
	}{
		{in: []Name{"anything.test.", "com."}},
		{include: []string{"Example.com."}, in: []Name{"example.com.", "www.example.com."}, out: []Name{"badexample.com.", "com.", "example.org."}},
		{include: []string{".example.com"}, in: []Name{"www.example.com."}, out: []Name{"example.com."}},
		{include: []string{" example.com ", "", "example.org"}, in: []Name{"a.example.org.", "a.example.com."}, out: []Name{"example.net."}},
		{exclude: []string{"internal.example.com"}, in: []Name{"www.example.com."}, out: []Name{"internal.example.com.", "a.internal.example.com."}},
		{include: []string{"example.com"}, exclude: []string{".internal.example.com"}, in: []Name{"internal.example.com."}, out: []Name{"a.internal.example.com."}},
	} {
		f, err := NewFilter(tt.include, tt.exclude)
		if err != nil {
			t.Errorf("NewFilter(%q, %q): %v", tt.include, tt.exclude, err)
			continue
		}
		for _, n := range tt.in {
			if !f.Match(n) {
				t.Errorf("filter %q -%q does not admit %s", tt.include, tt.exclude, n)
			}
		}
		for _, n := range tt.out {
			if f.Match(n) {
				t.Errorf("filter %q -%q admits %s", tt.include, tt.exclude, n)
			}
		}
	}
	if _, err := NewFilter([]string{"a..b"}, nil); err == nil {
		t.Error("a filter that is no domain: no error")
	}
}

func TestFilterOfZones(t *testing.T) {
	f, err := NewFilter([]string{".example.com", "example.org"}, []string{"old.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	for apex, want := range map[Name]bool{"example.com.": true, "sub.example.com.": true, "example.org.": true,
		"old.example.org.": false, "example.net.": false, "com.": false} {
		if got := f.MatchZone(apex); got != want {
			t.Errorf("MatchZone(%s) = %t, want %t", apex, got, want)
		}
	}
}

func TestAliasZone(t *testing.T) {
	traits := Traits{Aliases: map[Name]AliasZone{
		"us-east-1.elb.amazonaws.com.": {ID: "Z35"}, "elb.us-east-1.amazonaws.com.": {ID: "Z26"}, "cloudfront.net.": {ID: "Z2F", NoHealth: true}}}
	for target, want := range map[Name]string{
		"lb-1.us-east-1.elb.amazonaws.com.":           "Z35",
		"dualstack.lb-1.us-east-1.elb.amazonaws.com.": "Z35",
		"nlb-1.elb.us-east-1.amazonaws.com.":          "Z26",
		"d1.cloudfront.net.":                          "Z2F",
		"lb.example.net.":                             "",
		"evilcloudfront.net.":                         "",
	} {
		if got, ok := traits.AliasZone(target); got.ID != want || ok != (want != "") {
			t.Errorf("AliasZone(%s) = %v, %t; want %q", target, got, ok, want)
		}
	}
}

func TestRegexFilter(t *testing.T) {
	for _, tt := range []struct {
		include, exclude string
		in, out          []Name
	}{
		{"", "", []Name{"a.example.com."}, nil},
		{`\.example\.com$`, "", []Name{"a.example.com.", "b.a.example.com."}, []Name{"example.com.", "a.example.com.au."}},
		{"", `^internal\.`, []Name{"a.example.com."}, []Name{"internal.example.com."}},
		{`Example\.COM$`, `^internal\.`, []Name{"a.example.com."}, []Name{"internal.example.com.", "a.example.net."}},
	} {
		f, err := NewRegexFilter(tt.include, tt.exclude)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range tt.in {
			if !f.Match(n) || !f.MatchZone(n) {
				t.Errorf("%q without %q does not admit %s", tt.include, tt.exclude, n)
			}
		}
		for _, n := range tt.out {
			if f.Match(n) || f.MatchZone(n) {
				t.Errorf("%q without %q admits %s", tt.include, tt.exclude, n)
			}
		}
	}
	if _, err := NewRegexFilter("a(", ""); err == nil {
		t.Error("no error for an open parenthesis")
	}
	if _, err := NewRegexFilter("", "[z-a]"); err == nil {
		t.Error("no error for a range the wrong way round")
	}
}

func TestMatchParent(t *testing.T) {
	for _, tt := range []struct {
		include, exclude []string
		in, out          []Name
	}{
		{include: []string{"team.sub.example.com"}, in: []Name{"example.com.", "sub.example.com.", "team.sub.example.com."},
			out: []Name{"a.team.sub.example.com.", "ple.com.", "example.net."}},
		{include: []string{"team.example.com"}, exclude: []string{"example.com"}, out: []Name{"example.com."}},
		{include: []string{".example.com"}, in: []Name{"example.com.", "com."}},
		{out: []Name{"example.com."}},
	} {
		f, err := NewFilter(tt.include, tt.exclude)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range tt.in {
			if !f.MatchParent(n) {
				t.Errorf("%q without %q: %s is no parent", tt.include, tt.exclude, n)
			}
		}
		for _, n := range tt.out {
			if f.MatchParent(n) {
				t.Errorf("%q without %q: %s is a parent", tt.include, tt.exclude, n)
			}
		}
	}
}
