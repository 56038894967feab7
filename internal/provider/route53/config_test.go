package route53

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

const noZones = `<?xml version="1.0"?><ListHostedZonesResponse ` + xmlns + `><HostedZones></HostedZones>` +
	`<IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesResponse>`

// bare takes everything away from which the SDK would learn something.
func bare(t *testing.T) {
	for _, env := range os.Environ() {
		if name, _, _ := strings.Cut(env, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// seen is a server that answers that there are no zones, and keeps what was
// asked of it.
func seen(t *testing.T, secure bool) (*httptest.Server, *[]*http.Request) {
	var requests []*http.Request
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r)
		_, _ = w.Write([]byte(noZones))
	}))
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, &requests
}

func TestNewFollowsTheEnvironment(t *testing.T) {
	bare(t)
	server, requests := seen(t, true)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	p, err := New(t.Context(), Options{}, dns.Filter{}, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if zones, err := p.Zones(t.Context()); err != nil || len(zones) != 0 {
		t.Fatalf("got %v, %v", zones, err)
	}
	header := (*requests)[0].Header
	if got := header.Get("User-Agent"); !strings.Contains(got, " signpost/1.2.3") {
		t.Errorf("User-Agent is %q", got)
	}
	if got := header.Get("Authorization"); !strings.Contains(got, "AKIDENV/") || !strings.Contains(got, "/us-east-1/route53/") {
		t.Errorf("Authorization is %q", got)
	}
}

func TestNewWithoutCredentials(t *testing.T) {
	bare(t)
	server, requests := seen(t, false)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	p, err := New(t.Context(), Options{ZoneIDFilter: []string{"Z1"}}, dns.Filter{}, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Zones(t.Context())
	if !errors.Is(err, provider.ErrDenied) || !strings.Contains(provider.Hint(err), "AWS_ACCESS_KEY_ID") {
		t.Errorf("want ErrDenied with a hint on credentials, got %v (%s)", err, provider.Hint(err))
	}
	if len(*requests) > 0 {
		t.Errorf("%d requests were sent without credentials", len(*requests))
	}
}

// A source of credentials that does not answer is a matter of credentials; a
// caller who went away is not.
func TestCredentialsThatTimeOut(t *testing.T) {
	cfg := aws.Config{Region: defaultRegion, HTTPClient: &http.Client{Transport: canned(200, noZones)},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, fmt.Errorf("no EC2 IMDS role found: %w", context.DeadlineExceeded)
		})}
	p, err := newProvider(cfg, Options{}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Zones(t.Context()); !errors.Is(err, provider.ErrDenied) || !strings.Contains(err.Error(), "IMDS") {
		t.Errorf("want ErrDenied with the cause, got %v", err)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := p.Zones(gone); err == nil || errors.Is(err, provider.ErrDenied) {
		t.Errorf("want no denial for a caller who went away, got %v", err)
	}
}

func TestNewReportsBadConfiguration(t *testing.T) {
	bare(t)
	t.Setenv("AWS_PROFILE", "nowhere")
	_, err := New(t.Context(), Options{}, dns.Filter{}, "1.2.3")
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("want an error that names the profile, got %v", err)
	}
}

func TestNewStaticIgnoresTheEnvironment(t *testing.T) {
	bare(t)
	server, requests := seen(t, false)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ENDPOINT_URL_ROUTE_53", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("AWS_CA_BUNDLE", "/nonexistent")
	t.Setenv("AWS_PROFILE", "nowhere")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	p, err := NewStatic(server.URL, nil, Options{}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Zones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := (*requests)[0].Header.Get("Authorization"); strings.Contains(got, "AKIDENV") {
		t.Errorf("the environment's credentials were used: %q", got)
	}
}

// Each partition of AWS has a Route 53 of its own, with its own address, region
// of signatures and ARNs.
func TestPartitions(t *testing.T) {
	bare(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for region, want := range map[string]string{
		"eu-west-1":      "aws route53.amazonaws.com us-east-1",
		"cn-north-1":     "aws-cn route53.amazonaws.com.cn cn-northwest-1",
		"us-gov-east-1":  "aws-us-gov route53.us-gov.amazonaws.com us-gov-west-1",
		"eusc-de-east-1": "aws-eusc route53.amazonaws.eu eusc-de-east-1",
		"us-iso-west-1":  "aws-iso route53.c2s.ic.gov us-iso-east-1",
		"us-isob-east-1": "aws-iso-b route53.sc2s.sgov.gov us-isob-east-1",
		"us-isof-east-1": "aws-iso-f route53.csp.hci.ic.gov us-isof-south-1",
		"eu-isoe-west-1": "aws-iso-e route53.cloud.adc-e.uk eu-isoe-west-1",
	} {
		t.Setenv("AWS_REGION", region)
		var host, signed string
		wire := transport(func(r *http.Request) (*http.Response, error) {
			host, signed = r.URL.Host, r.Header.Get("Authorization")
			return canned(200, noZones).RoundTrip(r)
		})
		cfg, err := configure(t.Context(), Options{}, "", config.WithHTTPClient(&http.Client{Transport: wire}))
		if err != nil {
			t.Fatal(err)
		}
		p, err := newProvider(cfg, Options{}, dns.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Zones(t.Context()); err != nil {
			t.Error(err)
		}
		scope := strings.Split(signed, "/")
		if got := p.partition + " " + host + " " + scope[2]; got != want {
			t.Errorf("%s: got %s, want %s", region, got, want)
		}
		if got, want := p.arn("Z1"), "arn:"+p.partition+":route53:::hostedzone/Z1"; got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}

// The flags are ExternalDNS's, and commas do not split its lists.
func TestFlags(t *testing.T) {
	type flag struct{ Name, Enum, Default, Sep string }
	var got []flag
	options := reflect.TypeFor[Options]()
	for i := range options.NumField() {
		tag := options.Field(i).Tag
		if tag.Get("kong") == "-" {
			continue
		}
		got = append(got, flag{tag.Get("name"), tag.Get("enum"), tag.Get("default"), tag.Get("sep")})
		if tag.Get("help") == "" {
			t.Errorf("%s has no help", tag.Get("name"))
		}
	}
	want := []flag{
		{"zone-id-filter", "", "", "none"},
		{"aws-zone-type", ",public,private", "", ""},
		{"aws-zone-tags", "", "", "none"},
		{"aws-zone-match-parent", "", "", ""},
		{"aws-profile", "", "", "none"},
		{"aws-assume-role", "", "", ""},
		{"aws-assume-role-external-id", "", "", ""},
		{"aws-evaluate-target-health", "", "true", ""},
		{"aws-prefer-cname", "", "", ""},
		{"prefer-alias", "", "", ""},
		{"aws-alias-by-ip-address-type", "", "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
