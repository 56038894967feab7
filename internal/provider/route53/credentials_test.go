package route53

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
)

const serviceAccount = "system:serviceaccount:signpost:signpost"

// source is one way to have credentials.
type source struct {
	says    string
	options Options
	// prepare sets the scene: roles, metadata, environment, files below home.
	prepare func(t *testing.T, server *emulator.Server, home string)
	// while, where set, is done each hour, as kubelet writes a pod's token anew.
	while func(t *testing.T, home string)
	keys  int // at least so many access keys are used within a day
}

func write(t *testing.T, home, name, text string) string {
	t.Helper()
	path := filepath.Join(home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// files has the SDK look for its files below a folder of the test's own, which it
// returns.
func files(t *testing.T) (home string) {
	home = t.TempDir()
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, ".aws/credentials"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, ".aws/config"))
	return home
}

func role(t *testing.T, server *emulator.Server, r emulator.Role) string {
	t.Helper()
	arn, err := server.AddRole(r)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

func host(t *testing.T, server *emulator.Server, h emulator.Host) {
	t.Helper()
	role(t, server, emulator.Role{Name: "node"})
	h.Role = "node"
	if err := server.SetHost(h); err != nil {
		t.Fatal(err)
	}
	os.Unsetenv("AWS_EC2_METADATA_DISABLED")
}

func keys(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDSTATIC")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}

func sources() []source {
	const hour = time.Hour
	token := func(audience string) func(t *testing.T, home string) {
		return func(t *testing.T, home string) {
			write(t, home, "token", emulator.IdentityToken(serviceAccount, audience, time.Now().Add(2*hour)))
		}
	}
	return []source{
		{says: "static keys", keys: 1, prepare: func(t *testing.T, _ *emulator.Server, _ string) { keys(t) }},
		{says: "a shared profile", keys: 1, options: Options{Profiles: []string{"live"}}, prepare: func(t *testing.T, _ *emulator.Server, home string) {
			write(t, home, ".aws/credentials", "[live]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\n")
		}},
		{says: "a role of a profile", keys: 12, options: Options{Profiles: []string{"live"}}, prepare: func(t *testing.T, server *emulator.Server, home string) {
			arn := role(t, server, emulator.Role{Name: "dns", Trusts: []string{"AKIDPROFILE"}})
			write(t, home, ".aws/credentials", "[base]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\n")
			write(t, home, ".aws/config", "[profile live]\nrole_arn = "+arn+"\nsource_profile = base\n")
		}},
		{says: "--aws-assume-role", keys: 12, options: Options{AssumeRole: "arn:aws:iam::123456789012:role/dns", ExternalID: "42"},
			prepare: func(t *testing.T, server *emulator.Server, _ string) {
				keys(t)
				role(t, server, emulator.Role{Name: "dns", Trusts: []string{"AKIDSTATIC"}, ExternalID: "42"})
			}},
		{says: "web identity (IRSA)", keys: 12, prepare: func(t *testing.T, server *emulator.Server, home string) {
			arn := role(t, server, emulator.Role{Name: "irsa", Subject: serviceAccount})
			t.Setenv("AWS_ROLE_ARN", arn)
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(home, "token"))
		}, while: token(emulator.AudienceSTS)},
		{says: "a role on top of web identity", keys: 12, options: Options{AssumeRole: "arn:aws:iam::123456789012:role/dns"},
			prepare: func(t *testing.T, server *emulator.Server, home string) {
				arn := role(t, server, emulator.Role{Name: "irsa", Subject: serviceAccount})
				role(t, server, emulator.Role{Name: "dns", Trusts: []string{"irsa"}})
				t.Setenv("AWS_ROLE_ARN", arn)
				t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(home, "token"))
			}, while: token(emulator.AudienceSTS)},
		{says: "the instance's role", keys: 3, prepare: func(t *testing.T, server *emulator.Server, _ string) {
			host(t, server, emulator.Host{})
		}},
		{says: "the instance's role, renewed often", keys: 12, prepare: func(t *testing.T, server *emulator.Server, _ string) {
			host(t, server, emulator.Host{Lifetime: hour})
		}},
		{says: "kube2iam or kiam in its place", keys: 3, prepare: func(t *testing.T, server *emulator.Server, _ string) {
			host(t, server, emulator.Host{VersionOne: true})
		}},
	}
}

// TestCredentials has every source of credentials work for a day and through the
// end of what it gave first, with a call each ten minutes, none of which fails.
func TestCredentials(t *testing.T) {
	for _, s := range sources() {
		t.Run(s.says, func(t *testing.T) {
			bare(t)
			home := files(t)
			server := emulator.New(emulator.Config{})
			if _, err := server.AddZone("example.com"); err != nil {
				t.Fatal(err)
			}
			s.prepare(t, server, home)
			synctest.Test(t, func(t *testing.T) {
				if s.while != nil {
					s.while(t, home)
				}
				p := over(t, server, s.options)
				for i := range 24 * 6 {
					if zones, err := p.Zones(t.Context()); err != nil || len(zones) != 1 {
						t.Fatalf("after %d0 minutes: %v, %v", i, zones, err)
					}
					if s.while != nil && i%6 == 0 {
						s.while(t, home)
					}
					time.Sleep(10 * time.Minute)
				}
			})
			used := map[string]bool{}
			for _, c := range server.Calls() {
				if c.Action == "ListHostedZones" {
					used[c.AccessKeyID] = true
				}
			}
			if len(used) < s.keys || s.keys == 1 && len(used) != 1 {
				t.Errorf("%d access keys were used, want %d or more", len(used), s.keys)
			}
		})
	}
}

// over is New, with a server in the network's place.
func over(t *testing.T, server *emulator.Server, options Options) *Provider {
	t.Helper()
	profile := ""
	if len(options.Profiles) > 0 {
		profile = options.Profiles[0]
	}
	cfg, err := configure(t.Context(), options, profile, config.WithHTTPClient(&http.Client{Transport: server.RoundTripper()}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProvider(cfg, options, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Credentials that the service calls expired before their time are asked for anew,
// also those of EKS Pod Identity, for which the SDK has a connection of its own.
func TestExpiredCredentialsAreRenewed(t *testing.T) {
	for _, test := range []struct {
		says    string
		action  string // by which credentials are given
		options Options
		prepare func(t *testing.T, server *emulator.Server)
	}{
		{"a role", "AssumeRole", Options{AssumeRole: "arn:aws:iam::123456789012:role/dns"}, func(t *testing.T, server *emulator.Server) {
			keys(t)
			role(t, server, emulator.Role{Name: "dns"})
		}},
		{"EKS Pod Identity", "GetContainerCredentials", Options{}, func(t *testing.T, server *emulator.Server) {
			web := httptest.NewServer(server)
			t.Cleanup(web.Close)
			role(t, server, emulator.Role{Name: "pod", Subject: serviceAccount})
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", web.URL+"/v1/credentials")
			t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
				write(t, t.TempDir(), "token", emulator.IdentityToken(serviceAccount, emulator.AudiencePodIdentity, time.Now().Add(time.Hour))))
		}},
	} {
		t.Run(test.says, func(t *testing.T) {
			bare(t)
			files(t)
			server := emulator.New(emulator.Config{})
			if _, err := server.AddZone("example.com"); err != nil {
				t.Fatal(err)
			}
			test.prepare(t, server)
			p := over(t, server, test.options)
			if _, err := p.Zones(t.Context()); err != nil {
				t.Fatal(err)
			}
			server.Inject(emulator.Fault{Action: "ListHostedZones", Code: "ExpiredToken"})
			if _, err := p.Zones(t.Context()); err == nil || !strings.Contains(err.Error(), "ExpiredToken") {
				t.Errorf("want ExpiredToken, got %v", err)
			}
			if _, err := p.Zones(t.Context()); err != nil {
				t.Error(err)
			}
			given, actions := 0, map[string]int{}
			for _, c := range server.Calls() {
				actions[c.Action]++
				if c.Action == test.action {
					given++
				}
			}
			if given != 2 {
				t.Errorf("credentials were given %d times, want 2: %v", given, actions)
			}
		})
	}
}

// A profile stands for an account; each has its own credentials.
func TestProfiles(t *testing.T) {
	bare(t)
	server, requests := seen(t, false)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	write(t, files(t), ".aws/credentials", "[one]\naws_access_key_id = AKIDONE\naws_secret_access_key = s\n"+
		"[two]\naws_access_key_id = AKIDTWO\naws_secret_access_key = s\n")
	accounts, err := NewAccounts(t.Context(), Options{Profiles: []string{"two", "one", "two"}}, dns.Filter{}, "1.2.3")
	if err != nil || len(accounts) != 2 || accounts[0].Name != "one" || accounts[1].Name != "two" {
		t.Fatalf("got %v, %v", accounts, err)
	}
	for i, key := range []string{"AKIDONE", "AKIDTWO"} {
		if _, err := accounts[i].Provider.Zones(t.Context()); err != nil {
			t.Error(err)
		}
		if got := (*requests)[i].Header.Get("Authorization"); !strings.Contains(got, key) {
			t.Errorf("profile %s signs with %q", accounts[i].Name, got)
		}
	}
	if accounts, err = NewAccounts(t.Context(), Options{}, dns.Filter{}, "1.2.3"); err != nil || len(accounts) != 1 || accounts[0].Name != "default" {
		t.Errorf("no profile: got %v, %v", accounts, err)
	}
	_, err = NewAccounts(t.Context(), Options{Profiles: []string{"one", "three"}}, dns.Filter{}, "1.2.3")
	if err == nil || !strings.HasPrefix(err.Error(), `profile three: read the AWS configuration: there is no profile "three"`) {
		t.Errorf("got %v", err)
	}
}
