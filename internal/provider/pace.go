package provider

import "context"

// Pace is asked before each request that a provider sends to its service, with
// the zone's ID ("" for none). It returns when the request may go, the context
// to send it with, and what to call with the request's error when it has ended.
// Its own error means that the request must not be sent.
type Pace func(ctx context.Context, zone string) (request context.Context, done func(error), err error)

// paceKey is the key under which a context carries a [Pace].
type paceKey struct{}

// WithPace returns a context whose calls keep to a pace. It travels in the
// context because one call of the interface may take several requests, and all
// of them count.
func WithPace(ctx context.Context, pace Pace) context.Context {
	return context.WithValue(ctx, paceKey{}, pace)
}

// Begin asks the pace that ctx carries. Every implementation calls it before
// each request; without a pace the request may go at once.
//
//	ctx, done, err := provider.Begin(ctx, zone.ID)
//	if err != nil {
//		return err
//	}
//	out, err := client.List(ctx, in)
//	err = classify(err)
//	done(err)
func Begin(ctx context.Context, zone string) (request context.Context, done func(error), err error) {
	if pace, ok := ctx.Value(paceKey{}).(Pace); ok {
		return pace(ctx, zone)
	}
	return ctx, func(error) {}, nil
}
