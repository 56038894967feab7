package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is a line of the table: a kind of work, and how it is measured.
type row struct {
	name      string
	work      string
	bar       string
	incumbent string // what ExternalDNS v0.22 takes
	measure   func(context.Context, *bench) ([]result, error)
}

// result is what a row has measured, in a line of its own.
type result struct {
	work   string // what was measured of the row's work, "" if all
	figure string // the median, or the only figure
	tail   string // the 99th percentile; "" if there is none
	ratio  float64
}

// ok reports whether the bar holds: ratio is what was measured, in parts of the bar.
func (r result) ok() bool { return r.ratio <= 1 }

func rows() []row {
	return []row{
		{"one", "one new Ingress, 20,000 record sets", "150 ms, 99th 400 ms", "24.3 s", measureOne},
		{"many", "10,000 Ingresses, empty zone", "9 s, 45 calls", "39.5 s, 41 calls", measureMany},
		{"idle", "idle, several zones, two replicas", "10 calls a minute, none throttled", "83 a minute", measureIdle},
		{"surge", "1,000 changes at once, 100,000 record sets", "no list call", "whole zone twice", measureSurge},
		{"memory", "peak memory", "80 MB / 400 MB", "138 / 650 MB", measureMemory},
		{"pods", "peak memory with headless Services", "250 MB, no change", "not measured", measurePods},
		{"cpu", "CPU for one change", "within 2 times of 1,000 record sets", "grows linearly", measureCPU},
		{"bad", "one bad record among 500", "2 calls more", "one call each", measureBad},
		{"kill", "writer killed, until the next change", "20 s / 2 s", "no failover", measureKill},
	}
}

// bench is one run of the program.
type bench struct {
	program string // what is measured
	quick   bool
	verbose bool
	one     map[int]single // by number of record sets, see [bench.single]
}

// size returns a number of things, fewer of them where it shall go quickly.
func (b *bench) size(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}

func main() {
	debug.SetGCPercent(400) // the servers shall take little of the time of what is measured
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{one: map[int]single{}}
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	flag.StringVar(&b.program, "program", "bin/signpost", "the built program to measure")
	flag.BoolVar(&b.quick, "quick", false, "measure at smaller sizes and with fewer samples: a look, no verdict on the bars")
	flag.BoolVar(&b.verbose, "v", false, "show what the program logs")
	chosen := flag.String("rows", strings.Join(names, ","), "the rows to measure")
	check := flag.Bool("check", false, "exit 1 if a bar does not hold")
	flag.Parse()
	if _, err := os.Stat(b.program); err != nil {
		return fmt.Errorf("%w; build it with make build, or name another with -program", err)
	}
	for _, name := range strings.Split(*chosen, ",") {
		if !slices.Contains(names, name) {
			return fmt.Errorf("-rows: there is no row %q; the rows are %s", name, strings.Join(names, ", "))
		}
	}
	failed := 0
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORK\tBAR\tMEASURED\t99TH\tOF THE BAR\tVERDICT\tEXTERNALDNS")
	for _, r := range rows() {
		if !slices.Contains(strings.Split(*chosen, ","), r.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring: %s\n", r.work)
		results, err := r.measure(ctx, b)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), table.Flush())
		}
		if err != nil {
			failed++
			fmt.Fprintf(table, "%s\t%s\tnot measured: %v\t\t\tFAILS\t%s\n", r.work, r.bar, err, r.incumbent)
		}
		for _, m := range results {
			if !m.ok() {
				failed++
			}
			fmt.Fprintln(table, line(r, m))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if *check && failed > 0 {
		return fmt.Errorf("%d lines do not hold", failed)
	}
	return nil
}

func line(r row, m result) string {
	work, verdict := r.work, "holds"
	if m.work != "" {
		work += ": " + m.work
	}
	if !m.ok() {
		verdict = "FAILS"
	}
	return strings.Join([]string{work, r.bar, m.figure, m.tail, fmt.Sprintf("%.2f", m.ratio), verdict, r.incumbent}, "\t")
}
