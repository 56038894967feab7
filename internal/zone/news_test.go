package zone_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/signpost-dns/signpost/internal/dns"
)

// What turns out to have changed when other names are read again is told, as the
// next round finds nothing new there.
func TestNews(t *testing.T) {
	many := make([]string, 30)
	for i := range many {
		many[i] = fmt.Sprintf("h%02d", i)
	}
	for what, c := range map[string]struct{ planned, news []string }{
		"few names are read":     {[]string{"www"}, []string{"a-www"}}, // where the claim of www is looked for
		"the whole zone is read": {many, []string{"a-www", "far"}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.read()
				want := []string{"a-www=192.0.2.7", "far=192.0.2.8"}
				for _, h := range c.planned {
					want = append(want, h+"=192.0.2.1")
				}
				s.want(want...)
				s.clean(s.sync(append([]string{"a-www", "far"}, c.planned...)...))
				for i, w := range want[2:] {
					want[2+i] = w + "1"
				}
				s.want(want...)
				s.faults(first(100, "At", errCut), first(1, "Apply", errCut))
				if out := s.sync(c.planned...); out.Err == nil {
					t.Fatal("want an outcome that nobody knows")
				}
				s.faults(nil, nil)
				s.put("a-www", "203.0.113.1")
				s.put("far", "203.0.113.2")
				out := s.sync(c.planned...)
				s.clean(out)
				if !slices.Equal(out.News, names(c.news...)) {
					t.Errorf("news: %v, want %q", out.News, c.news)
				}
				changed := slices.Concat(out.News, s.round())
				slices.SortFunc(changed, dns.Name.Compare)
				if !slices.Equal(changed, names("a-www", "far")) {
					t.Errorf("told in the end: %v", changed)
				}
				s.clean(s.Sync(t.Context(), changed, s.wanted()))
				s.holds(want...)
			})
		})
	}
}
