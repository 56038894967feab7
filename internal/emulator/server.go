// Package emulator is Amazon Route 53 on loopback, for the demo, for tests and for trying things out: its REST API
// (version 2013-04-01), as strict as the service about what it accepts, and authoritative DNS for its zones. Beside
// it, at the same address, stand what gives credentials: the Security Token Service ([Server.AddRole]), the metadata
// of an EC2 instance ([Server.SetHost]) and the credentials endpoint of EKS Pod Identity (/v1/credentials); and the
// calls of EC2 that concern security groups ([Server.AddInstance]).
//
// It hides the wire format, the storage of zones, and every rule by which the service refuses a request. Invariants:
// a batch of changes happens whole or not at all, and is judged change by change in its order; record sets come in
// the service's order; nothing but a request, [Server.Change] and [Server.AddZone] alters a zone.
//
// It imports no other package of this module: sharing no code with what it tests, it cannot share its mistakes. It
// starts no goroutines unless it serves sockets, and reads time only through package time, so that it works inside
// a testing/synctest bubble.
//
//	srv := emulator.New(emulator.Config{})
//	id, err := srv.AddZone("example.com") // as /hostedzone/<id>
//	client := route53.New(route53.Options{
//		Region:      "us-east-1",
//		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
//		HTTPClient:  &http.Client{Transport: srv.RoundTripper()},
//	})
package emulator

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Config says how the emulator behaves. The zero value is a service without delays, rate limit or lock on keys.
type Config struct {
	// Latency is how long every call takes. A change of a zone that comes while another one is in progress there
	// is refused with PriorRequestNotComplete.
	Latency time.Duration
	// Rate is how many calls a second the account has, with bursts as large; above it calls are answered with
	// Throttling. 0 is no limit; the service's own is 5.
	Rate float64
	// SyncDelay is how long a change stays PENDING before it is INSYNC. DNS answers with it at once.
	SyncDelay time.Duration
	// MaxRecordSets limits the record sets of each zone; 0 is the service's default of 10,000.
	MaxRecordSets int
	// MessageList selects the second wire shape of InvalidChangeBatch, <InvalidChangeBatch><Messages>, in place of
	// <ErrorResponse> with all messages in one.
	MessageList bool
	// RequireKnownKeys refuses access keys that SetPolicy never named with InvalidClientTokenId.
	RequireKnownKeys bool
	// HealthChecks are the IDs of the health checks that the account has; a record set that names another one is refused
	// with NoSuchHealthCheck.
	HealthChecks []string
	// EC2PageSize is how many groups or instances one call describes at most; 0 is all.
	EC2PageSize int
	// EC2Delay is how long a new security group is not found yet.
	EC2Delay time.Duration
	// Log, if not nil, gets a line for every call.
	Log *slog.Logger
}

// Server is an emulated account. It is an http.Handler for the API and a dns.Handler for the zones, and safe
// for concurrent use.
type Server struct {
	cfg      Config
	awsZones map[string][]name // see readAWSZones

	mu       sync.Mutex
	zones    map[string]*zone // by id
	changes  map[string]change
	policies map[string]*policy  // by access key id; nil allows everything
	roles    map[string]*role    // by name
	sessions map[string]*session // by access key id
	meta     metadataState
	ec2      ec2State
	faults   []*Fault
	calls    []Call
	tokens   float64
	refilled time.Time
	counter  uint64 // of ids given out
}

// zone is a hosted zone.
type zone struct {
	id        string
	seq       uint64 // order of creation
	name      name
	private   bool
	vpcs      []xmlVPC
	comment   string
	reference string
	tags      map[string]string
	busy      bool // a change is in progress
	sets      ordered
}

// change is what GetChange needs to know.
type change struct {
	submitted time.Time
	comment   string
}

// New makes an account without zones.
func New(cfg Config) *Server {
	if cfg.MaxRecordSets == 0 {
		cfg.MaxRecordSets = 10_000
	}
	return &Server{
		cfg:      cfg,
		awsZones: readAWSZones(),
		zones:    map[string]*zone{},
		changes:  map[string]change{},
		policies: map[string]*policy{},
		roles:    map[string]*role{},
		sessions: map[string]*session{},
		meta:     metadataState{tokens: map[string]time.Time{}, pods: map[string]*session{}},
		ec2:      ec2State{instances: map[string]*Instance{}, groups: map[string]*SecurityGroup{}},
		tokens:   cfg.Rate,
		refilled: time.Now(),
	}
}

// ZoneOption is a property of a zone to add.
type ZoneOption func(*zone)

// WithID fixes the id of a zone ("Z..." without "/hostedzone/").
func WithID(id string) ZoneOption { return func(z *zone) { z.id = bareID(id) } }

// Private makes a private zone that belongs to the VPC.
func Private(region, vpcID string) ZoneOption {
	return func(z *zone) { z.private, z.vpcs = true, []xmlVPC{{region, vpcID}} }
}

// WithTag puts a tag on a zone.
func WithTag(key, value string) ZoneOption { return func(z *zone) { z.tags[key] = value } }

// AddZone adds a hosted zone with the SOA and NS sets that every zone has, and returns its id. It answers an error,
// and changes nothing, if the name is no domain name or the id is taken.
func (s *Server) AddZone(domain string, opts ...ZoneOption) (id string, err error) {
	n, err := parseName(domain)
	if err != nil {
		return "", fmt.Errorf("add zone %q: %w", domain, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	z := &zone{name: n, tags: map[string]string{}}
	for _, o := range opts {
		o(z)
	}
	if err := s.addZone(z); err != nil {
		return "", fmt.Errorf("add zone %q: %w", domain, err)
	}
	return z.id, nil
}

// addZone completes z; s.mu is held.
func (s *Server) addZone(z *zone) error {
	z.seq = s.next()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", z.name.listed, z.seq))
	if z.id == "" {
		z.id = "Z" + base32.StdEncoding.EncodeToString(sum[:])[:19]
	}
	if s.zones[z.id] != nil {
		return fmt.Errorf("the id %s is taken", z.id)
	}
	if z.reference == "" {
		z.reference = fmt.Sprintf("emulator-%d", z.seq)
	}
	ns := z.nameServers(sum[:])
	z.sets.put(z.record("NS", 172800, ns...))
	z.sets.put(z.record("SOA", 900, ns[0]+" awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"))
	s.zones[z.id] = z
	return nil
}

func (z *zone) record(typ string, ttl int64, values ...string) *record {
	return &record{key{name: z.name, typ: typ}, RecordSet{Name: z.name.listed, Type: typ, TTL: ttl, Values: values}}
}

// nameServers makes four names as the service gives them: spread over a zone's own set, one fixed set for private zones.
func (z *zone) nameServers(sum []byte) []string {
	tlds := []string{"com", "net", "org", "co.uk"}
	base := []int{0, 512, 1024, 1536}
	all := make([]string, 4)
	for i := range all {
		n := int(sum[2*i])<<1 | int(sum[2*i+1])&1
		if z.private {
			n = 0
		}
		all[i] = fmt.Sprintf("ns-%d.awsdns-%02d.%s.", base[i]+n, n/8, tlds[i])
	}
	return all
}

// RecordSets lists a zone's record sets in the order of the service; nil if there is no such zone.
func (s *Server) RecordSets(zoneID string) []RecordSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[bareID(zoneID)]
	if z == nil {
		return nil
	}
	all := make([]RecordSet, 0, z.sets.len())
	for r := range z.sets.from(key{}) {
		all = append(all, r.set.clone())
	}
	return all
}

// Change applies a batch by the rules of ChangeResourceRecordSets, as a person who edits the zone by other means: no
// credentials, delays, faults or call log. Errors are of type *Error.
func (s *Server) Change(zoneID string, changes ...Change) error {
	b := batch{}
	for _, c := range changes {
		set := c.Set.clone()
		x := toXML(&set)
		b.changes = append(b.changes, xmlChange{c.Action, &x})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.apply(bareID(zoneID), b); e != nil {
		return e
	}
	return nil
}

// next numbers whatever the server names; s.mu is held.
func (s *Server) next() uint64 {
	s.counter++
	return s.counter
}

// zonesByID is all zones in the order of ListHostedZones; s.mu is held.
func (s *Server) zonesByID() []*zone {
	ids := slices.Sorted(maps.Keys(s.zones))
	all := make([]*zone, len(ids))
	for i, id := range ids {
		all[i] = s.zones[id]
	}
	return all
}
