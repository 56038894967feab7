package publicip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	metadataIPv4 = "http://169.254.169.254"
	metadataIPv6 = "http://[fd00:ec2::254]"
	// metadataWait is how long one request may take: the service is on the host itself.
	metadataWait = time.Second
)

// metadata asks the metadata service of an EC2 instance, version 2; see
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html.
type metadata struct {
	base   *url.URL
	off    bool // AWS_EC2_METADATA_DISABLED
	client *http.Client
}

// newMetadata honours the variables of the AWS SDKs.
func newMetadata(host Host) (Finder, error) {
	env := func(name string) string { v, _ := host.Env(name); return v }
	base := metadataIPv4
	if strings.EqualFold(env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), "ipv6") {
		base = metadataIPv6
	}
	if v := env("AWS_EC2_METADATA_SERVICE_ENDPOINT"); v != "" {
		base = v
	}
	u, err := baseURL(base)
	if err != nil {
		return nil, errorf("write for example http://169.254.169.254", "AWS_EC2_METADATA_SERVICE_ENDPOINT: %w", err)
	}
	return &metadata{base: u, off: strings.EqualFold(env("AWS_EC2_METADATA_DISABLED"), "true"),
		client: &http.Client{Transport: host.Metadata, Timeout: metadataWait}}, nil
}

func (m *metadata) String() string { return "ec2" }

// Find returns the public IPv4 address (for IPv4 the instance itself has a private one), or the IPv6 address.
func (m *metadata) Find(ctx context.Context, f Family) (netip.Addr, error) {
	if m.off {
		return netip.Addr{}, errorf("unset AWS_EC2_METADATA_DISABLED, or learn the address with --from=interface or --from=https",
			"instance metadata: AWS_EC2_METADATA_DISABLED is set")
	}
	token, err := m.token(ctx)
	if err != nil {
		return netip.Addr{}, err
	}
	path, remedy := "public-ipv4", "give the instance an Elastic IP address, or start it in a subnet that assigns public ones"
	if f == IPv6 {
		path, remedy = "ipv6", "assign the instance an IPv6 address"
	}
	status, text, err := m.ask(ctx, http.MethodGet, "/latest/meta-data/"+path, "X-aws-ec2-metadata-token", token)
	switch {
	case err != nil:
		return netip.Addr{}, m.unreachable(err)
	case status == http.StatusNotFound:
		return netip.Addr{}, errorf(remedy+"; --from=https finds the address of a NAT gateway, which lets nobody in",
			"%w: the EC2 instance has none (%s)", ErrNoAddress, f)
	case status != http.StatusOK:
		return netip.Addr{}, fmt.Errorf("instance metadata: %s answered with status %d", path, status)
	}
	addr, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil || !f.has(addr) {
		return netip.Addr{}, fmt.Errorf("instance metadata: %s is %q, which is no %s address", path, clip(text), f)
	}
	if addr.IsPrivate() || !addr.IsGlobalUnicast() { // a VPC may have unique local addresses of IPv6
		return netip.Addr{}, errorf(remedy+" of the internet", "%w: the EC2 instance has %s only, which the internet cannot reach (%s)", ErrNoAddress, addr, f)
	}
	return addr, nil
}

// token begins a session; "" where a proxy of old, such as kube2iam or kiam, knows none.
func (m *metadata) token(ctx context.Context) (string, error) {
	status, text, err := m.ask(ctx, http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	switch {
	case err != nil && timedOut(err):
		return "", errorf("in a container the answer needs one hop more than the instance may allow: run the pod with hostNetwork: true, "+
			"or raise the limit with aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2; "+
			"a host that is no EC2 instance takes --from=interface or --from=https",
			"instance metadata: no answer from %s within %s", m.base, metadataWait)
	case err != nil:
		return "", m.unreachable(err)
	case status == http.StatusForbidden:
		return "", errorf("switch them on with aws ec2 modify-instance-metadata-options --http-endpoint enabled, "+
			"or learn the address with --from=https", "instance metadata: they are switched off for this instance")
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return "", nil
	case status != http.StatusOK:
		return "", fmt.Errorf("instance metadata: asking for a token was answered with status %d", status)
	}
	return text, nil
}

func (m *metadata) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return errorf("a host that is no EC2 instance takes --from=interface or --from=https", "instance metadata: no answer from %s: %w", m.base, err)
}

func (m *metadata) ask(ctx context.Context, method, path, header, value string) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, m.base.JoinPath(path).String(), nil)
	if err != nil {
		return 0, "", err
	}
	if value != "" {
		r.Header.Set(header, value)
	}
	return fetch(m.client, r)
}

// maxAnswer is more than any answer that holds an address.
const maxAnswer = 4096

// fetch sends a request and reads the beginning of the answer.
func fetch(client *http.Client, r *http.Request) (status int, text string, err error) {
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	return answer.StatusCode, string(body), err
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// clip shortens what somebody answered for a message.
func clip(text string) string {
	const most = 60
	text = strings.TrimSpace(text)
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
