# Everything starts here. `make help` lists the targets.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c

PREFIX     ?= /usr
LIBEXECDIR ?= $(PREFIX)/lib/moded
# Not below PREFIX: PID 1 and its like look in /usr alone.
LIBDIR     ?= /usr/lib
UNITDIR    ?= $(LIBDIR)/systemd/system
USERUNITDIR ?= $(LIBDIR)/systemd/user
SYSCONFDIR ?= /etc
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
DESTDIR    ?=
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unreleased)
BIN        := build/bin
DEBDIR     ?= $(CURDIR)/build/deb
GO         ?= go
# The same from a clone and from an archive of it: make reproducible.
BUILD      := $(GO) build -trimpath -buildvcs=false
LDFLAGS    := -s -w -X github.com/modectl/moded/internal/version.Version=$(VERSION)
# go-nvml's headers deprecate what it wraps: a hundred warnings that say nothing.
export CGO_CFLAGS := -O2 -g -Wno-deprecated-declarations
# go-nvml leaves NVML's functions undefined: with eager binding the probe would
# not even start on a machine without the driver.
PROBE_LDFLAGS := $(LDFLAGS) -extldflags=-Wl,-z,lazy
GOLANGCI   := v2.15.0
CYCLONEDX  := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
# What a mode may want down, by the names that distributions give it; systemd
# takes no notice of drop-ins for units that are not there (examples/gate.conf).
GATED      := display-manager gdm gdm3 sddm lightdm lxdm xdm wdm slim nodm greetd ly ly@ lemurs emptty entrance \
              cosmic-greeter plasmalogin vllm vllm@ k3s k3s-agent
EXTENSION  := modectl@modectl.org
LINTER     := $(shell $(GO) env GOPATH)/bin/golangci-lint

.PHONY: help deps build man run demo test unit lint generate bench kube-test vm-test vm-test-long desktop-test extension pictures newcomer-test fuzz install deb programs packages reproducible release sbom clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

deps: ## install what is missing (through apt when root, else prints the line to run)
	@test/deps.sh test $(GOLANGCI)

build: man ## all binaries into build/bin, man pages and completions beside it
	@test/deps.sh build $(GOLANGCI)
	$(MAKE) --no-print-directory programs VERSION="$(VERSION)"
	mkdir -p build/completion
	$(BIN)/modectl completion bash > build/completion/modectl
	$(BIN)/modectl completion zsh > build/completion/_modectl
	$(BIN)/modectl completion fish > build/completion/modectl.fish

programs: # what build compiles, and no more
	export CGO_ENABLED=0
	$(BUILD) -ldflags "$(LDFLAGS)" -o $(BIN)/ ./cmd/moded ./cmd/modectl ./cmd/moded-agent ./cmd/moded-workload ./cmd/moded-tune
	CGO_ENABLED=1 $(BUILD) -ldflags "$(PROBE_LDFLAGS)" -o $(BIN)/ ./cmd/moded-probe

man: ## man pages into build/man
	@test/deps.sh build $(GOLANGCI)
	export SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
	rm -rf build/man
	$(GO) run ./internal/reference/manpages -out build/man -version "$(VERSION)"

run: build ## a private bus with moded on a simulated machine; prints the address and stays
	@$(GO) build -o build/test/run ./test/e2e/run
	# exec, so that whoever ends make ends it too: go run would stay between.
	exec build/test/run -bin $(BIN)

demo: build ## the main job, told in a terminal in under a minute
	@$(GO) build -o build/test/demo ./test/e2e/demo
	exec build/test/demo -bin $(BIN)

test: deps build lint unit ## unit, race, private bus with the real polkitd (needs root), lint

unit: deps ## go test -race over everything
	@if [ "$$(id -u)" != 0 ] && [ "$${MODED_TEST_NO_ROOT:-}" != 1 ]; then
	  echo "make test runs the real polkitd and other users' connections and needs root for that:" >&2
	  echo "  sudo -E env PATH=\"\$$PATH\" make test        everything" >&2
	  echo "  MODED_TEST_NO_ROOT=1 make test             without the tests that need root; each is named" >&2
	  exit 1
	fi
	mkdir -p build
	export MODED_NOT_RUN="$$PWD/build/not-run.txt"
	rm -f "$$MODED_NOT_RUN"
	# -count=1: the end-to-end tests run binaries that the cache does not see.
	$(GO) test -race -count=1 -timeout 20m ./...
	$(GO) -C packaging test ./...
	if [ -s "$$MODED_NOT_RUN" ]; then
	  echo "these were left out, because they need root:"
	  sort -u "$$MODED_NOT_RUN"
	fi

lint: deps ## vet, format and house rules
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet -tags kube ./...
	$(GO) -C packaging vet ./...
	$(LINTER) run --build-tags kube ./...

generate: ## everything that is made from something else: docs/reference, docs/demo.svg
	$(GO) generate ./...

bench: build ## ratios against peers in the same run, into build/bench.json
	$(GO) run ./test/bench -bin $(BIN) -out build/bench.json

newcomer-test: ## the README's commands, word for word, in a fresh Debian 13; MODED_NEWCOMER="make demo" picks one
	$(GO) run ./test/newcomer

fuzz: ## each fuzzer for FUZZTIME (30s)
	@GO="$(GO)" test/fuzz.sh

kube-test: deps ## k3s against a real kube-apiserver, which is built once (some minutes) and kept
	$(GO) test -race -tags kube -count=1 -timeout 50m ./test/kube/

vm-test: build ## scenarios on a real Debian 13 in QEMU (build/vm-report.json), under 30 minutes
	$(GO) run ./test/vm -report build/vm-report.json $(if $(SCENARIO),-scenario $(SCENARIO))

vm-test-long: build ## all scenarios
	$(GO) run ./test/vm -long -report build/vm-report.json $(if $(SCENARIO),-scenario $(SCENARIO))

desktop-test: build ## the applets in real desktops, headless (build/desktop, build/desktop-report.json); FACE=gnome for one
	$(GO) run ./test/desktop -face $(or $(FACE),all) -out build/desktop -report build/desktop-report.json

extension: ## GNOME's extension as a zip, for people without root
	mkdir -p build
	git archive --format=zip -o build/$(EXTENSION).shell-extension.zip HEAD:desktop/gnome/$(EXTENSION)

pictures: desktop-test ## docs/images, by the applets themselves
	for picture in build/desktop/*/pictures/*.png; do
	  if [ -e "docs/images/$${picture##*/}" ]; then cp "$$picture" docs/images/; fi
	done

install: ## into DESTDIR, under PREFIX
	@test -x $(BIN)/moded || { echo "say make build first" >&2; exit 1; }
	install -Dm755 -t $(DESTDIR)$(PREFIX)/bin $(BIN)/modectl
	ln -sf modectl $(DESTDIR)$(PREFIX)/bin/mode
	install -Dm755 -t $(DESTDIR)$(LIBEXECDIR) $(BIN)/moded $(BIN)/moded-probe $(BIN)/moded-workload $(BIN)/moded-agent $(BIN)/moded-tune
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(USERUNITDIR)/default.target.wants $(DESTDIR)$(SYSCONFDIR)/moded/moded.d
	for unit in moded.service moded-probe.service moded-workload.service moded-tune.service moded-pressure.service moded-gpu.service moded-k3s-off.service; do
	  sed 's|@libexecdir@|$(LIBEXECDIR)|' systemd/$$unit > $(DESTDIR)$(UNITDIR)/$$unit
	  chmod 644 $(DESTDIR)$(UNITDIR)/$$unit
	done
	for unit in $(GATED); do
	  install -Dm644 examples/gate.conf $(DESTDIR)$(UNITDIR)/$$unit.service.d/50-moded-gate.conf
	done
	sed 's|@bindir@|$(PREFIX)/bin|' systemd/moded-metrics.service > $(DESTDIR)$(UNITDIR)/moded-metrics.service
	chmod 644 $(DESTDIR)$(UNITDIR)/moded-metrics.service
	install -m644 -t $(DESTDIR)$(UNITDIR) systemd/*.socket systemd/*.target systemd/*.timer
	sed 's|@libexecdir@|$(LIBEXECDIR)|' systemd/moded-agent.service > $(DESTDIR)$(USERUNITDIR)/moded-agent.service
	chmod 644 $(DESTDIR)$(USERUNITDIR)/moded-agent.service
	ln -sf ../moded-agent.service $(DESTDIR)$(USERUNITDIR)/default.target.wants/moded-agent.service
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man1 build/man/*.1
	ln -sf modectl.1 $(DESTDIR)$(PREFIX)/share/man/man1/mode.1
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man5 build/man/*.5
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man8 build/man/*.8
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/bash-completion/completions build/completion/modectl
	install -Dm644 -t $(DESTDIR)$(ZSHDIR) build/completion/_modectl
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d build/completion/modectl.fish
	install -Dm644 systemd/moded.tmpfiles $(DESTDIR)$(LIBDIR)/tmpfiles.d/moded.conf
	install -Dm644 systemd/moded.catalog $(DESTDIR)$(LIBDIR)/systemd/catalog/moded.catalog
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/dbus-1/system.d dbus/org.modectl.Manager1.conf
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/dbus-1/interfaces dbus/org.modectl.*.xml
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/polkit-1/actions dbus/org.modectl.policy
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/gnome-shell/extensions/$(EXTENSION) desktop/gnome/$(EXTENSION)/*.js* desktop/gnome/$(EXTENSION)/*.css
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/gnome-shell/extensions/$(EXTENSION)/icons desktop/gnome/$(EXTENSION)/icons/*.svg
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/plasma/plasmoids/org.modectl.moded desktop/plasma/org.modectl.moded/metadata.json
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/plasma/plasmoids/org.modectl.moded/contents/ui desktop/plasma/org.modectl.moded/contents/ui/*.qml
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/plasma/plasmoids/org.modectl.moded/contents/code desktop/plasma/org.modectl.moded/contents/code/*.js
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded README.md CHANGELOG.md
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded/docs docs/README.md docs/tutorial.md docs/howto-*.md docs/explanation.md docs/install.md docs/debian.md docs/nixos.md docs/upgrade.md docs/demo.svg
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded/docs/images docs/images/*.png
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded/docs/reference docs/reference/*.md
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded/examples examples/*.toml examples/*.service examples/gate.conf
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded/examples/nixos examples/nixos/*.nix
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded/examples/timers examples/timers/*
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded/examples/grafana examples/grafana/moded.json
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/moded/examples/kubernetes examples/kubernetes/*.yaml

deb: build ## Debian packages into build/deb, from what make install lays down; lintian judges them
	@test/deps.sh deb $(GOLANGCI)
	$(MAKE) --no-print-directory packages VERSION="$(VERSION)"
	lintian --fail-on error $(DEBDIR)/*.deb

packages: # of what is built, into DEBDIR
	rm -rf $(DEBDIR) $(DEBDIR)-root
	trap 'rm -rf $(DEBDIR)-root' EXIT
	$(MAKE) --no-print-directory install DESTDIR="$(DEBDIR)-root" PREFIX=/usr ZSHDIR=/usr/share/zsh/vendor-completions
	date="$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
	$(GO) -C packaging run ./deb -root "$(DEBDIR)-root" -version "$(VERSION)" -date "$$date" -out "$(DEBDIR)" $(DEBFLAGS)

reproducible: ## two builds of what is committed, which must be the same
	packaging/reproducible.sh "$(VERSION)"

release: ## of the tag at HEAD, into build/release: packages, SBOMs, checksums (docs/releasing.md)
	@$(GO) -C packaging run ./release check -version "$(VERSION)"
	$(MAKE) --no-print-directory reproducible deb VERSION="$(VERSION)"
	rm -rf build/release
	mkdir -p build/release
	cp $(DEBDIR)/*.deb build/release/
	$(MAKE) --no-print-directory sbom VERSION="$(VERSION)"
	$(GO) -C packaging run ./release sums "$$PWD/build/release"

sbom: # of what is built, into build/release
	mkdir -p build/release
	for program in $(BIN)/*; do
	  $(GO) run $(CYCLONEDX) bin -json -std -noserial -version "$(VERSION)" -output "build/release/$${program##*/}.cdx.json" "$$program"
	done

clean: ## what was built
	rm -rf build
