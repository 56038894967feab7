package emulator

import (
	"slices"
	"time"
)

// keptCalls bounds the memory of a server that runs for long.
const keptCalls = 10_000

// Call is one call of the API, as the server saw it.
type Call struct {
	Time        time.Time // when it came
	Action      string    // such as ListResourceRecordSets; "" if it was no operation of the API
	Zone        string    // id of the hosted zone it was about, if any
	AccessKeyID string
	Changes     []ChangeSummary // of ChangeResourceRecordSets, in their order
	Status      int             // HTTP; 0 if the connection was cut
	Code        string          // of the error, if any
	Message     string
	Cut         bool // no answer was sent
	Applied     bool // it did its work, whatever was answered
}

// Calls are the calls so far, in the order in which they ended; of very many at least the last 10,000.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ResetCalls forgets all calls.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

func (s *Server) log(c Call) {
	s.mu.Lock()
	if len(s.calls) >= 2*keptCalls {
		s.calls = slices.Clone(s.calls[keptCalls:])
	}
	s.calls = append(s.calls, c)
	s.mu.Unlock()
	if s.cfg.Log != nil {
		s.cfg.Log.Info("call", "action", c.Action, "zone", c.Zone, "status", c.Status, "code", c.Code, "changes", len(c.Changes))
	}
}
