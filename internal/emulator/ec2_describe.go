package emulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list reads the values of a numbered parameter.
func (q *request) list(name string) []string {
	var out []string
	for n := 1; ; n++ {
		v, ok := q.query[fmt.Sprintf("%s.%d", name, n)]
		if !ok {
			return out
		}
		out = append(out, v[0])
	}
}

// filters reads Filter.N.
func (q *request) filters(known ...string) (map[string][]string, *Error) {
	out := map[string][]string{}
	for n := 1; ; n++ {
		at := fmt.Sprintf("Filter.%d", n)
		name := q.query.Get(at + ".Name")
		if name == "" {
			return out, nil
		}
		values := q.list(at + ".Value")
		tag := strings.HasPrefix(name, "tag:") && slices.Contains(known, "tag-key")
		if !slices.Contains(known, name) && !tag {
			return nil, refuse(http.StatusBadRequest, "InvalidParameterValue", "The filter '%s' is invalid", name)
		}
		if len(values) == 0 || len(values) > maxFilterValues {
			return nil, refuse(http.StatusBadRequest, "FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", maxFilterValues)
		}
		out[name] = values
	}
}

func tagsMatch(filters map[string][]string, tags map[string]string) bool {
	for name, values := range filters {
		if key, ok := strings.CutPrefix(name, "tag:"); ok && !slices.Contains(values, tags[key]) {
			return false
		}
		if name == "tag-key" && !slices.ContainsFunc(values, func(k string) bool { _, ok := tags[k]; return ok }) {
			return false
		}
	}
	return true
}

func (s *Server) describeInstances(q *request, a *answer) (any, *Error) {
	filters, e := q.filters("instance-id", "instance.group-id", "vpc-id", "tag-key")
	if e != nil {
		return nil, e
	}
	ids := q.list("InstanceId")
	for _, id := range ids {
		if s.ec2.instances[id] == nil {
			return nil, refuse(http.StatusBadRequest, "InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
		}
	}
	doc := xmlInstances{RequestID: a.requestID}
	for _, id := range slices.Sorted(maps.Keys(s.ec2.instances)) {
		i := s.ec2.instances[id]
		in := func(name string, values ...string) bool {
			return filters[name] == nil || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(filters[name], v) })
		}
		if (ids == nil || slices.Contains(ids, id)) && in("instance-id", id) && in("instance.group-id", i.Groups...) && in("vpc-id", i.VPC) &&
			tagsMatch(filters, i.Tags) {
			doc.Reservations = append(doc.Reservations, xmlReservation{[]xmlInstance{s.instanceXML(i)}})
		}
	}
	doc.Reservations, doc.NextToken, e = page(q, doc.Reservations, s.cfg.EC2PageSize)
	return doc, e
}

// page returns the part of the items that a call asks for, and how to ask for the next.
func page[T any](q *request, items []T, size int) ([]T, string, *Error) {
	from := 0
	if token := q.query.Get("NextToken"); token != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(token, "page-"))
		if err != nil || n > len(items) {
			return nil, "", refuse(http.StatusBadRequest, "InvalidParameterValue", "Invalid value '%s' for nextToken.", token)
		}
		from = n
	}
	if size == 0 || from+size >= len(items) {
		return items[from:], "", nil
	}
	return items[from : from+size], fmt.Sprintf("page-%d", from+size), nil
}

func (s *Server) describeGroups(q *request, a *answer) (any, *Error) {
	filters, e := q.filters("group-id", "group-name", "vpc-id", "tag-key")
	if e != nil {
		return nil, e
	}
	doc := xmlGroups{RequestID: a.requestID}
	for _, id := range q.list("GroupId") {
		if _, e := s.group(id); e != nil {
			return nil, e
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.ec2.groups)) {
		g := s.ec2.groups[id]
		in := func(name, value string) bool { return filters[name] == nil || slices.Contains(filters[name], value) }
		if time.Now().Before(g.visible) || !in("group-id", id) || !in("group-name", g.Name) || !in("vpc-id", g.VPC) || !tagsMatch(filters, g.Tags) {
			continue
		}
		if ids := q.list("GroupId"); ids == nil || slices.Contains(ids, id) {
			doc.Groups = append(doc.Groups, groupXML(g))
		}
	}
	doc.Groups, doc.NextToken, e = page(q, doc.Groups, s.cfg.EC2PageSize)
	return doc, e
}
