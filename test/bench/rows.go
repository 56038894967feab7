package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"
)

// single is what changes one at a time took in a zone of some size.
type single struct {
	latencies []time.Duration // sorted
	cpu       time.Duration   // of one change, without what the program needs when nothing changes
}

// single creates Ingresses, one a second, in a zone of so many record sets that are as they are wanted.
func (b *bench) single(ctx context.Context, sets int) (out single, err error) {
	if have, ok := b.one[sets]; ok {
		return have, nil
	}
	w, err := b.newWorld(1, "")
	defer func() { err = errors.Join(err, w.end()) }()
	if err != nil {
		return out, err
	}
	if err := errors.Join(w.fill(0, sets/2), w.objects(0, sets/2)); err != nil {
		return out, err
	}
	p, err := w.start()
	if err != nil {
		return out, err
	}
	if err := w.read(ctx); err != nil {
		return out, err
	}
	samples := b.size(100, 10)
	if err := w.quiet(ctx, p); err != nil {
		return out, err
	}
	idle, err := p.during(func() error { return pause(ctx, time.Duration(samples)*time.Second) })
	if err != nil {
		return out, err
	}
	busy, err := p.during(func() error {
		for i := range samples {
			w.reset()
			begin := time.Now()
			host := w.host(0, sets+i)
			if err := w.api.Create(ingress(host, address(i))); err != nil {
				return err
			}
			took, err := w.took(ctx, begin, host)
			if err != nil {
				return err
			}
			out.latencies = append(out.latencies, took)
			if err := pause(ctx, time.Second-time.Since(begin)); err != nil {
				return err
			}
		}
		return nil
	})
	slices.Sort(out.latencies)
	out.cpu = (busy - idle) / time.Duration(samples)
	b.one[sets] = out
	return out, err
}

func measureOne(ctx context.Context, b *bench) ([]result, error) {
	one, err := b.single(ctx, b.size(20_000, 2_000))
	if err != nil {
		return nil, err
	}
	n := len(one.latencies)
	median, tail := one.latencies[n/2], one.latencies[min(n-1, n*99/100)]
	return []result{{
		figure: millis(median), tail: millis(tail),
		ratio: max(parts(median, 150*time.Millisecond), parts(tail, 400*time.Millisecond)),
	}}, nil
}

func measureCPU(ctx context.Context, b *bench) ([]result, error) {
	var out []result
	var least time.Duration
	for _, sets := range []int{1_000, 20_000, b.size(200_000, 20_000)} {
		one, err := b.single(ctx, sets)
		if err != nil {
			return out, err
		}
		if one.cpu <= 0 {
			return out, fmt.Errorf("measure the CPU time of a change at %d record sets: it was less than that of idling; run this again when the machine is quiet", sets)
		}
		if least == 0 {
			least = one.cpu
		}
		r := result{work: fmt.Sprintf("%d record sets", sets), figure: fmt.Sprintf("%.2f ms", one.cpu.Seconds()*1000),
			ratio: parts(one.cpu, 2*least)}
		if !slices.ContainsFunc(out, func(o result) bool { return o.work == r.work }) {
			out = append(out, r)
		}
	}
	return out, nil
}

// measureMany creates Ingresses as fast as the API server takes them, while the program looks on.
func measureMany(ctx context.Context, b *bench) (out []result, err error) {
	w, err := b.newWorld(1, "")
	defer func() { err = errors.Join(err, w.end()) }()
	if err != nil {
		return nil, err
	}
	if _, err := w.start(); err != nil {
		return nil, err
	}
	if err := w.read(ctx); err != nil {
		return nil, err
	}
	n := b.size(10_000, 1_000)
	w.reset()
	begin := time.Now()
	if err := w.objects(0, n); err != nil {
		return nil, err
	}
	took, err := w.took(ctx, begin, w.hosts(n)...)
	calls, _ := w.count("")
	return []result{{figure: fmt.Sprintf("%.1f s, %d calls", took.Seconds(), calls), ratio: max(parts(took, 9*time.Second), float64(calls)/45)}}, err
}

func (w *world) hosts(n int) []string {
	var hosts []string
	for i := range n {
		hosts = append(hosts, w.host(0, i))
	}
	return hosts
}

// measureIdle counts the calls of two replicas with nothing to do.
func measureIdle(ctx context.Context, b *bench) (out []result, err error) {
	const zones = 5
	w, err := b.newWorld(zones, "")
	defer func() { err = errors.Join(err, w.end()) }()
	if err != nil {
		return nil, err
	}
	sets := b.size(20_000, 1_000)
	for i := range zones {
		if err := errors.Join(w.fill(i, sets/2), w.objects(i, sets/2)); err != nil {
			return nil, err
		}
	}
	for range 2 {
		if _, err := w.start(replicas...); err != nil {
			return nil, err
		}
	}
	if err := w.read(ctx); err != nil {
		return nil, err
	}
	minutes := b.size(3, 1)
	w.reset()
	if err := pause(ctx, time.Duration(minutes)*time.Minute); err != nil {
		return nil, err
	}
	calls, throttled := w.count("")
	each := float64(calls) / float64(minutes)
	return []result{{
		work:   fmt.Sprintf("%d zones of %d record sets", zones, sets),
		figure: fmt.Sprintf("%.1f a minute, %d throttled", each, throttled), ratio: each/10 + 10*float64(throttled),
	}}, nil
}

// replicas are the flags of replicas.
var replicas = []string{"--lease-name=signpost", "--lease-namespace=default"}

// measureSurge changes many record sets at once. The audit reads a page now and then whatever happens: the changes come
// right behind such a page, and are done before the next.
func measureSurge(ctx context.Context, b *bench) (out []result, err error) {
	w, err := b.newWorld(1, "")
	defer func() { err = errors.Join(err, w.end()) }()
	if err != nil {
		return nil, err
	}
	sets, n := b.size(100_000, 4_000), b.size(1_000, 200)
	if err := errors.Join(w.fill(0, sets/2), w.objects(0, sets/2)); err != nil {
		return nil, err
	}
	if _, err := w.start(); err != nil {
		return nil, err
	}
	if err := w.read(ctx); err != nil {
		return nil, err
	}
	w.reset()
	seen := func() bool { n, _ := w.count(""); return n > 0 }
	if err := w.await(ctx, "a call of the audit", 2*time.Minute, seen); err != nil {
		return nil, err
	}
	w.reset()
	begin := time.Now()
	for i := range n {
		if err := w.api.Update(ingress(w.host(0, i), address(i+1<<20))); err != nil {
			return nil, err
		}
	}
	took, err := w.took(ctx, begin, w.hosts(n)...)
	lists, _ := w.count(listAction)
	batches, _ := w.count(changeAction)
	return []result{{figure: fmt.Sprintf("%d list calls, %d batches, %.1f s", lists, batches, took.Seconds()), ratio: 2 * float64(lists)}}, err
}

// measureMemory runs the program from an empty zone until it holds all, and for a while after that.
func measureMemory(ctx context.Context, b *bench) ([]result, error) {
	var out []result
	for _, at := range []struct {
		objects int
		bar     int64
	}{{b.size(10_000, 1_000), 80e6}, {b.size(100_000, 10_000), int64(b.size(400e6, 80e6))}} {
		peak, err := b.memory(ctx, at.objects)
		if err != nil {
			return out, err
		}
		out = append(out, result{work: fmt.Sprintf("%d Ingresses", at.objects), figure: fmt.Sprintf("%.0f MB", float64(peak)/1e6),
			ratio: float64(peak) / float64(at.bar)})
	}
	return out, nil
}

func (b *bench) memory(ctx context.Context, objects int) (peak int64, err error) {
	w, err := b.newWorld(1, "")
	defer func() { err = errors.Join(err, w.end()) }()
	if err != nil {
		return 0, err
	}
	if err := w.objects(0, objects); err != nil {
		return 0, err
	}
	p, err := w.start()
	if err != nil {
		return 0, err
	}
	err = w.await(ctx, "all record sets", 10*time.Minute, func() bool { return w.changes() >= 2*objects })
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, 10*time.Second); err != nil {
		return 0, err
	}
	return p.peak()
}

// changes returns how many changes have been accepted.
func (w *world) changes() (n int) {
	for _, c := range w.aws.Calls() {
		if c.Status == http.StatusOK {
			n += len(c.Changes)
		}
	}
	return n
}

// measureBad creates Ingresses of which Route 53 refuses one, and others of which it refuses none.
func measureBad(ctx context.Context, b *bench) ([]result, error) {
	good, err := b.calls(ctx, -1)
	if err != nil {
		return nil, err
	}
	bad, err := b.calls(ctx, 250)
	if err != nil {
		return nil, err
	}
	return []result{{figure: fmt.Sprintf("%d calls more", bad-good), ratio: float64(bad-good) / 2}}, nil
}

// calls returns how many calls it takes until all of 500 Ingresses are done but the bad one.
func (b *bench) calls(ctx context.Context, bad int) (n int, err error) {
	value := ""
	if bad >= 0 {
		value = address(bad)
	}
	w, err := b.newWorld(1, value)
	defer func() { err = errors.Join(err, w.end()) }()
	if err != nil {
		return 0, err
	}
	if _, err := w.start(); err != nil {
		return 0, err
	}
	if err := w.read(ctx); err != nil {
		return 0, err
	}
	w.reset()
	begin := time.Now()
	if err := w.objects(0, 500); err != nil {
		return 0, err
	}
	hosts := w.hosts(500)
	if bad >= 0 {
		hosts = slices.Delete(hosts, bad, bad+1)
	}
	_, err = w.took(ctx, begin, hosts...)
	n, _ = w.count("")
	return n, err
}

// measureKill ends the replica that writes, and creates an Ingress at once.
func measureKill(ctx context.Context, b *bench) ([]result, error) {
	var out []result
	for _, end := range []struct {
		signal os.Signal
		bar    time.Duration
	}{{syscall.SIGKILL, 20 * time.Second}, {syscall.SIGTERM, 2 * time.Second}} {
		var all []time.Duration
		for range b.size(5, 1) {
			took, err := b.handover(ctx, end.signal)
			if err != nil {
				return out, err
			}
			all = append(all, took)
		}
		slices.Sort(all)
		name := map[os.Signal]string{syscall.SIGKILL: "SIGKILL", syscall.SIGTERM: "SIGTERM"}[end.signal]
		out = append(out, result{work: name, figure: fmt.Sprintf("%.1f s", all[len(all)/2].Seconds()),
			tail: fmt.Sprintf("%.1f s at most", all[len(all)-1].Seconds()), ratio: parts(all[len(all)-1], end.bar)})
	}
	return out, nil
}

func (b *bench) handover(ctx context.Context, signal os.Signal) (took time.Duration, err error) {
	w, err := b.newWorld(1, "")
	defer func() { err = errors.Join(err, w.end()) }()
	if err != nil {
		return 0, err
	}
	const n = 500
	if err := errors.Join(w.fill(0, n), w.objects(0, n)); err != nil {
		return 0, err
	}
	first, err := w.start(replicas...)
	if err != nil {
		return 0, err
	}
	if err := w.read(ctx); err != nil {
		return 0, err
	}
	if _, err := w.start(replicas...); err != nil {
		return 0, err
	}
	if err := pause(ctx, 5*time.Second); err != nil { // the other has its objects by then
		return 0, err
	}
	w.reset()
	if err := w.stop(first, signal); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := w.api.Create(ingress(w.host(0, n), address(n))); err != nil {
		return 0, err
	}
	took, err = w.took(ctx, begin, w.host(0, n))
	first.kill()
	return took, err
}

func parts(took, bar time.Duration) float64 { return float64(took) / float64(bar) }

func millis(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
