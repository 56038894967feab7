package emulator

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// account is whose everything here is.
const account = "123456789012"

// Role is an IAM role of the account, which STS, instance metadata and the container credentials endpoint give
// sessions of.
type Role struct {
	Name       string        // its ARN is arn:aws:iam::123456789012:role/<Name>
	Policy     []byte        // what its sessions may do, as in SetPolicy; nil: everything
	Trusts     []string      // who may AssumeRole: access key ids, and names of roles for their sessions; nil: everybody
	ExternalID string        // what AssumeRole must give; "": nothing
	Subject    string        // the "sub" of identity tokens that may have a session; "": no token may
	MaxSession time.Duration // the longest session; 0 is an hour, as in IAM
}

// role is a Role once it was checked.
type role struct {
	Role
	policy *policy
}

func (r *role) arn() string { return "arn:aws:iam::" + account + ":role/" + r.Name }

// id is the unique id that session ids begin with.
func (r *role) id() string { return "AROA" + digest("role", r.Name)[:17] }

// session is temporary credentials of a role.
type session struct {
	role    *role
	name    string
	key     string // access key id
	secret  string
	token   string
	issued  time.Time
	expires time.Time
}

func (s *session) arn() string {
	return "arn:aws:sts::" + account + ":assumed-role/" + s.role.Name + "/" + s.name
}

// digest is letters and digits in place of randomness: the same in every run.
func digest(parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
}

var roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

// AddRole adds a role, or replaces that of the same name, whose sessions then have the new rights.
func (s *Server) AddRole(r Role) (arn string, err error) {
	if !roleName.MatchString(r.Name) {
		return "", fmt.Errorf("add role: %q is no name of a role", r.Name)
	}
	if r.MaxSession == 0 {
		r.MaxSession = time.Hour
	}
	p, err := parsePolicy(r.Policy)
	if err != nil {
		return "", fmt.Errorf("add role %s: %w", r.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.roles[r.Name]; old != nil {
		*old = role{r, p}
	} else {
		s.roles[r.Name] = &role{r, p}
	}
	return s.roles[r.Name].arn(), nil
}

// newSession makes credentials; s.mu is held.
func (s *Server) newSession(r *role, name string, lifetime time.Duration) *session {
	seed, now := s.next(), time.Now()
	made := &session{
		role: r, name: name, issued: now, expires: now.Add(lifetime),
		key:    "ASIA" + digest("key", seed)[:16],
		secret: digest("secret", seed)[:40],
		token:  "IQoJ" + digest("token", seed),
	}
	s.sessions[made.key] = made
	return made
}

// sessionOf finds the session of a signed request; none if its key is a lasting one. s.mu is held.
func (s *Server) sessionOf(key, token string) (*session, *Error) {
	made := s.sessions[key]
	switch {
	case made == nil && strings.HasPrefix(key, "ASIA"), made != nil && token != made.token:
		return nil, refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	case made != nil && !time.Now().Before(made.expires):
		return nil, refuse(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
	return made, nil
}

// trusts reports whether the caller may have a session by AssumeRole.
func (r *role) trusts(key string, caller *session) bool {
	return r.Trusts == nil || slices.Contains(r.Trusts, key) || caller != nil && slices.Contains(r.Trusts, caller.role.Name)
}

// Audiences of identity tokens.
const (
	AudienceSTS         = "sts.amazonaws.com"      // of IAM roles for service accounts
	AudiencePodIdentity = "pods.eks.amazonaws.com" // of EKS Pod Identity
)

// issuer is the cluster whose tokens the account trusts.
const issuer = "https://oidc.emulator.example.com"

// identity is what a token says.
type identity struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
}

// IdentityToken makes a service account token such as kubelet projects into a pod, for an audience. Its signature is
// empty: the server trusts every token of this issuer.
func IdentityToken(subject, audience string, expires time.Time) string {
	part := func(v any) string {
		b, _ := json.Marshal(v) // strings and numbers always can be
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(map[string]string{"alg": "none"}) + "." + part(identity{issuer, subject, audience, expires.Unix()}) + "."
}

// readToken refuses what is no token of the trusted issuer for the audience.
func readToken(token, audience string) (identity, *Error) {
	var id identity
	invalid := func(format string, args ...any) (identity, *Error) {
		return id, refuse(http.StatusBadRequest, "InvalidIdentityToken", format, args...)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &id) != nil {
		return invalid("Couldn't parse the ID Token's payload")
	}
	switch {
	case id.Issuer != issuer:
		return invalid("No OpenIDConnect provider found in your account for %s", id.Issuer)
	case id.Audience != audience:
		return invalid("Incorrect token audience")
	case time.Now().Unix() >= id.Expires:
		return id, refuse(http.StatusBadRequest, "ExpiredTokenException", "Token expired: current date/time %d must be before the expiration "+
			"date/time %d", time.Now().Unix(), id.Expires)
	}
	return id, nil
}
