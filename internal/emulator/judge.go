package emulator

import (
	"fmt"
	"slices"
)

// judge applies the changes of one batch, each against the zone as the earlier ones left it, and remembers how to undo
// them. A change that is refused is left out, so that one batch shows as many of its mistakes as possible.
type judge struct {
	server   *Server
	zone     *zone
	messages []string
	log      []step
}

// step is a record that was put or removed.
type step struct {
	key      key
	old, new *record
}

// undo brings the zone back to where it was.
func (j *judge) undo() {
	for _, s := range slices.Backward(j.log) {
		if s.old == nil {
			j.zone.sets.remove(s.key)
		} else {
			j.zone.sets.put(s.old)
		}
	}
}

func (j *judge) change(action string, set RecordSet) error {
	n, err := parseName(set.Name)
	if err != nil {
		return err
	}
	set.Name = n.listed
	if !n.within(j.zone.name) {
		return told("RRSet with DNS name %s is not permitted in zone %s", n.listed, j.zone.name.listed)
	}
	if set.Alias != nil {
		target, err := parseName(set.Alias.DNSName)
		if err != nil {
			return err
		}
		set.Alias.DNSName = target.listed
	}
	r := &record{key{n, set.Type, set.SetIdentifier}, set}
	old := j.zone.sets.get(r.key)
	switch {
	case action == "DELETE":
		return j.remove(r, old)
	case action == "CREATE" && old != nil:
		return told("Tried to create resource record set %s but it already exists", describe(r.key))
	}
	if err := j.admissible(r); err != nil {
		return err
	}
	j.log = append(j.log, step{r.key, j.zone.sets.put(r), r})
	return nil
}

func (j *judge) remove(r, old *record) error {
	if old == nil {
		return told("Tried to delete resource record set %s but it was not found", describe(r.key))
	}
	if !old.set.same(&r.set) {
		return told("Tried to delete resource record set %s but the values provided do not match the current values", describe(r.key))
	}
	j.zone.sets.remove(r.key)
	j.log = append(j.log, step{r.key, old, nil})
	return nil
}

func describe(k key) string {
	if k.id == "" {
		return fmt.Sprintf("[name='%s', type='%s']", k.name.listed, k.typ)
	}
	return fmt.Sprintf("[name='%s', type='%s', set identifier='%s']", k.name.listed, k.typ, k.id)
}

// admissible says whether a set may stand beside those that the zone holds now, r's own predecessor aside.
func (j *judge) admissible(r *record) error {
	if r.typ == "CNAME" && r.name == j.zone.name {
		return told("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", r.name.listed, j.zone.name.listed)
	}
	if r.typ == "SOA" && r.name != j.zone.name {
		return told("RRSet of type SOA with DNS name %s is not permitted in zone %s", r.name.listed, j.zone.name.listed)
	}
	if r.typ == "NS" && r.name.wildcard() {
		return told("RRSet of type NS with DNS name %s is not permitted as wildcard in zone %s", r.name.listed, j.zone.name.listed)
	}
	if err := checkValues(&r.set); err != nil {
		return err
	}
	beside := j.zone.sets.at(r.name)
	if err := j.besideCNAME(r, beside); err != nil {
		return err
	}
	if err := besidePolicies(r, beside); err != nil {
		return err
	}
	return j.aliasTarget(r)
}

// besideCNAME holds that a CNAME is alone at its name (RFC 2181 section 10.1).
func (j *judge) besideCNAME(r *record, beside []*record) error {
	for _, o := range beside {
		switch {
		case o.typ == r.typ:
		case r.typ == "CNAME":
			return told("RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records "+
				"with the same DNS name in zone %s", r.name.listed, j.zone.name.listed)
		case o.typ == "CNAME":
			return told("RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type CNAME "+
				"with the same DNS name already exists in zone %s", r.typ, r.name.listed, j.zone.name.listed)
		}
	}
	return nil
}

// besidePolicies holds that the sets of one name and type are one simple set, or all have the same routing policy and
// differ in what that policy goes by.
func besidePolicies(r *record, beside []*record) error {
	policy := r.set.policy()
	for _, o := range beside {
		if o.typ != r.typ || o.id == r.id {
			continue
		}
		switch other := o.set.policy(); {
		case policy == "":
			return told("RRSet with DNS name %s, type %s cannot be created as other RRSets exist with the same name and type.",
				r.name.listed, r.typ)
		case other != policy:
			return told("RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created as a non-%s set exists "+
				"with the same name and type.", r.name.listed, r.typ, r.id, policy)
		}
		if by := samePlace(&r.set, &o.set); by != "" {
			return told("RRSet with DNS name %s, type %s, SetIdentifier %s, and %s cannot be created because a %s RRSet "+
				"with the same name, type and %s already exists.", r.name.listed, r.typ, r.id, by, policy, placeWord(policy))
		}
	}
	return nil
}

// samePlace names what two sets of one policy have in common although it must differ; "" is nothing.
func samePlace(a, b *RecordSet) string {
	switch {
	case a.Region != "" && a.Region == b.Region:
		return "Region Name=" + a.Region
	case a.Failover != "" && a.Failover == b.Failover:
		return "Failover=" + a.Failover
	case a.GeoLocation != nil && same(a.GeoLocation, b.GeoLocation):
		return "GeoLocation=" + a.GeoLocation.ContinentCode + a.GeoLocation.CountryCode + a.GeoLocation.SubdivisionCode
	case a.CIDR != nil && same(a.CIDR, b.CIDR):
		return "LocationName=" + a.CIDR.LocationName
	}
	return ""
}

func placeWord(policy string) string {
	switch policy {
	case "latency":
		return "region"
	case "failover":
		return "failover value"
	}
	return "location"
}

// aliasTarget holds that an alias into a hosted zone points to a set of its own type that stands now.
func (j *judge) aliasTarget(r *record) error {
	a := r.set.Alias
	if a == nil {
		return nil
	}
	n, err := parseName(a.DNSName)
	if err != nil {
		return err
	}
	target := j.server.zones[a.HostedZoneID]
	if target == nil {
		return j.awsTarget(r, n)
	}
	tried := triedAlias(r)
	notFound := told("%s, but that target was not found", tried)
	if !n.within(target.name) {
		j.messages = append(j.messages, tried+outsideTarget)
		return notFound
	}
	if r.typ == "NS" || r.typ == "SOA" || target == j.zone && n == r.name {
		return notFound
	}
	for _, o := range target.sets.at(n) {
		if o.typ == r.typ {
			return nil
		}
	}
	return notFound
}

const outsideTarget = ", but the alias target name does not lie within the target zone"

func triedAlias(r *record) string {
	return fmt.Sprintf("Tried to create an alias that targets %s, type %s in zone %s", r.set.Alias.DNSName, r.typ, r.set.Alias.HostedZoneID)
}

// finish checks what a batch must leave behind, whatever its steps were.
func (j *judge) finish() {
	apex := j.zone.name
	if j.zone.sets.get(key{name: apex, typ: "NS"}) == nil {
		j.messages = append(j.messages, "A HostedZone must contain at least one NS record for the zone itself.")
	}
	if j.zone.sets.get(key{name: apex, typ: "SOA"}) == nil {
		j.messages = append(j.messages, "A HostedZone must contain exactly one SOA record.")
	}
	if limit := j.server.cfg.MaxRecordSets; j.zone.sets.len() > limit && j.grew() {
		j.messages = append(j.messages, fmt.Sprintf("Number of records limit of %d exceeded.", limit))
	}
	for _, s := range j.log {
		if s.new != nil && s.new.set.Weight != nil && s.new.set.Alias == nil {
			j.sameTTL(s.new)
		}
	}
}

func (j *judge) grew() bool {
	n := 0
	for _, s := range j.log {
		if s.old == nil {
			n++
		}
		if s.new == nil {
			n--
		}
	}
	return n > 0
}

// sameTTL holds that the weighted sets of a name and type have one TTL.
func (j *judge) sameTTL(r *record) {
	for _, o := range j.zone.sets.at(r.name) {
		if o.typ == r.typ && o.set.Alias == nil && o.set.TTL != r.set.TTL {
			j.messages = append(j.messages, fmt.Sprintf("RRSet with DNS name %s and type %s, SetIdentifier %s cannot be created "+
				"as weighted sets must contain the same TTL.", r.name.listed, r.typ, r.id))
			return
		}
	}
}
