package emulator

import (
	"net/http"
	"slices"
	"time"
)

// Fault is trouble for some of the next calls. Of Cut, Code and Messages at most one says how a call fails; with none
// of them it is only slow.
type Fault struct {
	Action string // which calls it hits, such as ChangeResourceRecordSets; "" is all
	Zone   string // in which hosted zone; "" is all, also calls that concern none
	Times  int    // how many of them; 0 is one, below 0 all until ClearFaults

	Latency  time.Duration // on top of Config.Latency
	Code     string        // Throttling, PriorRequestNotComplete, ServiceUnavailable (503), InternalFailure (500), or any other (400)
	Message  string        // with Code; Throttling and PriorRequestNotComplete have their own
	Messages []string      // of an InvalidChangeBatch
	Cut      bool          // the connection ends without an answer
	After    bool          // the trouble, delay included, comes after the call has done its work, not before
}

// Inject adds faults. Each call is hit by at most one, the oldest that matches.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.Zone = bareID(f.Zone)
		f.Times = max(f.Times, -1)
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, &f)
	}
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Faults are those that still wait for calls.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		all[i] = *f
	}
	return all
}

func (f *Fault) error() *Error {
	switch {
	case f.Messages != nil:
		return invalidBatch(f.Messages...)
	case f.Code == "Throttling":
		return throttling()
	case f.Code == "PriorRequestNotComplete":
		return priorRequest()
	case f.Code == "ServiceUnavailable":
		return refuse(http.StatusServiceUnavailable, f.Code, "%s", f.Message)
	case f.Code == "InternalFailure" || f.Code == "InternalError":
		return refuse(http.StatusInternalServerError, f.Code, "%s", f.Message)
	case f.Code == "AccessDenied":
		return refuse(http.StatusForbidden, f.Code, "%s", f.Message)
	case f.Code != "":
		return refuse(http.StatusBadRequest, f.Code, "%s", f.Message)
	}
	return nil
}

// fate is what will happen to a call.
type fate struct {
	err     *Error
	cut     bool
	after   bool
	latency time.Duration
	holds   bool // its zone is busy with it
}

// admit decides the fate of a call: a fault, throttling, a zone that is busy, or none of these.
func (s *Server) admit(q *request) fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.service == serviceDNS && !s.allowed() {
		return fate{err: throttling()}
	}
	var f fate
	for i, fault := range s.faults {
		if fault.Action != "" && fault.Action != q.action || fault.Zone != "" && fault.Zone != q.zone() {
			continue
		}
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		f = fate{err: fault.error(), cut: fault.Cut, after: fault.After, latency: fault.Latency}
		break
	}
	if z := s.zones[q.id]; q.action == "ChangeResourceRecordSets" && z != nil && (f.err == nil && !f.cut || f.after) {
		if z.busy {
			return fate{err: priorRequest()}
		}
		z.busy, f.holds = true, true
	}
	return f
}

// done ends what admit began.
func (s *Server) done(q *request, f fate) {
	if !f.holds {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if z := s.zones[q.id]; z != nil {
		z.busy = false
	}
}

// allowed takes a token from the account's bucket; s.mu is held.
func (s *Server) allowed() bool {
	if s.cfg.Rate <= 0 {
		return true
	}
	now := time.Now()
	burst := max(s.cfg.Rate, 1)
	s.tokens = min(burst, s.tokens+now.Sub(s.refilled).Seconds()*s.cfg.Rate)
	s.refilled = now
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}
