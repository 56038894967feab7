package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
)

// ExternalDNS's pace holds where it is asked for, by flag or by variable, and
// else ours.
func TestPacing(t *testing.T) {
	tests := []struct {
		args  string
		vars  map[string]string
		want  func(*controller.Pacing)
		batch dns.BatchSize
	}{
		{args: "", want: func(*controller.Pacing) {}},
		{args: "--events", want: func(*controller.Pacing) {}},
		{args: "--interval=5m --events", want: func(p *controller.Pacing) { p.Rotation = time.Minute }},
		{args: "--interval=0", want: func(p *controller.Pacing) { p.Rotation = time.Second }},
		{args: "--interval=10s", want: func(p *controller.Pacing) { p.Rotation = 10 * time.Second }},
		{args: "--no-events", want: func(p *controller.Pacing) { p.Gather = time.Minute }},
		{args: "--events=false --interval=90s", want: func(p *controller.Pacing) { p.Gather, p.Rotation = 90*time.Second, time.Minute }},
		{vars: map[string]string{"EXTERNAL_DNS_EVENTS": "false", "EXTERNAL_DNS_INTERVAL": "90s"},
			want: func(p *controller.Pacing) { p.Gather, p.Rotation = 90*time.Second, time.Minute }},
		{args: "--min-event-sync-interval=5s", want: func(p *controller.Pacing) { p.Apart = 5 * time.Second }},
		{args: "--aws-batch-change-interval=1s", want: func(p *controller.Pacing) { p.Pause = time.Second }},
		{args: "--aws-api-retries=3", want: func(p *controller.Pacing) { p.Tries = 3 }},
		{args: "--aws-api-retries=0", want: func(*controller.Pacing) {}},
		{args: "--aws-zones-cache-duration=1h", want: func(p *controller.Pacing) { p.ZoneList = time.Hour }},
		{args: "--aws-zones-cache-duration=0s", want: func(p *controller.Pacing) { p.ZoneList = 1 }},
		{args: "--batch-window=0 --batch-window-cap=0", want: func(p *controller.Pacing) { p.Window = controller.Window{Idle: 1, Cap: 1} }},
		{vars: map[string]string{"SIGNPOST_BATCH_WINDOW": "1s", "SIGNPOST_BATCH_WINDOW_CAP": "5s"},
			want: func(p *controller.Pacing) { p.Window = controller.Window{Idle: time.Second, Cap: 5 * time.Second} }},
		{args: "--txt-cache-interval=1h --provider-cache-time=1h", want: func(*controller.Pacing) {}},
		{args: "--aws-batch-change-size=4000 --aws-batch-change-size-bytes=1000 --aws-batch-change-size-values=10",
			want: func(*controller.Pacing) {}, batch: dns.BatchSize{Changes: 4000, Chars: 1000, Values: 10}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			_, got, warnings, err := settingsOf("--source=service --provider=aws "+tt.args, tt.vars)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("error %v (hint: %s), warnings %q", err, hintOf(err), warnings)
			}
			want := controller.Pacing{Window: controller.Window{Idle: 20 * time.Millisecond, Cap: 200 * time.Millisecond}}
			tt.want(&want)
			if diff := cmp.Diff(want, got.Pacing); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.batch, got.Batch); diff != "" {
				t.Errorf("batch: -want +got:\n%s", diff)
			}
		})
	}
}

func TestPacingRefuses(t *testing.T) {
	const sizes = "leave it out for Route 53's own limits"
	tests := []struct{ args, message, hint string }{
		{"--interval=-1m", "--interval: -1m0s is less than nothing", "write a time such as 1m"},
		{"--min-event-sync-interval=-5s", "--min-event-sync-interval: -5s is less than nothing", "write a time such as 1m"},
		{"--batch-window=1s", "--batch-window-cap=200ms is less than --batch-window=1s", "raise the cap or lower the window"},
		{"--aws-api-retries=-1", "--aws-api-retries: -1 is less than nothing", "write 0 for as often as it takes"},
		{"--aws-batch-change-size=0", "--aws-batch-change-size: a batch of at most 0 holds nothing", sizes},
		{"--aws-batch-change-size-values=-1", "--aws-batch-change-size-values: a batch of at most -1 holds nothing", sizes},
		{"--kube-api-qps=0", "--kube-api-qps: 0 is no limit that lets anything through", "leave it out for no limit"},
		{"--kube-api-burst=-1", "--kube-api-burst: -1 is no limit that lets anything through", "leave it out for no limit"},
		{"--request-timeout=-1s", "--kube-api-request-timeout: -1s is less than nothing", "write 0 for no limit"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			_, err := judge(append(strings.Fields("--source=service --provider=aws"), tt.args), nil)
			wantError(t, err, tt.message, tt.hint)
		})
	}
}
