package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// teller says how things stand, once for each change.
type teller struct {
	log       *slog.Logger
	host      string
	namespace string

	mu    sync.Mutex
	state string          // what was said last
	told  map[string]bool // why we wait, since we last did not: a renewal tries several requests, and each may fail in its way
	last  Status          // Leader and Trouble
}

func (t *teller) status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// say logs a state if it is another than before.
func (t *teller) say(level slog.Level, state string, s Status, message string, attrs ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = s
	if state == t.state {
		return
	}
	t.state = state
	if t.told == nil || !strings.HasPrefix(state, waits) {
		t.told = map[string]bool{}
	}
	if t.told[state] {
		return
	}
	t.told[state] = true
	t.log.Log(context.Background(), level, message, attrs...)
}

const (
	leads    = "leads"
	standsBy = "stands by "
	waits    = "waits: "
)

// leading: we hold the lease, and rose says that we did not before.
func (t *teller) leading(identity string, rose bool) {
	message := "the lease is renewed again"
	if rose {
		message = "became leader"
		t.forget()
	}
	t.say(slog.LevelInfo, leads, Status{Leader: identity}, message, "identity", identity)
}

// standingBy: another leads, and held says that we did.
func (t *teller) standingBy(held bool, leader string) {
	level, message := slog.LevelInfo, "standing by"
	if held {
		level, message = slog.LevelWarn, "another holds the lease: stopped writing, and standing by"
	}
	t.say(level, standsBy+leader, Status{Leader: leader}, message, "leader", leader)
}

// waiting: the API server does not let us have or renew the lease, for now.
func (t *teller) waiting(held bool, tr trouble) {
	message := "waiting for the lease"
	if held {
		message = "cannot renew the lease"
	}
	attrs := []any{"reason", tr.reason}
	if tr.hint != "" {
		attrs = append(attrs, "hint", tr.hint)
	}
	t.say(slog.LevelWarn, waits+tr.reason, Status{Leader: t.status().Leader, Trouble: tr.reason}, message, attrs...)
}

// writesAlone: leases are forbidden.
func (t *teller) writesAlone(tr trouble) {
	t.say(slog.LevelWarn, "alone", Status{Trouble: tr.reason},
		"no lease: this process writes alone, and a second replica would write beside it", "reason", tr.reason, "hint", tr.hint)
}

// stopped: we led. If another was seen to lead instead, it has been said.
func (t *teller) stopped() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if strings.HasPrefix(t.state, standsBy) {
		return
	}
	reason := t.last.Trouble
	if reason == "" {
		reason = "it was not renewed in time"
	}
	if t.state == leads {
		t.state = ""
	}
	t.log.Warn("lost the lease: stopped writing", "reason", reason)
}

// released: others may lead.
func (t *teller) released() {
	t.forget()
	t.log.Info("gave up the lease")
}

// kept: we have ended without giving the lease up.
func (t *teller) kept() {
	t.forget()
	t.log.Warn("could not give up the lease; others have it when it lapses", "after", lasts)
}

// forget makes the next state new, whatever it is.
func (t *teller) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state, t.told, t.last = "", nil, Status{}
}

// trouble is a failure in words that are the same each time the same happens.
type trouble struct {
	reason string
	hint   string // what a person can do, "" if nothing is known
}

// explain puts an answer of the API server, or its silence, into words.
func (t *teller) explain(verb string, err error) trouble {
	var status apierrors.APIStatus
	answered := errors.As(err, &status)
	switch {
	case apierrors.IsForbidden(err):
		return trouble{
			fmt.Sprintf("may not %s leases in namespace %s: %s", verb, t.namespace, status.Status().Message),
			fmt.Sprintf("add this rule to a Role in namespace %s: "+
				`{apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"]}`, t.namespace),
		}
	case apierrors.IsUnauthorized(err):
		return trouble{
			fmt.Sprintf("the API server at %s does not accept the credentials", t.host),
			"renew the token or certificate of the kubeconfig or the service account",
		}
	case apierrors.IsNotFound(err):
		return trouble{
			fmt.Sprintf("cannot %s leases in namespace %s: %s", verb, t.namespace, status.Status().Message),
			"does the namespace exist? --lease-namespace names another",
		}
	case answered:
		return trouble{reason: fmt.Sprintf("the API server at %s answers to %s leases: %v", t.host, verb, err)}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("nothing heard in %v", patience)
	} else if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = fmt.Errorf("%s: %w", op.Op, op.Err) // without the local port, which differs each time
	} else if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return trouble{
		fmt.Sprintf("the API server at %s does not answer: %v", t.host, err),
		fmt.Sprintf("is %s the address of the API server, and can it be reached from here?", t.host),
	}
}
