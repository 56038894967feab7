package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPacingIsUsualWhereNothingIsAsked(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct{ give, want Pacing }{
		{Pacing{}, Pacing{Window: Window{20 * ms, 200 * ms}, ZoneList: 4 * time.Minute}},
		{Pacing{Window: Window{Idle: time.Second}}, Pacing{Window: Window{time.Second, time.Second}, ZoneList: 4 * time.Minute}},
		{Pacing{Window: Window{1, 1}, ZoneList: 1}, Pacing{Window: Window{1, 1}, ZoneList: time.Minute}},
		{Pacing{ZoneList: time.Hour, Apart: 1}, Pacing{Window: Window{20 * ms, 200 * ms}, ZoneList: time.Hour, Apart: 1}},
	} {
		if diff := cmp.Diff(tt.want, tt.give.complete()); diff != "" {
			t.Errorf("%+v: -want +got:\n%s", tt.give, diff)
		}
	}
}
