package emulator_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// readOnly lets its holder list, and no more.
const readOnly = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "route53:List*", "Resource": "*"}]}`

func stsClient(srv *emulator.Server, from aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{Region: "us-east-1", HTTPClient: &http.Client{Transport: srv.RoundTripper()}, RetryMaxAttempts: 1,
		Credentials: from})
}

// dnsClient is [client] for any credentials.
func dnsClient(srv *emulator.Server, from aws.CredentialsProvider) *route53.Client {
	return route53.New(route53.Options{Region: "us-east-1", HTTPClient: &http.Client{Transport: srv.RoundTripper()}, RetryMaxAttempts: 1,
		Credentials: from})
}

func static(key string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(key, "secret", "")
}

func addRole(t *testing.T, srv *emulator.Server, r emulator.Role) string {
	t.Helper()
	arn, err := srv.AddRole(r)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

// TestAssumeRole has sessions with the rights of their role, that end, and are renewed by the SDK.
func TestAssumeRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, zone := newZone(t, emulator.Config{})
		arn := addRole(t, srv, emulator.Role{Name: "dns", Policy: []byte(readOnly), Trusts: []string{accessKey}, ExternalID: "42"})
		assumed := stscreds.NewAssumeRoleProvider(stsClient(srv, static(accessKey)), arn, func(o *stscreds.AssumeRoleOptions) {
			o.ExternalID, o.RoleSessionName = aws.String("42"), "signpost"
		})
		cached := aws.NewCredentialsCache(assumed)
		c := dnsClient(srv, cached)
		list := func() error {
			_, err := c.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
			return err
		}
		if err := list(); err != nil {
			t.Fatal(err)
		}
		_, err := c.ChangeResourceRecordSets(t.Context(), sdkBatch(zone, sdkChange("CREATE", "www.example.com", "A", 60, "192.0.2.1")))
		if code(err) != "AccessDenied" || !strings.Contains(err.Error(), "arn:aws:sts::123456789012:assumed-role/dns/signpost is not authorized") {
			t.Errorf("a change by a reader: %v", err)
		}
		first, err := cached.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		who, err := stsClient(srv, cached).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || aws.ToString(who.Arn) != "arn:aws:sts::123456789012:assumed-role/dns/signpost" || aws.ToString(who.Account) != "123456789012" {
			t.Errorf("the caller is %+v, %v", who, err)
		}
		time.Sleep(time.Hour)
		if err := list(); err != nil {
			t.Errorf("after an hour the SDK renews: %v", err)
		}
		old := dnsClient(srv, credentials.StaticCredentialsProvider{Value: first})
		if _, err := old.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone}); code(err) != "ExpiredToken" {
			t.Errorf("with the old credentials: %v", err)
		}
		first.SessionToken = "another"
		forged := dnsClient(srv, credentials.StaticCredentialsProvider{Value: first})
		if _, err := forged.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone}); code(err) != "InvalidClientTokenId" {
			t.Errorf("with a wrong session token: %v", err)
		}
		if err := func() error {
			_, err := dnsClient(srv, static("ASIAUNKNOWN")).ListHostedZones(t.Context(), &route53.ListHostedZonesInput{})
			return err
		}(); code(err) != "InvalidClientTokenId" {
			t.Errorf("with a session that never was: %v", err)
		}
	})
}

func TestAssumeRoleRefusals(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	open := addRole(t, srv, emulator.Role{Name: "open"})
	trusting := addRole(t, srv, emulator.Role{Name: "trusting", Trusts: []string{"open"}})
	secret := addRole(t, srv, emulator.Role{Name: "secret", ExternalID: "42"})
	if err := srv.SetPolicy("AKIDPOOR", []byte(readOnly)); err != nil {
		t.Fatal(err)
	}
	in := func(arn string, seconds int32) *sts.AssumeRoleInput {
		in := &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("test")}
		if seconds != 0 {
			in.DurationSeconds = &seconds
		}
		return in
	}
	for _, tc := range []struct {
		name, key string
		in        *sts.AssumeRoleInput
		want      string
	}{
		{"not permitted", "AKIDPOOR", in(open, 0), "AccessDenied"},
		{"not trusted", accessKey, in(trusting, 0), "AccessDenied"},
		{"without the external id", accessKey, in(secret, 0), "AccessDenied"},
		{"no such role", accessKey, in("arn:aws:iam::123456789012:role/none", 0), "AccessDenied"},
		{"no ARN", accessKey, in("this is no resource name", 0), "ValidationError"},
		{"too short a session", accessKey, in(open, 899), "ValidationError"},
		{"longer than the role's", accessKey, in(open, 3601), "ValidationError"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := stsClient(srv, static(tc.key)).AssumeRole(t.Context(), tc.in); code(err) != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	chained := stscreds.NewAssumeRoleProvider(stsClient(srv, static(accessKey)), open)
	if _, err := stsClient(srv, chained).AssumeRole(t.Context(), in(trusting, 0)); err != nil {
		t.Errorf("a session of the role that is trusted: %v", err)
	}
	if _, err := srv.AddRole(emulator.Role{Name: "a/b"}); err == nil {
		t.Error("a name with a slash is no error")
	}
	if _, err := srv.AddRole(emulator.Role{Name: "a", Policy: []byte("{}")}); err == nil {
		t.Error("an empty policy is no error")
	}
}

type token string

func (t token) GetIdentityToken() ([]byte, error) { return []byte(t), nil }

// TestWebIdentity is how IAM roles for service accounts work.
func TestWebIdentity(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	const subject = "system:serviceaccount:signpost:signpost"
	arn := addRole(t, srv, emulator.Role{Name: "irsa", Subject: subject})
	soon := time.Now().Add(time.Hour)
	for _, tc := range []struct {
		name, token, want string
	}{
		{"good", emulator.IdentityToken(subject, emulator.AudienceSTS, soon), ""},
		{"another account", emulator.IdentityToken("system:serviceaccount:default:default", emulator.AudienceSTS, soon), "AccessDenied"},
		{"expired", emulator.IdentityToken(subject, emulator.AudienceSTS, time.Now().Add(-time.Second)), "ExpiredTokenException"},
		{"for somebody else", emulator.IdentityToken(subject, emulator.AudiencePodIdentity, soon), "InvalidIdentityToken"},
		{"no token", "secret", "InvalidIdentityToken"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from := stscreds.NewWebIdentityRoleProvider(stsClient(srv, nil), arn, token(tc.token))
			_, err := dnsClient(srv, from).ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
			if code(err) != tc.want || tc.want == "" && err != nil {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestSTSIsStrict(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	_, err := stsClient(srv, static(accessKey)).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if code(err) != "InvalidAction" {
		t.Errorf("an operation that the emulator has not: %v", err)
	}
	unsigned := stsClient(srv, aws.AnonymousCredentials{})
	if _, err := unsigned.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); code(err) != "MissingAuthenticationToken" {
		t.Errorf("without a signature: %v", err)
	}
	who, err := stsClient(srv, static(accessKey)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(who.Arn) != "arn:aws:iam::123456789012:user/"+accessKey {
		t.Errorf("the caller is %+v, %v", who, err)
	}
	srv.Inject(emulator.Fault{Action: "GetCallerIdentity", Code: "Throttling"})
	if _, err := stsClient(srv, static(accessKey)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); code(err) != "Throttling" {
		t.Errorf("with a fault: %v", err)
	}
}
