package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/apiserver"
)

// namespaces are those of the objects.
var namespaces = []string{"shop", "blog", "team-a"}

// world is all that a run has to do with. Its driver is one goroutine; everything random that it does comes from the seed.
type world struct {
	t         *testing.T
	seed      uint64
	mutant    mutant
	rng       *rand.Rand // the driver's
	began     time.Time
	size      int // roughly how many objects
	hosts     []string
	contended bool // there is a Lease
	names     []string

	api     *apiserver.Server
	cloud   *emulator.Server
	zones   []*zone
	objects map[string]*object // by resource
	nodes   map[string]string  // address by name
	farm    *farm              // nil: Services are not exposed
	agenda  []appointment
	ends    map[string]func() // of episodes that last
	runs    int               // processes started
	looking bool              // people will look at what is held
	slow    atomic.Int64      // seconds that a call may take
	strays  sync.WaitGroup    // requests for which nobody waits

	// mu is held while a zone changes, so that a call is judged by what it did.
	mu           sync.Mutex
	calls        int
	writes       int
	replicas     map[string]*process
	writer       string // who wrote last
	alone        time.Time
	spells       []*spell
	wantedSince  map[wantedKey]time.Time
	askers       map[place][]*asker
	unknownSince map[string]time.Time
	approved     map[string]bool // IDs
	exempt       map[departed]bool

	book   sync.Mutex
	counts map[string]int
	lines  []string
	broken string

	noises sync.Mutex
	noisy  *rand.Rand // of goroutines other than the driver
}

// appointment is what the driver will do.
type appointment struct {
	at time.Time
	do func()
}

// newWorld makes a world out of its seed.
func newWorld(t *testing.T, seed uint64, m mutant) *world {
	w := &world{t: t, seed: seed, mutant: m, rng: rand.New(rand.NewPCG(seed, 1)), noisy: rand.New(rand.NewPCG(seed, 2)), began: time.Now(),
		objects: map[string]*object{}, ends: map[string]func(){}, replicas: map[string]*process{}, wantedSince: map[wantedKey]time.Time{},
		askers:       map[place][]*asker{},
		unknownSince: map[string]time.Time{}, approved: map[string]bool{}, exempt: map[departed]bool{}, counts: map[string]int{}}
	w.api = apiserver.New(apiserver.Options{NoStreamingLists: w.chance(0.3)})
	w.must(w.api.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "dns"}}))
	config := emulator.Config{MessageList: w.chance(0.5), EC2Delay: 3 * time.Second}
	if w.chance(0.5) {
		config.Rate = 5
	}
	w.cloud = emulator.New(config)
	w.farm = newFarm(w)
	w.addNodes()
	w.addZones()
	w.size = pick(w, []int{4, 12, 12, 30})
	w.nameHosts()
	w.names, w.contended = []string{"a"}, w.chance(0.4) || m.twice
	if w.contended && w.chance(0.6) || m.twice {
		w.names = []string{"a", "b"}
	}
	return w
}

func (w *world) addZones() {
	add := func(apex string, private bool) {
		options := []emulator.ZoneOption{emulator.WithID(fmt.Sprintf("Z%dSIM", len(w.zones)+1))}
		if private {
			options = append(options, emulator.Private("eu-west-1", "vpc-1"))
		}
		id, err := w.cloud.AddZone(apex, options...)
		w.must(err)
		z := &zone{id: id, apex: apex + ".", private: private}
		z.set(read(w.cloud.RecordSets(id)))
		w.zones = append(w.zones, z)
	}
	add("example.com", false)
	if w.chance(0.5) {
		add("sub.example.com", false)
	}
	if w.chance(0.3) {
		add("example.com", true)
	}
}

// nameHosts chooses the hosts that objects may ask for: some that belong together in odd ways, and many plain ones.
func (w *world) nameHosts() {
	w.hosts = []string{"example.com", "*.example.com", "www.example.com", "a-www.example.com", "sub.example.com", "www.sub.example.com",
		"*.sub.example.com", "deep.er.example.com", "elsewhere.example.net"}
	for i := range w.size {
		domain := "example.com"
		if i%4 == 3 {
			domain = "sub.example.com"
		}
		w.hosts = append(w.hosts, fmt.Sprintf("host-%02d.%s", i, domain))
	}
}

// run lets a time pass in which things happen, then lets everything heal, and returns what is wrong, "" if nothing is.
func (w *world) run(lasts time.Duration) string {
	for range w.size {
		w.apply(w.randomObject())
	}
	for _, name := range w.names {
		w.begin(name)
	}
	end := time.Now().Add(lasts)
	for time.Now().Before(end) && w.verdict() == "" {
		w.pass(w.pause())
		w.tend()
		w.happen()
		if w.farm != nil {
			w.farm.happen()
		}
	}
	if w.verdict() == "" {
		w.heal()
		w.settle()
	}
	for _, p := range w.living() {
		p.stop()
	}
	for _, p := range w.replicas {
		if p != nil {
			<-p.done
		}
	}
	w.strays.Wait()
	return w.verdict()
}

// pause is how long nothing happens: mostly minutes, sometimes no time at all.
func (w *world) pause() time.Duration {
	if w.chance(0.4) {
		return time.Duration(w.between(0, 5000)) * time.Millisecond
	}
	return time.Duration(w.rng.ExpFloat64() * float64(4*time.Minute))
}

// pass lets time pass, and keeps the appointments in it.
func (w *world) pass(d time.Duration) {
	until := time.Now().Add(d)
	for w.verdict() == "" {
		i := -1
		for j, a := range w.agenda {
			if !a.at.After(until) && (i < 0 || a.at.Before(w.agenda[i].at)) {
				i = j
			}
		}
		if i < 0 {
			break
		}
		next := w.agenda[i]
		w.agenda = slices.Delete(w.agenda, i, i+1)
		time.Sleep(time.Until(next.at))
		next.do()
	}
	time.Sleep(time.Until(until))
}

// later makes an appointment.
func (w *world) later(seconds int, do func()) {
	w.agenda = append(w.agenda, appointment{time.Now().Add(time.Duration(seconds) * time.Second), do})
}

// happen lets something happen.
func (w *world) happen() {
	switch n := w.rng.IntN(100); {
	case n < 16 || len(w.objects) < w.size/2:
		if len(w.objects) < 2*w.size {
			w.apply(w.randomObject())
		}
	case n < 34:
		w.changeObject()
	case n < 44:
		if o := w.someObject(); o != nil {
			w.remove(o)
		}
	case n < 48:
		w.recreate()
	case n < 51:
		w.muddle()
	case n < 52:
		w.wipe()
	case n < 64:
		w.handEdit()
	case n < 69:
		w.otherOwner()
	case n < 80:
		w.cloudTrouble()
	case n < 89:
		w.apiTrouble()
	case n < 96:
		w.replicaTrouble()
	default:
		w.lookAtHolds()
	}
}

// tend restarts processes that died, and has people look at what is held.
func (w *world) tend() {
	if !w.looking && len(w.held()) > 0 {
		w.looking = true
		w.later(w.between(30, 1800), func() {
			w.looking = false
			w.lookAtHolds()
		})
	}
	for _, name := range w.names {
		if p := w.replicas[name]; p != nil && p.crashed.Load() {
			<-p.done
			w.seat(name, nil)
			w.restart(name)
		}
	}
}

func (w *world) restart(name string) {
	w.later(w.rng.IntN(90), func() {
		if w.replicas[name] == nil {
			w.begin(name)
		}
	})
}

func (w *world) begin(name string) { w.seat(name, w.start(name)) }

// seat gives the place of a replica to a process, or to none.
func (w *world) seat(name string, p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replicas[name] = p
}

// living returns the processes that run.
func (w *world) living() []*process {
	var all []*process
	for _, name := range w.names {
		if p := w.replicas[name]; p != nil && !p.crashed.Load() {
			all = append(all, p)
		}
	}
	return all
}

func (p *process) replica() string { return strings.Split(p.name, ".")[0] }

func (w *world) called() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

func (w *world) zone(id string) *zone {
	i := slices.IndexFunc(w.zones, func(z *zone) bool { return z.id == id })
	if i < 0 {
		return nil
	}
	return w.zones[i]
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) between(least, most int) int { return least + w.rng.IntN(most-least+1) }

func pick[T any](w *world, all []T) T { return all[w.rng.IntN(len(all))] }

// noise is chance for other goroutines.
func (w *world) noise(n int) int {
	w.noises.Lock()
	defer w.noises.Unlock()
	return w.noisy.IntN(n)
}

// trip is how long a request and its answer are on their way.
func (w *world) trip() (there, back time.Duration) {
	most := 50
	if s := w.slow.Load(); s > 0 {
		most = int(s) * 1000
	}
	return time.Duration(5+w.noise(most)) * time.Millisecond, time.Duration(5+w.noise(most)) * time.Millisecond
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
}
