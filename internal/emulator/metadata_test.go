package emulator_test

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
)

func setHost(t *testing.T, srv *emulator.Server, h emulator.Host) {
	t.Helper()
	if err := srv.SetHost(h); err != nil {
		t.Fatal(err)
	}
}

// fetch is one request of metadata, with headers as pairs of name and value.
func fetch(t *testing.T, srv *emulator.Server, method, path string, headers ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://169.254.169.254"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := srv.RoundTripper().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

const (
	ttlHeader   = "X-aws-ec2-metadata-token-ttl-seconds"
	tokenHeader = "X-aws-ec2-metadata-token"
)

func TestMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := emulator.New(emulator.Config{})
		if status, _ := fetch(t, srv, "GET", "/latest/meta-data/"); status != http.StatusNotFound {
			t.Errorf("no instance: %d", status)
		}
		addRole(t, srv, emulator.Role{Name: "node"})
		setHost(t, srv, emulator.Host{PublicIPv4: netip.MustParseAddr("203.0.113.7"), LocalIPv4: netip.MustParseAddr("10.0.0.7"), Role: "node"})
		status, token := fetch(t, srv, "PUT", "/latest/api/token", ttlHeader, "60")
		if status != http.StatusOK {
			t.Fatalf("token: %d", status)
		}
		for path, want := range map[string]string{
			"public-ipv4":               "203.0.113.7",
			"local-ipv4":                "10.0.0.7",
			"instance-id":               "i-0123456789abcdef0",
			"placement/region":          "us-east-1",
			"placement/":                "availability-zone\nregion",
			"":                          "iam/\ninstance-id\nlocal-ipv4\nmac\nnetwork/\nplacement/\npublic-ipv4",
			"iam/security-credentials/": "node",
			"network/interfaces/macs/0e:49:61:0f:c3:11/local-ipv4s": "10.0.0.7",
		} {
			if status, got := fetch(t, srv, "GET", "/latest/meta-data/"+path, tokenHeader, token); status != http.StatusOK || got != want {
				t.Errorf("%s: %d %q, want %q", path, status, got, want)
			}
		}
		for name, tc := range map[string]struct {
			method, path string
			headers      []string
			want         int
		}{
			"an address it has not":     {"GET", "/latest/meta-data/ipv6", []string{tokenHeader, token}, http.StatusNotFound},
			"without a token":           {"GET", "/latest/meta-data/public-ipv4", nil, http.StatusUnauthorized},
			"with a token of its own":   {"GET", "/latest/meta-data/public-ipv4", []string{tokenHeader, "mine"}, http.StatusUnauthorized},
			"token without a time":      {"PUT", "/latest/api/token", nil, http.StatusBadRequest},
			"token for more than 6 h":   {"PUT", "/latest/api/token", []string{ttlHeader, "21601"}, http.StatusBadRequest},
			"token through a proxy":     {"PUT", "/latest/api/token", []string{ttlHeader, "60", "X-Forwarded-For", "10.0.0.1"}, http.StatusForbidden},
			"token by GET":              {"GET", "/latest/api/token", []string{tokenHeader, token}, http.StatusNotFound},
			"metadata by POST":          {"POST", "/latest/meta-data/public-ipv4", []string{tokenHeader, token}, http.StatusMethodNotAllowed},
			"credentials of no role":    {"GET", "/latest/meta-data/iam/security-credentials/other", []string{tokenHeader, token}, http.StatusNotFound},
			"a path that is none of it": {"GET", "/latest/user-data", []string{tokenHeader, token}, http.StatusNotFound},
		} {
			if status, body := fetch(t, srv, tc.method, tc.path, tc.headers...); status != tc.want || !strings.Contains(body, "<title>") {
				t.Errorf("%s: %d %s, want %d and a page", name, status, body, tc.want)
			}
		}
		time.Sleep(time.Minute)
		if status, _ := fetch(t, srv, "GET", "/latest/meta-data/public-ipv4", tokenHeader, token); status != http.StatusUnauthorized {
			t.Errorf("with a token that has expired: %d", status)
		}
		setHost(t, srv, emulator.Host{Disabled: true})
		if status, _ := fetch(t, srv, "PUT", "/latest/api/token", ttlHeader, "60"); status != http.StatusForbidden {
			t.Errorf("switched off: %d", status)
		}
		if srv.SetHost(emulator.Host{Role: "nobody"}) == nil {
			t.Error("a role that is not there is no error")
		}
	})
}

func metadataClient(srv *emulator.Server, fallback aws.Ternary) *imds.Client {
	return imds.New(imds.Options{HTTPClient: &http.Client{Transport: srv.RoundTripper(), Timeout: time.Second},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 1 }), EnableFallback: fallback})
}

func TestHopLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := emulator.New(emulator.Config{})
		read := func() error {
			_, err := metadataClient(srv, aws.FalseTernary).GetMetadata(t.Context(), &imds.GetMetadataInput{Path: "instance-id"})
			return err
		}
		setHost(t, srv, emulator.Host{Hops: 2})
		begin := time.Now()
		if err := read(); err == nil || time.Since(begin) != time.Second {
			t.Errorf("beyond the hop limit: %v after %s", err, time.Since(begin))
		}
		setHost(t, srv, emulator.Host{Hops: 2, HopLimit: 2})
		if err := read(); err != nil {
			t.Errorf("within it: %v", err)
		}
	})
}

// TestVersionOne is what kube2iam and kiam are to the SDK.
func TestVersionOne(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	setHost(t, srv, emulator.Host{VersionOne: true})
	if _, err := metadataClient(srv, aws.TrueTernary).GetMetadata(t.Context(), &imds.GetMetadataInput{Path: "instance-id"}); err != nil {
		t.Errorf("with the fallback: %v", err)
	}
	if _, err := metadataClient(srv, aws.FalseTernary).GetMetadata(t.Context(), &imds.GetMetadataInput{Path: "instance-id"}); err == nil {
		t.Error("without the fallback it is no error")
	}
}

// TestInstanceRole has the SDK follow an instance's credentials through their ends.
func TestInstanceRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, zone := newZone(t, emulator.Config{})
		addRole(t, srv, emulator.Role{Name: "node", Policy: []byte(listAndChange)})
		setHost(t, srv, emulator.Host{Role: "node", Lifetime: 30 * time.Minute})
		from := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = metadataClient(srv, aws.FalseTernary) })
		c := dnsClient(srv, aws.NewCredentialsCache(from))
		keys := map[string]bool{}
		for range 12 {
			if _, err := c.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		}
		for _, call := range srv.Calls() {
			if call.Action == "ListResourceRecordSets" {
				keys[call.AccessKeyID] = true
			}
		}
		if len(keys) != 4 {
			t.Errorf("in two hours of half-hour credentials %d keys were used, want 4", len(keys))
		}
		if _, err := c.ListHostedZones(t.Context(), &route53.ListHostedZonesInput{}); code(err) != "AccessDenied" {
			t.Errorf("the role's policy: %v", err)
		}
	})
}

// TestContainerCredentials is EKS Pod Identity.
func TestContainerCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, zone := newZone(t, emulator.Config{})
		const subject = "system:serviceaccount:signpost:signpost"
		addRole(t, srv, emulator.Role{Name: "pod", Subject: subject})
		from := func(token string) aws.CredentialsProvider {
			return endpointcreds.New("http://169.254.170.23/v1/credentials", func(o *endpointcreds.Options) {
				o.HTTPClient, o.AuthorizationToken = &http.Client{Transport: srv.RoundTripper()}, token
			})
		}
		soon := time.Now().Add(time.Hour)
		list := func(token string) error {
			_, err := dnsClient(srv, from(token)).ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
			return err
		}
		if err := list(emulator.IdentityToken(subject, emulator.AudiencePodIdentity, soon)); err != nil {
			t.Error(err)
		}
		got := map[string]string{}
		for name, token := range map[string]string{
			"none":     "",
			"other":    emulator.IdentityToken("system:serviceaccount:default:default", emulator.AudiencePodIdentity, soon),
			"audience": emulator.IdentityToken(subject, emulator.AudienceSTS, soon),
			"expired":  emulator.IdentityToken(subject, emulator.AudiencePodIdentity, time.Now()),
		} {
			got[name] = code(list(token))
		}
		want := map[string]string{"none": "InvalidRequestException", "other": "ResourceNotFoundException",
			"audience": "InvalidTokenException", "expired": "ExpiredTokenException"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("refusals (-want +got):\n%s", d)
		}
	})
}
