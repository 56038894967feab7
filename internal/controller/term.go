package controller

import (
	"context"
	"time"

	"github.com/signpost-dns/signpost/internal/lease"
)

// term is a time in which this replica writes. The zero term is that of one
// that stands by.
type term struct {
	ctx  context.Context // ends when another may write soon, or the process ends
	over chan struct{}   // closed when nothing is under way any more
}

func (t term) leads() bool { return t.ctx != nil }

// lost is done when the term's context is; standing by it never is.
func (t term) lost() <-chan struct{} {
	if !t.leads() {
		return nil
	}
	return t.ctx.Done()
}

// end says that nothing of the term is under way any more.
func (t term) end() {
	if t.leads() {
		close(t.over)
	}
}

// contend contends for the lease until ctx ends. It sends each term as it
// begins; ended gives the error of the lease and is closed when it is given up.
func (c *Controller) contend(ctx context.Context) (terms <-chan term, ended <-chan error) {
	begun, done := make(chan term), make(chan error, 1)
	go func() {
		defer close(done)
		err := c.Lease.Run(ctx, func(lead context.Context) error {
			t := term{lead, make(chan struct{})}
			select {
			case begun <- t:
				<-t.over
			case <-lead.Done():
			}
			return nil
		})
		if err != nil {
			done <- err
		}
	}()
	return begun, done
}

// shortestWrite is how long the lease must last for a write to begin.
const shortestWrite = 4 * time.Second

// mayWrite asks the lease how long a write may last that begins now.
func mayWrite(l lease.Lease) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		if err := l.Check(shortestWrite); err != nil {
			return 0, err
		}
		return shortestWrite + lease.Slack, nil
	}
}
