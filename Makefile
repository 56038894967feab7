# make demo   see Signpost work, without a cluster or an account
# make test   all tests, on a real Kubernetes API server that it builds itself
# The rest is for those who work on it: build, lint, bench, soak, image, clean.

SHELL   := /bin/bash
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/signpost-dns/signpost/internal/cli.version=$(VERSION)

# The race detector needs a C compiler; without one the tests run without it.
RACE := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && [ "$$($(GO) env CGO_ENABLED)" = 1 ] && echo -race)

.PHONY: demo test lint build bench soak image clean

demo: build
	@bin/signpost demo

build:
	@[ -x bin/signpost ] || echo "Compiling Signpost; the first time this takes some minutes."
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/signpost ./cmd/signpost

test:
	@echo "Compiling, and the first time building kube-apiserver and etcd: ten to twenty minutes on two cores."
	$(GO) run ./test/e2e/cluster/prebuild
	$(GO) test $(RACE) -shuffle=on -timeout 40m ./...
	$(if $(RACE),$(GO) test -run TestMutants ./test/simulation) # which takes long with the race detector

lint:
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed: $$unformatted"; exit 1; }

bench: build
	$(GO) run ./test/bench -program bin/signpost
	$(GO) test -run '^$$' -bench . -benchmem ./internal/...

# Random worlds in virtual time (test/simulation), on all cores: some 40 minutes on two. For long lives: make soak SEEDS=20 HOURS=168
SEEDS ?= 2000
HOURS ?= 6
FROM  ?= 1
soak:
	$(GO) test -c -o bin/simulation.test ./test/simulation
	bin/simulation.test -test.run TestSimulation -progress -first $(FROM) -seeds $(SEEDS) -hours $(HOURS)

image:
	CGO_ENABLED=0 $(GO) run ./deploy/image -version '$(VERSION)' -o dist/signpost.tar

clean:
	rm -rf bin dist
