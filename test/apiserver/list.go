package apiserver

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// page is the rest of a list of which the first pages have been read.
type page struct {
	table   *table
	version uint64 // of the list
	rest    []*object
}

// keptPages is how many lists may be under way; one that is forgotten is Gone.
const keptPages = 100

// list answers a list. A limit holds unless any version is asked for (0): that comes from the watch cache whole.
func (s *Server) list(q query) (answer, error) {
	limit, err := strconv.Atoi(cmp.Or(q.params.Get("limit"), "0"))
	if err != nil || limit < 0 {
		return answer{}, apierrors.NewBadRequest("limit: " + q.params.Get("limit"))
	}
	p := &page{table: q.table, version: s.version}
	if token := q.params.Get("continue"); token != "" {
		if p = s.pages[token]; p == nil || p.table != q.table {
			return answer{}, apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result.")
		}
		delete(s.pages, token)
	} else {
		p.rest = q.table.shown(q.selection)
	}
	if limit == 0 || limit >= len(p.rest) || q.params.Get("resourceVersion") == "0" {
		return p.answer(p.rest, ""), nil
	}
	if len(s.pages) >= keptPages {
		clear(s.pages)
	}
	s.paged++
	token := fmt.Sprintf("page-%d", s.paged)
	now := p.rest[:limit]
	s.pages[token] = &page{table: p.table, version: p.version, rest: p.rest[limit:]}
	return p.answer(now, fmt.Sprintf(`,"continue":%q,"remainingItemCount":%d`, token, len(p.rest)-limit)), nil
}

// shown returns the objects that a selection shows, by namespace and name.
func (t *table) shown(sel selection) []*object {
	if t.hidden {
		return nil
	}
	var all []*object
	for _, o := range t.objects {
		if sel.shows(o) {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *object) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return all
}

// answer writes the objects as they are kept, without a copy.
func (p *page) answer(objects []*object, more string) answer {
	head := fmt.Sprintf(`{"kind":"%sList","apiVersion":%q,"metadata":{"resourceVersion":"%d"%s},"items":[`,
		p.table.Kind, p.table.GroupVersion(), p.version, more)
	parts := net.Buffers{[]byte(head)}
	for i, o := range objects {
		if i > 0 {
			parts = append(parts, []byte(","))
		}
		parts = append(parts, o.json)
	}
	parts = append(parts, []byte("]}"))
	var size int64
	for _, part := range parts {
		size += int64(len(part))
	}
	return answer{code: http.StatusOK, body: io.NopCloser(&parts), size: size}
}
