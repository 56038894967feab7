package dns

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Format prints record sets in zone-file notation (RFC 1035 section 5), sorted
// by key, with names relative to origin. Two things that master files lack are
// written so:
//
//	www   300 IN A 192.0.2.1 ;! id=blue weight=10 health-check=abc
//	shop  ALIAS A lb-1.us-east-1.elb.amazonaws.com. zone=Z35SXDOTRQ7X7K health=true
//
// [Parse] reads back what Format prints. Listed spellings and opaque fields are
// not printed.
func Format(origin Name, sets []RecordSet) string {
	sorted := slices.Clone(sets)
	slices.SortFunc(sorted, func(a, b RecordSet) int { return a.Key.Compare(b.Key) })
	var rows [][]string
	width := 0
	for _, r := range sorted {
		for _, line := range r.lines(origin) {
			owner, rest, _ := strings.Cut(line, " ")
			rows = append(rows, []string{owner, rest})
			width = max(width, len(owner))
		}
	}
	var out strings.Builder
	if origin != Root && origin != "" {
		fmt.Fprintf(&out, "$ORIGIN %s\n", origin)
	}
	for _, row := range rows {
		fmt.Fprintf(&out, "%-*s %s\n", width, row[0], row[1])
	}
	return out.String()
}

// field is an attribute in its printed form.
type field struct{ name, value string }

func (w Weighted) fields() []field {
	return []field{{"weight", strconv.FormatInt(w.Weight, 10)}}
}
func (l Latency) fields() []field  { return []field{{"region", l.Region}} }
func (f Failover) fields() []field { return []field{{"failover", f.Role}} }
func (g Geolocation) fields() []field {
	return []field{{"continent", g.Continent}, {"country", g.Country}, {"subdivision", g.Subdivision}}
}
func (g Geoproximity) fields() []field {
	return []field{{"near-region", g.Region}, {"near-zone-group", g.LocalZoneGroup},
		{"latitude", g.Latitude}, {"longitude", g.Longitude}, {"bias", strconv.FormatInt(int64(g.Bias), 10)}}
}
func (MultiValue) fields() []field { return []field{{"multivalue", "true"}} }

func (r RecordSet) lines(origin Name) []string {
	tail := r.attributes()
	owner := relative(r.Name, origin)
	if r.Alias != nil {
		return []string{fmt.Sprintf("%s ALIAS %s %s zone=%s health=%t%s",
			owner, r.Type, r.Alias.Target, r.Alias.Zone, r.Alias.EvaluateHealth, tail)}
	}
	lines := make([]string, 0, len(r.Data))
	for _, d := range r.Data {
		lines = append(lines, fmt.Sprintf("%s %d IN %s %s%s", owner, r.TTL, r.Type, d, tail))
	}
	return lines
}

func (r RecordSet) attributes() string {
	var all []field
	if r.SetID != "" {
		all = append(all, field{"id", r.SetID})
	}
	if r.Routing != nil {
		all = append(all, r.Routing.fields()...)
	}
	if r.HealthCheckID != "" {
		all = append(all, field{"health-check", r.HealthCheckID})
	}
	var out strings.Builder
	for _, f := range all {
		if f.value == "" {
			continue
		}
		value := f.value
		if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == ';' }) {
			value = strconv.QuoteToASCII(value)
		}
		fmt.Fprintf(&out, " %s=%s", f.name, value)
	}
	if out.Len() == 0 {
		return ""
	}
	return " ;!" + out.String()
}

func relative(n, origin Name) string {
	if origin == "" || origin == Root {
		return string(n)
	}
	if n == origin {
		return "@"
	}
	if n.Within(origin) {
		return strings.TrimSuffix(string(n), "."+string(origin))
	}
	return string(n)
}

// Parse reads zone-file notation as [Format] prints it, and the common part of
// RFC 1035 master files: $ORIGIN, $TTL, @, relative names, a missing owner name
// (the one before), a missing TTL or class, comments, and records continued in
// parentheses. Lines of one key make one set. An error names the line.
func Parse(origin Name, text string) ([]RecordSet, error) {
	p := parser{origin: origin, sets: map[Key]*RecordSet{}}
	for _, l := range logicalLines(text) {
		if err := p.line(l); err != nil {
			return nil, fmt.Errorf("line %d: %w", l.number, err)
		}
	}
	out := make([]RecordSet, 0, len(p.order))
	for _, key := range p.order {
		set := *p.sets[key]
		if set.Alias == nil {
			slices.Sort(set.Data)
			set.Data = slices.Compact(set.Data)
		}
		out = append(out, set)
	}
	return out, nil
}

type parser struct {
	origin Name
	ttl    uint32
	owner  Name
	sets   map[Key]*RecordSet
	order  []Key
}

func (p *parser) line(l logicalLine) error {
	switch {
	case l.fields[0] == "$ORIGIN" && len(l.fields) == 2:
		name, err := p.absolute(l.fields[1])
		p.origin = name
		return err
	case l.fields[0] == "$TTL" && len(l.fields) == 2:
		ttl, err := parseTTL(l.fields[1])
		p.ttl = ttl
		return err
	case strings.HasPrefix(l.fields[0], "$"):
		return fmt.Errorf("directive %s is not known", l.fields[0])
	}
	fields := l.fields
	if !l.indented {
		name, err := p.absolute(fields[0])
		if err != nil {
			return err
		}
		p.owner, fields = name, fields[1:]
	}
	if p.owner == "" {
		return fmt.Errorf("the first record has no owner name")
	}
	set, err := p.record(fields)
	if err != nil {
		return err
	}
	if err := set.readAttributes(l.attributes); err != nil {
		return err
	}
	return p.add(set)
}

func (p *parser) record(fields []string) (RecordSet, error) {
	ttl := p.ttl
	for len(fields) > 0 && (strings.EqualFold(fields[0], "IN") || fields[0][0] >= '0' && fields[0][0] <= '9') {
		if !strings.EqualFold(fields[0], "IN") {
			n, err := parseTTL(fields[0])
			if err != nil {
				return RecordSet{}, err
			}
			ttl = n
		}
		fields = fields[1:]
	}
	if len(fields) > 0 && fields[0] == "ALIAS" {
		return p.alias(fields[1:])
	}
	if len(fields) < 2 {
		return RecordSet{}, fmt.Errorf("want OWNER TTL IN TYPE RDATA")
	}
	t, err := ParseType(fields[0])
	if err != nil {
		return RecordSet{}, err
	}
	value := strings.Join(fields[1:], " ")
	if t == CNAME || t == NS {
		name, err := p.absolute(value)
		if err != nil {
			return RecordSet{}, err
		}
		value = string(name)
	}
	return NewRecordSet(Key{Name: p.owner, Type: t}, ttl, value)
}

func (p *parser) alias(fields []string) (RecordSet, error) {
	if len(fields) < 3 || !strings.HasPrefix(fields[2], "zone=") {
		return RecordSet{}, fmt.Errorf("want OWNER ALIAS TYPE TARGET zone=ID [health=true]")
	}
	t, err := ParseType(fields[0])
	if err != nil {
		return RecordSet{}, err
	}
	target, err := p.absolute(fields[1])
	if err != nil {
		return RecordSet{}, err
	}
	health := len(fields) == 4 && fields[3] == "health=true"
	if len(fields) > 4 || len(fields) == 4 && !health && fields[3] != "health=false" {
		return RecordSet{}, fmt.Errorf("want health=true or health=false at the end, not %s", strings.Join(fields[3:], " "))
	}
	return NewAlias(Key{Name: p.owner, Type: t},
		Alias{Zone: strings.TrimPrefix(fields[2], "zone="), Target: target, EvaluateHealth: health}), nil
}

func (p *parser) add(set RecordSet) error {
	have, ok := p.sets[set.Key]
	if !ok {
		p.sets[set.Key] = &set
		p.order = append(p.order, set.Key)
		return nil
	}
	if have.Alias != nil || set.Alias != nil || have.TTL != set.TTL || have.Routing != set.Routing || have.HealthCheckID != set.HealthCheckID {
		return fmt.Errorf("%s: the records of one set share TTL and attributes, and an alias stands alone", set.Key)
	}
	have.Data = append(have.Data, set.Data...)
	return nil
}

// absolute reads a name relative to the origin.
func (p *parser) absolute(s string) (Name, error) {
	if s == "@" {
		if p.origin == "" {
			return "", fmt.Errorf("@ without an origin")
		}
		return p.origin, nil
	}
	if labelsEnd(s) || p.origin == "" || p.origin == Root {
		return ParseName(s)
	}
	return ParseName(s + "." + string(p.origin))
}

// labelsEnd reports whether s ends in a dot that is not escaped.
func labelsEnd(s string) bool {
	head, ok := strings.CutSuffix(s, ".")
	return ok && (len(head)-len(strings.TrimRight(head, `\`)))%2 == 0
}

func parseTTL(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > MaxTTL {
		return 0, fmt.Errorf("TTL %q: want whole seconds from 0 to %d", s, MaxTTL)
	}
	return uint32(n), nil
}

// attributes are the names that may stand behind ";!".
var attributes = []string{"id", "health-check", "weight", "region", "failover", "continent", "country", "subdivision",
	"near-region", "near-zone-group", "latitude", "longitude", "bias", "multivalue"}

// readAttributes sets what stands behind ";!".
func (r *RecordSet) readAttributes(attrs []string) error {
	values := map[string]string{}
	for _, a := range attrs {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			return fmt.Errorf("attribute %q: want name=value", a)
		}
		if !slices.Contains(attributes, name) {
			return fmt.Errorf("attribute %q: want one of %s", name, strings.Join(attributes, ", "))
		}
		if strings.HasPrefix(value, `"`) {
			unquoted, err := strconv.Unquote(value)
			if err != nil {
				return fmt.Errorf("attribute %q: %w", a, err)
			}
			value = unquoted
		}
		values[name] = value
	}
	r.SetID, r.HealthCheckID = values["id"], values["health-check"]
	routing, err := readRouting(values)
	r.Routing = routing
	return err
}

func readRouting(v map[string]string) (Routing, error) {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return v[n] != "" })
	}
	switch {
	case has("weight"):
		n, err := strconv.ParseInt(v["weight"], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("weight %q: want a whole number", v["weight"])
		}
		return Weighted{n}, nil
	case has("region"):
		return Latency{v["region"]}, nil
	case has("failover"):
		return Failover{v["failover"]}, nil
	case has("continent", "country", "subdivision"):
		return Geolocation{v["continent"], v["country"], v["subdivision"]}, nil
	case has("bias"):
		n, err := strconv.ParseInt(v["bias"], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("bias %q: want a whole number", v["bias"])
		}
		return Geoproximity{v["near-region"], v["near-zone-group"], v["latitude"], v["longitude"], int32(n)}, nil
	case has("multivalue"):
		return MultiValue{}, nil
	}
	return nil, nil
}
