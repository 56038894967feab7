package expose_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
)

// A node's heartbeat, and endpoints where nobody asks for them, cost no call; what matters is followed at once.
func TestHeartbeatsCostNothing(t *testing.T) {
	bubble(t, 3, func(f *farm) {
		ctx, stop := context.WithCancel(f.Context())
		ran := make(chan error)
		go func() { ran <- f.Controller.Run(ctx) }()
		f.create(udp("udp", 6315))
		time.Sleep(time.Minute)
		f.nodesOf("udp", "n1 n2")
		f.srv.ResetCalls()
		for range 60 {
			f.node("n1", func(n *corev1.Node) { n.Status.Conditions[0].LastHeartbeatTime = metav1.Now() })
			f.endpoints("udp", "n1")
			time.Sleep(time.Second)
		}
		if calls := f.srv.Calls(); len(calls) > 0 {
			t.Errorf("%d calls for heartbeats", len(calls))
		}
		f.node("n1", notReady)
		time.Sleep(time.Second)
		f.nodesOf("udp", "n2 n3")
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

// What may not be read is told: all waits for it.
func TestDeniedReadingIsTold(t *testing.T) {
	bubble(t, 1, func(f *farm) {
		f.client.PrependReactor("list", "nodes", func(k8stesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(corev1.Resource("nodes"), "", errors.New("no rule allows it"))
		})
		ctx, stop := context.WithCancel(f.Context())
		ran := make(chan error)
		go func() { ran <- f.Controller.Run(ctx) }()
		time.Sleep(time.Minute)
		stop()
		<-ran
		if n := strings.Count(f.log.String(), "nodes is forbidden"); n != 1 {
			t.Errorf("told %d times:\n%s", n, f.log.String())
		}
	})
}
