package emulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Host is an EC2 instance as its own metadata service shows it, version 2; see
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html.
type Host struct {
	InstanceID string // "" is i-0123456789abcdef0
	PublicIPv4 netip.Addr
	LocalIPv4  netip.Addr
	IPv6       netip.Addr
	Role       string // of its instance profile, by name; "": none

	// Lifetime is how long the role's credentials live, 0 being six hours. New ones come five minutes before the end,
	// or at half of a shorter life.
	Lifetime time.Duration
	// HopLimit is how far answers with a token may travel, 0 being 1; Hops is how far the caller is, 0 being 1. A pod
	// without host network is 2 away. Beyond the limit a caller waits in vain.
	HopLimit, Hops int
	// VersionOne is a proxy in the place of the service, such as kube2iam and kiam: it knows no tokens and asks for none.
	VersionOne bool
	// Disabled is an instance whose metadata are switched off.
	Disabled bool
}

// metadataState is what the service remembers.
type metadataState struct {
	host    *Host                // nil: this machine is no instance
	tokens  map[string]time.Time // when they end
	current *session             // of the instance's role
	pods    map[string]*session  // by subject of their token
}

// SetHost says of which instance the server shows metadata, or alters it; before, it is none. Tokens and credentials
// that were given out stay good.
func (s *Server) SetHost(h Host) error {
	if h.InstanceID == "" {
		h.InstanceID = "i-0123456789abcdef0"
	}
	if h.Lifetime == 0 {
		h.Lifetime = 6 * time.Hour
	}
	h.HopLimit, h.Hops = max(h.HopLimit, 1), max(h.Hops, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.Role != "" && s.roles[h.Role] == nil {
		return fmt.Errorf("set host: there is no role %q", h.Role)
	}
	s.meta.host = &h
	return nil
}

// Actions of metadata, for faults and the log of calls. The services have no names for them.
const (
	ActionToken       = "PutMetadataToken"
	ActionMetadata    = "GetMetadata"
	ActionCredentials = "GetContainerCredentials"
)

const (
	pathToken       = "/latest/api/token"
	pathCredentials = "/v1/credentials" // of EKS Pod Identity
)

// metadataRequest finds the calls of instance metadata and of container credentials.
func metadataRequest(r *http.Request) (*request, bool) {
	q := &request{service: serviceMetadata, id: r.URL.Path, kind: cmp.Or(r.Method, http.MethodGet), header: r.Header}
	switch {
	case r.URL.Path == pathToken && r.Method == http.MethodPut:
		q.action = ActionToken
	case r.URL.Path == pathCredentials:
		q.action = ActionCredentials
	case r.URL.Path == "/latest" || strings.HasPrefix(r.URL.Path, "/latest/"):
		q.action = ActionMetadata
	default:
		return nil, false
	}
	return q, true
}

// page is an error of metadata, which come as pages for people, or of container credentials, which come as JSON.
func (e *Error) page() plain {
	if e.Message != "" {
		return document(map[string]string{"code": e.Code, "message": e.Message})
	}
	title := fmt.Sprintf("%d - %s", e.Status, http.StatusText(e.Status))
	return plain{"text/html", "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<html><head><title>" + title +
		"</title></head><body><h1>" + title + "</h1></body></html>\n"}
}

// unmet is an error without words.
func unmet(status int) *Error { return &Error{Status: status, Code: http.StatusText(status)} }

// metadata answers; s.mu is held.
func (s *Server) metadata(q *request, a *answer) (any, *Error) {
	if q.action == ActionCredentials {
		return s.containerCredentials(q)
	}
	h := s.meta.host
	switch {
	case h == nil:
		return nil, unmet(http.StatusNotFound)
	case h.Disabled:
		return nil, unmet(http.StatusForbidden)
	case q.action == ActionToken:
		return s.metadataToken(q, a, h)
	case q.kind != http.MethodGet:
		return nil, unmet(http.StatusMethodNotAllowed)
	}
	if end, ok := s.meta.tokens[q.header.Get("X-aws-ec2-metadata-token")]; !h.VersionOne && (!ok || !time.Now().Before(end)) {
		return nil, unmet(http.StatusUnauthorized)
	}
	return s.metadataAt(q.id, h)
}

// metadataToken gives a token for a stated time. A request that came through a proxy gets none.
func (s *Server) metadataToken(q *request, a *answer, h *Host) (any, *Error) {
	ttl, err := strconv.Atoi(q.header.Get("X-aws-ec2-metadata-token-ttl-seconds"))
	switch {
	case h.VersionOne:
		return nil, unmet(http.StatusNotFound)
	case q.header.Get("X-Forwarded-For") != "":
		return nil, unmet(http.StatusForbidden)
	case err != nil || ttl < 1 || ttl > 21600:
		return nil, unmet(http.StatusBadRequest)
	case h.Hops > h.HopLimit:
		a.lost = true
		return nil, nil
	}
	token := "AQAE" + digest("metadata", s.next())
	s.meta.tokens[token] = time.Now().Add(time.Duration(ttl) * time.Second)
	a.header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", strconv.Itoa(ttl))
	return plain{"text/plain", token}, nil
}

// metadataAt answers with a value, or with what is below a folder, one name a line.
func (s *Server) metadataAt(path string, h *Host) (any, *Error) {
	if name, ok := strings.CutPrefix(path, "/latest/meta-data/iam/security-credentials/"); ok && name != "" {
		if name != h.Role {
			return nil, unmet(http.StatusNotFound)
		}
		return s.instanceCredentials(h), nil
	}
	values := h.values()
	if v, ok := values[path]; ok {
		return plain{"text/plain", v}, nil
	}
	folder := strings.TrimSuffix(path, "/") + "/"
	var names []string
	for _, p := range slices.Sorted(maps.Keys(values)) {
		if rest, ok := strings.CutPrefix(p, folder); ok {
			name, _, deeper := strings.Cut(rest, "/")
			if deeper {
				name += "/"
			}
			names = append(names, name)
		}
	}
	if names = slices.Compact(names); names == nil {
		return nil, unmet(http.StatusNotFound)
	}
	return plain{"text/plain", strings.Join(names, "\n")}, nil
}

// values are what the instance has, by path; what it lacks is not there.
func (h *Host) values() map[string]string {
	const zone, mac = "us-east-1a", "0e:49:61:0f:c3:11"
	v := map[string]string{
		"instance-id":                 h.InstanceID,
		"mac":                         mac,
		"placement/availability-zone": zone,
		"placement/region":            zone[:len(zone)-1],
	}
	network := "network/interfaces/macs/" + mac + "/"
	for addr, keys := range map[netip.Addr][]string{
		h.PublicIPv4: {"public-ipv4", network + "public-ipv4s"},
		h.LocalIPv4:  {"local-ipv4", network + "local-ipv4s"},
		h.IPv6:       {"ipv6", network + "ipv6s"},
	} {
		for _, k := range keys {
			if addr.IsValid() {
				v[k] = addr.String()
			}
		}
	}
	if h.Role != "" {
		v["iam/security-credentials/"+h.Role] = ""
	}
	all := map[string]string{}
	for k, value := range v {
		all["/latest/meta-data/"+k] = value
	}
	return all
}

// instanceCredentials are those of the instance's role.
func (s *Server) instanceCredentials(h *Host) plain {
	s.meta.current = s.renew(s.meta.current, h.Role, h.InstanceID, h.Lifetime)
	c := s.meta.current
	return document(map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": c.issued.UTC().Format(time.RFC3339),
		"AccessKeyId": c.key, "SecretAccessKey": c.secret, "Token": c.token, "Expiration": c.expires.UTC().Format(time.RFC3339),
	})
}

// renew keeps a session until it is near its end.
func (s *Server) renew(old *session, role, name string, lifetime time.Duration) *session {
	if old != nil && old.role == s.roles[role] && time.Until(old.expires) > min(5*time.Minute, lifetime/2) {
		return old
	}
	return s.newSession(s.roles[role], name, lifetime)
}

func document(fields map[string]string) plain {
	b, _ := json.Marshal(fields) // strings always can be
	return plain{"application/json", string(b)}
}

// containerCredentials answers as the agent of EKS Pod Identity on a node does: a pod shows its service account token.
func (s *Server) containerCredentials(q *request) (any, *Error) {
	refused := func(status int, code, message string) (any, *Error) {
		return nil, &Error{Status: status, Code: code, Message: message}
	}
	if q.kind != http.MethodGet {
		return nil, unmet(http.StatusMethodNotAllowed)
	}
	token := q.header.Get("Authorization")
	if token == "" {
		return refused(http.StatusBadRequest, "InvalidRequestException", "Service account token cannot be empty")
	}
	id, e := readToken(token, AudiencePodIdentity)
	if e != nil && e.Code == "ExpiredTokenException" {
		return refused(http.StatusBadRequest, "ExpiredTokenException", e.Message)
	}
	if e != nil {
		return refused(http.StatusBadRequest, "InvalidTokenException", e.Message)
	}
	for _, name := range slices.Sorted(maps.Keys(s.roles)) {
		if s.roles[name].Subject != id.Subject {
			continue
		}
		c := s.renew(s.meta.pods[id.Subject], name, "eks-pod", s.roles[name].MaxSession)
		s.meta.pods[id.Subject] = c
		return document(map[string]string{"AccessKeyId": c.key, "SecretAccessKey": c.secret, "Token": c.token,
			"AccountId": account, "Expiration": c.expires.UTC().Format(time.RFC3339)}), nil
	}
	return refused(http.StatusNotFound, "ResourceNotFoundException", "No association found for the service account "+id.Subject)
}
