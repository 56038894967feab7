// Package route53 is the provider for Amazon Route 53.
//
// It hides the API's wire format: pages that start at a name, octal escapes,
// names in reversed order, hosted zone IDs of load balancers, the DELETE and
// CREATE pair by which a change becomes a compare-and-swap, and the prose by
// which the service says what it refused. It keeps no state of a zone, retries
// nothing, and paces nothing. It may import dns, provider and the AWS SDK.
//
//	p, err := route53.New(ctx, route53.Options{ZoneType: "public"}, dns.Filter{}, version)
//	zones, err := p.Zones(ctx)
//	sets, next, err := p.Page(ctx, zones[0], "")
//
// Sources: the Amazon Route 53 API reference, version 2013-04-01, and the
// developer guide's pages DomainNameFormat and DNSLimitations.
package route53

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Options are the flags of this provider, named as ExternalDNS names them. Those
// from EvaluateTargetHealth on are for planning; the provider itself does not
// read them.
type Options struct {
	ZoneIDFilter         []string `name:"zone-id-filter" group:"route53" sep:"none" placeholder:"ID" help:"Only zones whose ID ends in this. Repeatable. A complete ID makes the permission to list zones unnecessary."`
	ZoneType             string   `name:"aws-zone-type" group:"route53" enum:",public,private" default:"" help:"Only zones of this type: public or private. Empty: both."`
	ZoneTags             []string `name:"aws-zone-tags" group:"route53" sep:"none" placeholder:"KEY[=VALUE]" help:"Only zones with this tag. Repeatable; all must be there."`
	ZoneMatchParent      bool     `name:"aws-zone-match-parent" group:"route53" negatable:"" help:"A domain of --domain-filter also chooses the zones above it."`
	Profiles             []string `name:"aws-profile" group:"route53" sep:"none" placeholder:"NAME" help:"A profile of the AWS configuration, which stands for an account. Repeatable. Not given: what the environment says."`
	AssumeRole           string   `name:"aws-assume-role" group:"route53" placeholder:"ARN" help:"Assume this role, with the credentials of each profile."`
	ExternalID           string   `name:"aws-assume-role-external-id" group:"route53" placeholder:"ID" secret:"" help:"The external ID that the role asks for."`
	EvaluateTargetHealth bool     `name:"aws-evaluate-target-health" group:"route53" default:"true" negatable:"" help:"Aliases follow the health of their target."`
	PreferCNAME          bool     `name:"aws-prefer-cname" group:"route53" negatable:"" help:"Write a CNAME where a load balancer's host name would become an alias."`
	PreferAlias          bool     `name:"prefer-alias" group:"route53" negatable:"" help:"Write an alias for every CNAME that can be one, unless its object says otherwise."`
	AliasByStack         bool     `name:"aws-alias-by-ip-address-type" group:"route53" negatable:"" help:"Write no AAAA alias to a load balancer that its object says has IPv4 only. Otherwise A and AAAA always go together."`

	// OnRequest, if not nil, is told of each request when it has ended. It is
	// called concurrently.
	OnRequest func(Request) `kong:"-"`
}

// Limits of ChangeResourceRecordSets (developer guide, DNSLimitations). The
// pair of DELETE and CREATE counts each of its halves once.
const (
	maxValues = 1000
	maxChars  = 32000
)

// maxSetValues is how many values one record set may hold.
const maxSetValues = 400

// recordTypes returns the types of record sets that the service has (API reference,
// ResourceRecordSet). DNAME is not among them.
func recordTypes() []dns.Type {
	var out []dns.Type
	for _, t := range types.RRType("").Values() {
		out = append(out, dns.Type(t))
	}
	return out
}

// maxRouted returns how many sets of one name and type each policy may have
// (developer guide, DNSLimitations).
func maxRouted() map[string]int {
	const usual, near = 100, 30
	return map[string]int{
		dns.Weighted{}.Policy(): usual, dns.Latency{}.Policy(): usual, dns.Failover{}.Policy(): usual,
		dns.Geolocation{}.Policy(): usual, dns.MultiValue{}.Policy(): usual, dns.Geoproximity{}.Policy(): near,
	}
}

// defaultRegion signs requests where no region is configured: Route 53 is
// global, and its API lives there.
const defaultRegion = "us-east-1"

// Provider is one AWS account's Route 53. Make it with [New] or [NewStatic].
type Provider struct {
	client    *api.Client
	options   Options
	filter    dns.Filter
	traits    dns.Traits
	partition string // of the account's ARNs, such as aws-cn

	// renew has the next call ask for new credentials.
	renew func()

	mu      sync.Mutex
	wishes  []string
	private map[string]bool  // by zone ID, as last listed
	full    []string         // see Warnings
	limits  map[string]quota // by zone ID
}

var _ provider.Provider = (*Provider)(nil)

// New returns the provider for the first of the profiles or, where none is given,
// for what the SDK's default configuration finds: environment, shared files, web
// identity, pod identity, instance metadata, and AWS_ENDPOINT_URL. It makes no
// call. The version goes into the User-Agent. An error means that the
// configuration cannot be read, for example a profile that does not exist.
func New(ctx context.Context, options Options, filter dns.Filter, version string) (*Provider, error) {
	profile := ""
	if len(options.Profiles) > 0 {
		profile = options.Profiles[0]
	}
	cfg, err := configure(ctx, options, profile)
	if err != nil {
		return nil, err
	}
	cfg.APIOptions = append(cfg.APIOptions, middleware.AddUserAgentKeyValue("signpost", version))
	return newProvider(cfg, options, filter)
}

// NewAccounts returns a provider for each profile, by its name; one named
// "default" where no profile is given.
func NewAccounts(ctx context.Context, options Options, filter dns.Filter, version string) ([]provider.Account, error) {
	profiles := slices.Compact(slices.Sorted(slices.Values(options.Profiles)))
	if len(profiles) == 0 {
		p, err := New(ctx, options, filter, version)
		if err != nil {
			return nil, err
		}
		return []provider.Account{{Name: "default", Provider: p}}, nil
	}
	var accounts []provider.Account
	for _, profile := range profiles {
		options.Profiles = []string{profile}
		p, err := New(ctx, options, filter, version)
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", profile, err)
		}
		accounts = append(accounts, provider.Account{Name: profile, Provider: p})
	}
	return accounts, nil
}

// freshFor is how long before their end credentials are renewed, so that none end
// on the way.
const freshFor = 30 * time.Second

// configure reads the SDK's configuration for a profile, "" for what the
// environment says.
func configure(ctx context.Context, options Options, profile string, more ...func(*config.LoadOptions) error) (aws.Config, error) {
	fresh := func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = freshFor }
	load := append([]func(*config.LoadOptions) error{
		config.WithDefaultRegion(defaultRegion), config.WithLogger(logging.Nop{}), config.WithCredentialsCacheOptions(fresh),
	}, more...)
	if profile != "" {
		load = append(load, config.WithSharedConfigProfile(profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, configurationError(err, profile)
	}
	if options.AssumeRole != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), options.AssumeRole, func(o *stscreds.AssumeRoleOptions) {
			if o.RoleSessionName = "signpost"; options.ExternalID != "" {
				o.ExternalID = aws.String(options.ExternalID)
			}
		})
		cfg.Credentials = aws.NewCredentialsCache(role, fresh)
	}
	return cfg, nil
}

// NewStatic returns the provider for a server at this URL that checks no
// credentials, as an emulator does. It reads neither environment nor files. A
// transport in the network's place may be given; nil is the network.
func NewStatic(url string, transport http.RoundTripper, options Options, filter dns.Filter) (*Provider, error) {
	cfg := aws.Config{
		Region:       defaultRegion,
		BaseEndpoint: aws.String(url),
		Credentials:  credentials.NewStaticCredentialsProvider("signpost", "signpost", ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.Proxy = nil
		}),
	}
	if transport != nil {
		cfg.HTTPClient = &http.Client{Transport: transport}
	}
	return newProvider(cfg, options, filter)
}

func newProvider(cfg aws.Config, options Options, filter dns.Filter) (*Provider, error) {
	aliases, err := aliasZones()
	if err != nil {
		return nil, err
	}
	if options.OnRequest != nil {
		cfg.APIOptions = append(cfg.APIOptions, observe(options.OnRequest))
	}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	renew := func() {}
	if cache, ok := cfg.Credentials.(*aws.CredentialsCache); ok {
		renew = cache.Invalidate
	}
	if cfg.Credentials != nil {
		cfg.Credentials = markedCredentials{cfg.Credentials}
	}
	return &Provider{
		client:    api.NewFromConfig(cfg),
		options:   options,
		filter:    filter,
		partition: partition(cfg.Region),
		renew:     renew,
		limits:    map[string]quota{},
		traits: dns.Traits{Aliases: aliases, Routing: true, Atomic: true, Types: recordTypes(),
			MaxSetValues: maxSetValues, MaxRouted: maxRouted(), MaxValues: maxValues, MaxChars: maxChars},
	}, nil
}

// Traits implements [provider.Provider].
func (p *Provider) Traits() dns.Traits { return p.traits }

// Wishes returns what would help and was not granted, one sentence each that
// begins with the permission's name. It grows as calls find out; nothing in it
// keeps the provider from working.
func (p *Provider) Wishes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.wishes...)
}

func (p *Provider) wish(sentence string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wishes {
		if w == sentence {
			return
		}
	}
	p.wishes = append(p.wishes, sentence)
}

// partition returns the partition of a region, as ARNs name it.
func partition(region string) string {
	for _, p := range []struct{ regions, name string }{
		{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
		{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"us-isof-", "aws-iso-f"}, {"eu-isoe-", "aws-iso-e"},
	} {
		if strings.HasPrefix(region, p.regions) {
			return p.name
		}
	}
	return "aws"
}

// arn returns the resource that a permission on this zone names.
func (p *Provider) arn(zoneID string) string {
	return "arn:" + p.partition + ":route53:::hostedzone/" + zoneID
}
