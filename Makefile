# `make` alone lists what there is. Needs Go (see README.md), GNU make 3.81 or
# newer and a POSIX shell; git only for the version.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X main.version=$(VERSION)
# What a tag is called as a Debian version; without one it sorts before all.
DEB_VERSION ?= $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//; s/-\([0-9]*-g\)/+\1/' | grep . || echo "0.0.0~git$$(git rev-parse --short HEAD 2>/dev/null)")
MODULES := protocol firmware-bridge edge cloud scripts
TOOLS   := .cache/tools
FUZZTIME ?= 30s

.DEFAULT_GOAL := help
.PHONY: help build web e2e run demo ha ha-drill soak-ha ha-programs test check-deploy check-lane lint fmt bench-story bench-reserve bench-reserve-http bench-sse bench-listing bench-places bench-tariff soak fuzz generate deps verify ci clean forgeries crash-images store-faults store-damages bench-gate test-hardware deb test-deb test-crash

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./bin/openlot (with the web apps, where npm is), openlot-edge and openlot-board
	@mkdir -p bin
	@scripts/web.sh optional
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cloud/cmd/openlot ./edge/cmd/openlot-edge ./firmware-bridge/cmd/openlot-board

web: ## build the web apps of cloud/web, to be embedded in openlot (needs Node 20.19 or newer)
	@scripts/web.sh build

e2e: build ## drive the built pages in Chromium against the real programs: pictures, axe, console, keyboard (Debian, Ubuntu)
	@mkdir -p bin
	go build -o bin/ ./cloud/internal/web/cmd/openlot-web ./scripts/devstack
	@scripts/web.sh e2e

run: build ## run everything on this machine, with no configuration (DATA=dir for other car parks, ARGS for other ports)
	@go build -o bin/devstack ./scripts/devstack
	@exec bin/devstack run $(if $(DATA),--data '$(DATA)') $(ARGS)

demo: build ## tell the whole story by itself, with checks and measured times
	@go build -o bin/devstack ./scripts/devstack
	@exec bin/devstack demo

test: ## install what the tests need and run them all
	go run ./cloud/internal/devpg/cmd/ensure
	scripts/strace.sh
	scripts/web.sh test
	go test $$(scripts/race.sh) -timeout 20m work
	go test -timeout 20m ./edge/internal/store

lint: $(TOOLS)/golangci-lint ## check style and usual mistakes in every module
	@set -e; for m in $(MODULES); do echo "lint $$m"; (cd $$m && '$(CURDIR)/$(TOOLS)/golangci-lint' run ./...); done

fmt: $(TOOLS)/golangci-lint ## format the Go code
	@set -e; for m in $(MODULES); do (cd $$m && '$(CURDIR)/$(TOOLS)/golangci-lint' fmt ./...); done

test-hardware: ## drive the edge binary on real kernel GPIO lines, in a kernel that is built once (Debian, x86-64; ARCH=arm64 for an emulated Pi's; ARGS='-test.run=Story')
	@ARCH=$(ARCH) scripts/hardware/run.sh $(ARGS)

ha: ha-programs ## run three instances, a balancer, a Postgres that fails over, three brokers and edges (Debian, Ubuntu; ARGS='--dir DIR')
	@exec bin/devstack ha $(ARGS)

ha-drill: ha-programs ## run the same, kill each part once under load, and check what nobody may notice (some minutes)
	@exec bin/devstack ha-drill $(ARGS)

soak-ha: ha-programs ## run the same and fail Postgres over again and again for an hour (ARGS='--for 10m')
	@exec bin/devstack ha-soak $(ARGS)

ha-programs: build
	@go build -o bin/devstack ./scripts/devstack
	@go build -C cloud -trimpath -o ../bin/nats-server github.com/nats-io/nats-server/v2
	@go run ./cloud/internal/devpg/cmd/ensure

bench-story: build ## measure credential to open, reserve to edge, event to cloud, count to screen
	@go build -o bin/devstack ./scripts/devstack
	@exec bin/devstack bench-story

bench-gate: ## measure a gate: credential to open against two syncs, memory, start, wear (ARGS=--quick)
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w $(LDFLAGS)' -o bin/openlot-edge-stripped ./edge/cmd/openlot-edge
	go run ./edge/internal/benchgate/cmd/bench-gate -agent bin/openlot-edge-stripped $(ARGS)

soak: ## a million random operations on three processes and a Postgres that are killed all the time (ARGS='--seconds 60')
	@mkdir -p bin
	go build -o bin/soak ./cloud/internal/soak/cmd/soak
	bin/soak $(ARGS)

test-crash: ## a process that dies at everything it sends while money moves; make test tries every seventeenth
	go run ./cloud/internal/devpg/cmd/ensure
	OPENLOT_CRASH=1 go test ./cloud/internal/soak/crash -count=1 -timeout 30m -v

check-deploy: ## check the manifests, dashboards and alerts in deploy/ against Kubernetes' types and what the programs export, and what locks a kiosk with a real browser
	go run ./cloud/internal/devpg/cmd/ensure
	cd scripts/deploycheck && GOWORK=off go test -count=1 -timeout 10m ./...

check-lane: ## search the lane's states 12 steps deep and walk 10^8 random steps (some minutes)
	cd edge && go test ./internal/lane -run 'TestEveryStateWithinSomeSteps|TestRandomSteps' -v -count=1 -timeout 60m -args -depth 12 -whole 5 -steps 100000000

bench-reserve: ## measure selling against pgbench and one statement for each request (ARGS='--only hot')
	go run ./cloud/internal/devpg/cmd/ensure
	go run ./cloud/internal/benchreserve/cmd/bench-reserve $(ARGS)

bench-reserve-http: build ## measure selling through the whole HTTP stack, and where the time goes (ARGS='--only hot')
	go run ./cloud/internal/devpg/cmd/ensure
	go run ./cloud/internal/benchreserve/cmd/bench-reserve-http $(ARGS)

bench-sse: ## measure the live listing's streams against nchan, on one core (Linux with apt-get; two cores, 20,000 open files)
	@mkdir -p bin
	go build -o bin/bench-sse ./cloud/internal/benchsse/cmd/bench-sse
	ulimit -n 20000 && taskset -c 1 bin/bench-sse $(ARGS)

bench-listing: ## measure GET /parkings against a handler that has the same bytes ready, on one core (Linux; two cores)
	@mkdir -p bin
	go build -o bin/bench-listing ./cloud/internal/benchlisting/cmd/bench-listing
	taskset -c 1 bin/bench-listing $(ARGS)

bench-places: ## measure finding places by name among 200,000 against a look at every name
	go run ./cloud/internal/benchplaces/cmd/bench-places

bench-tariff: ## measure pricing stays of a week and a year
	go run ./scripts/benchtariff

forgeries: ## show a million forged and altered passes to the gates (N=number)
	cd edge && go test ./internal/app -run '^TestNoForgeryOpens$$' -count=1 -timeout 30m -forgeries $(or $(N),1000000)

crash-images: ## look at a million images of a power cut of the edge's store (needs strace)
	cd edge && go test ./internal/store -run '^TestCrashImages$$' -count=1 -v -timeout 60m -args -store.full

store-faults: ## kill the edge's store, or fail it, at every write and sync (needs strace)
	cd edge && go test ./internal/store -run '^TestAFaultAtEveryWriteAndSync$$|^TestADiskThatFailsForGood$$' -count=1 -v -timeout 60m -args -store.full

store-damages: ## damage the edge's store ten thousand times
	cd edge && go test ./internal/store -run '^TestTenThousandDamages$$' -count=1 -v -timeout 60m -args -store.full

deb: ## build the Debian packages of the edge agent for amd64, arm64 and armhf into ./bin
	edge/packaging/build-deb.sh '$(DEB_VERSION)' bin amd64 arm64 armhf

test-deb: ## install, upgrade, remove and purge the package in a Debian of its own; run the ARM ones emulated (as root)
	@for p in debootstrap qemu-user-static systemd-container; do dpkg -s $$p >/dev/null 2>&1 || apt-get -qq install -y --no-install-recommends $$p; done
	edge/packaging/test-deb.sh

fuzz: ## fuzz every decoder and parser for FUZZTIME (30s) each
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh $(MODULES)

generate: $(TOOLS)/oapi-codegen ## write generated code anew
	PATH='$(CURDIR)/$(TOOLS)':"$$PATH" go generate work

deps: ## write the list of modules in the edge binary anew
	go test ./scripts/archtest -run '^TestEdgeDependencies$$' -count=1 -update

verify: ## check that each module builds alone, is tidy, and that Go versions agree
	scripts/verify.sh $(MODULES) scripts/deploycheck

ci: ## what the build server runs, all of it
	.ci/run

clean: ## remove what was built (not ./var, which holds the data of make run)
	rm -rf bin .cache

# Development tools, at the versions of scripts/tools/go.mod.
$(TOOLS)/golangci-lint: PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/oapi-codegen:  PACKAGE := github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
$(TOOLS)/gofumpt:       PACKAGE := mvdan.cc/gofumpt
$(TOOLS)/golangci-lint $(TOOLS)/oapi-codegen $(TOOLS)/gofumpt: scripts/tools/go.mod scripts/tools/go.sum
	@mkdir -p $(TOOLS)
	GOWORK=off go build -C scripts/tools -o '$(CURDIR)/$@' $(PACKAGE)
