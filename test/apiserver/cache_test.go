package apiserver_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/test/apiserver"
)

// events is what a cache told of Services.
type events struct {
	mu   sync.Mutex
	told []string
}

func (e *events) note(what string, o any) {
	if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, what+" "+o.(client.Object).GetName())
}

func (e *events) take() []string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	told := e.told
	e.told = nil
	slices.Sort(told)
	return told
}

// inCache runs controller-runtime's cache of Services on a server in virtual time.
func inCache(t *testing.T, o apiserver.Options, play func(s *apiserver.Server, c cache.Cache, told *events)) {
	synctest.Test(t, func(t *testing.T) {
		s := apiserver.New(o)
		must(t, s.Create(service("a")))
		must(t, s.Create(service("b")))
		mapper := meta.NewDefaultRESTMapper(nil)
		mapper.Add(corev1.SchemeGroupVersion.WithKind("Service"), meta.RESTScopeNamespace)
		mapper.Add(networkingv1.SchemeGroupVersion.WithKind("Ingress"), meta.RESTScopeNamespace)
		c, err := cache.New(s.Config(), cache.Options{Scheme: scheme.Scheme, Mapper: mapper,
			HTTPClient: &http.Client{Transport: s.RoundTripper()},
			// The handler that is used without this one keeps the time of the last error for the whole process, and sleeps until
			// then in a bubble, whose time is another.
			DefaultWatchErrorHandler: func(context.Context, *toolscache.Reflector, error) {}})
		must(t, err)
		informer, err := c.GetInformer(t.Context(), service(""), cache.BlockUntilSynced(false))
		must(t, err)
		told := &events{}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: func(o any) { told.note("add", o) },
			UpdateFunc: func(before, now any) {
				if before.(client.Object).GetResourceVersion() != now.(client.Object).GetResourceVersion() {
					told.note("update", now)
				}
			},
			DeleteFunc: func(o any) { told.note("delete", o) },
		})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Start(ctx) }()
		if !c.WaitForCacheSync(ctx) {
			t.Error("the cache does not sync")
		}
		play(s, c, told)
		cancel()
		must(t, <-done)
	})
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func bothWays(t *testing.T, play func(t *testing.T, s *apiserver.Server, told *events)) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("streaming=%t", !plain), func(t *testing.T) {
			inCache(t, apiserver.Options{NoStreamingLists: plain}, func(s *apiserver.Server, _ cache.Cache, told *events) {
				want(t, told.take(), "add a", "add b")
				play(t, s, told)
			})
		})
	}
}

func TestCacheFollows(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiserver.Server, told *events) {
		must(t, s.Patch(service("a"), `{"spec": {"externalIPs": ["192.0.2.1"]}}`))
		must(t, s.Delete(service("b")))
		must(t, s.Create(service("c")))
		want(t, told.take(), "add c", "delete b", "update a")
		asked := len(s.Requests())
		time.Sleep(24 * time.Hour)
		want(t, told.take()) // watches end and begin again, and nothing is told twice
		for _, r := range s.Requests()[asked:] {
			if r.Verb != "watch" {
				t.Errorf("in quiet times: %v", r)
			}
		}
		if again := len(s.Requests()) - asked; again < 24*60/10 || again > 24*60/5 {
			t.Errorf("%d watches in a day; a watch lasts 5 to 10 minutes", again)
		}
		must(t, s.Delete(service("c")))
		want(t, told.take(), "delete c")
	})
}

func TestCacheMeetsFaults(t *testing.T) {
	for _, fault := range []struct {
		name  string
		begin func(*apiserver.Server)
		end   func(*apiserver.Server)
		blind bool // nothing is seen meanwhile
	}{
		{"watches dropped", func(s *apiserver.Server) { s.DropWatches("services") }, func(*apiserver.Server) {}, false},
		{"history forgotten", func(s *apiserver.Server) { s.Expire("") }, func(*apiserver.Server) {}, false},
		{"connections refused", func(s *apiserver.Server) { s.SetState(apiserver.Refusing) }, func(s *apiserver.Server) { s.SetState(apiserver.Up) }, true},
		{"unavailable", func(s *apiserver.Server) { s.SetState(apiserver.Unavailable) }, func(s *apiserver.Server) { s.SetState(apiserver.Up) }, true},
		{"silent", func(s *apiserver.Server) { s.SetState(apiserver.Silent) }, func(s *apiserver.Server) { s.SetState(apiserver.Up) }, true},
		{"silent, and its history forgotten", func(s *apiserver.Server) { s.SetState(apiserver.Silent); s.Expire("") },
			func(s *apiserver.Server) { s.SetState(apiserver.Up) }, true},
		{"denied", func(s *apiserver.Server) {
			s.Deny("", "services")
			s.DropWatches("")
		}, func(s *apiserver.Server) { s.Allow("", "services") }, true},
		{"slow", func(s *apiserver.Server) { s.SetLatency(10 * time.Second); s.DropWatches("") }, func(*apiserver.Server) {}, false},
		{"overloaded", func(s *apiserver.Server) {
			s.Inject(apiserver.Fault{Verb: "watch", Code: http.StatusTooManyRequests, Times: 3}, apiserver.Fault{Resource: "services", Cut: true})
			s.DropWatches("")
		}, func(*apiserver.Server) {}, false},
	} {
		t.Run(fault.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, s *apiserver.Server, told *events) {
				fault.begin(s)
				must(t, s.Delete(service("b")))
				must(t, s.Create(service("c")))
				time.Sleep(5 * time.Minute)
				if fault.blind {
					want(t, told.take())
				}
				fault.end(s)
				time.Sleep(5 * time.Minute)
				want(t, told.take(), "add c", "delete b")
			})
		})
	}
}

func TestCacheMeetsAnEmptyRelist(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiserver.Server, told *events) {
		s.Hide("services")
		time.Sleep(time.Minute)
		want(t, told.take(), "delete a", "delete b")
		if s.Count("services") != 2 {
			t.Error("what is hidden is gone")
		}
		s.Show("services")
		time.Sleep(time.Minute)
		want(t, told.take(), "add a", "add b")
	})
}

// TestWatchShowsEveryWrite holds the history to its promise while it is short and the reader is slow.
func TestWatchShowsEveryWrite(t *testing.T) {
	inCache(t, apiserver.Options{History: 1}, func(s *apiserver.Server, _ cache.Cache, told *events) {
		told.take()
		var all []string
		for i := range 300 {
			name := fmt.Sprintf("s%03d", i)
			must(t, s.Create(service(name)))
			all = append(all, "add "+name)
		}
		want(t, told.take(), all...)
	})
}
