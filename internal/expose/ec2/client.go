package ec2

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	version = "2016-11-15"
	// patience is how long one call may take.
	patience = 30 * time.Second
	maxBody  = 16 << 20
)

// Error is a refusal of EC2.
type Error struct {
	Action, Code, Message string
}

func (e *Error) Error() string { return e.Action + ": " + e.Code + ": " + e.Message }

// Hint returns what a person can do.
func (e *Error) Hint() string {
	switch e.Code {
	case "UnauthorizedOperation", "AccessDenied":
		return "allow ec2:" + e.Action + " (deploy/iam/expose.json has all that is needed)"
	case "RulesPerSecurityGroupLimitExceeded":
		return "ask AWS for a higher quota of inbound rules per security group, expose fewer ports, or name fewer source ranges"
	case "SecurityGroupsPerInterfaceLimitExceeded":
		return "take a security group off the instance, or ask AWS for a higher quota of groups per network interface"
	case "AuthFailure", "InvalidClientTokenId", "ExpiredToken", "RequestExpired":
		return "check the credentials, and this machine's clock"
	}
	return ""
}

func isCode(err error, codes ...string) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}

// client sends calls.
type client struct {
	url         string
	region      string
	credentials aws.CredentialsProvider
	http        interface {
		Do(*http.Request) (*http.Response, error)
	}
	signer *v4.Signer
}

// endpoint is where the API of a region is, by the variables of the AWS SDKs or by AWS's own naming.
func endpoint(cfg aws.Config) string {
	for _, name := range []string{"AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	suffix := "amazonaws.com"
	switch {
	case strings.HasPrefix(cfg.Region, "cn-"):
		suffix = "amazonaws.com.cn"
	case strings.HasPrefix(cfg.Region, "eusc-"):
		suffix = "amazonaws.eu"
	}
	return "https://ec2." + cfg.Region + "." + suffix
}

// form is the parameters of a call.
type form struct{ url.Values }

func (f form) list(name string, values ...string) {
	for i, v := range values {
		f.Set(fmt.Sprintf("%s.%d", name, i+1), v)
	}
}

func (f form) filter(n int, name string, values ...string) {
	f.Set(fmt.Sprintf("Filter.%d.Name", n), name)
	f.list(fmt.Sprintf("Filter.%d.Value", n), values...)
}

func call(pairs ...string) form {
	f := form{url.Values{}}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

// do sends a call and reads the answer into out, which may be nil.
func (c *client) do(ctx context.Context, action string, f form, out any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f.Set("Action", action)
	f.Set("Version", version)
	body := f.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	keys, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("%s: no credentials: %w", action, err)
	}
	sum := sha256.Sum256([]byte(body))
	if err := c.signer.SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "ec2", c.region, time.Now()); err != nil {
		return fmt.Errorf("%s: sign: %w", action, err)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if answer.StatusCode != http.StatusOK {
		var refused struct {
			Code    string `xml:"Errors>Error>Code"`
			Message string `xml:"Errors>Error>Message"`
		}
		if xml.Unmarshal(text, &refused) != nil || refused.Code == "" {
			return fmt.Errorf("%s: status %d", action, answer.StatusCode)
		}
		return &Error{action, refused.Code, refused.Message}
	}
	if out == nil {
		return nil
	}
	if err := xml.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s: read the answer: %w", action, err)
	}
	return nil
}
