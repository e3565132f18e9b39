# make dist: one file to carry. It links the very objects of $(BUILD)/attest once more, statically, with manifests/ and
# golden/ inside, and strips the result, which runs on any Linux of its architecture without installed libraries; what it
# lacks is in docs/INSTALL.md. Same commit, same packages: same bytes, whatever the folder, the user and the time.
# Another architecture: make dist ARCH=aarch64 CC=aarch64-linux-gnu-gcc BUILD=build-neon.

DIST      := $(BUILD)/attest-$(VERSION)-$(ARCH)
# Archives name each other in circles.
DIST_LIBS := -Wl,--start-group $(filter-out -lsleef,$(LDLIBS)) -lssl -lnghttp2 -lidn2 -lunistring -lbrotlidec \
             -lbrotlicommon -lzstd -llzma -lbz2 -lz -lnettle -Wl,--end-group
LIBSLEEF   = $(shell $(CC) -print-file-name=libsleef.so.3)
READELF    = $(shell $(CC) -print-prog-name=readelf)
NM         = $(shell $(CC) -print-prog-name=nm)

# What is needed beside PACKAGES; and the packages whose code is inside, and so are their licences.
PACKAGES_DIST  := libnghttp2-dev libidn2-dev libunistring-dev libbrotli-dev libzstd-dev liblzma-dev libbz2-dev \
                  zlib1g-dev nettle-dev
LICENCES       := libsleef3 libarchive13 libcurl4 libssl3 libnghttp2-14 libidn2-0 libunistring2 libbrotli1 libjansson4 \
                  libutf8proc2 libxxhash0 libzstd1 liblzma5 libbz2-1.0 zlib1g libnettle8 libc6 libgcc-s1
DIST_FILES      = $(sort $(shell git ls-files manifests golden 2>/dev/null || find manifests golden -type f))

deb_arch        = $(if $(filter aarch64,$(ARCH)),arm64,$(if $(filter x86_64,$(ARCH)),amd64,$(ARCH)))
deps-dist: $(if $(filter $(ARCH),$(shell uname -m)),installed,deps-neon)
	@dpkg -s $(PACKAGES_DIST:%=%:$(deb_arch)) >/dev/null 2>&1 || { $(MAKE) --no-print-directory rights && \
	  $(APT) update && $(APT) install -y --no-install-recommends $(PACKAGES_DIST:%=%:$(deb_arch)); }

dist:
	@$(MAKE) --no-print-directory writable deps-dist
	@$(MAKE) $(FILES) $(DIST)
	@sha256sum $(DIST)

# SLEEF as assembler; another one than the pinned needs tests of its own before it is pinned here.
$(BUILD)/sleef.s: tools/dist/sleef.sh tools/dist/sleef.sha256 $(LIB)
	@grep -q "^$$(sha256sum <$(LIBSLEEF) | cut -d' ' -f1)  $(ARCH)$$" tools/dist/sleef.sha256 || { \
	  echo "$(LIBSLEEF): is not the SLEEF that tools/dist/sleef.sha256 pins" >&2; exit 1; }
	@tools/dist/sleef.sh $(LIBSLEEF) $(READELF) $$($(NM) -u $(LIB) | sed -n 's/^ *U \(Sleef_.*\)/\1/p' | sort -u) >$@

$(BUILD)/embedded.s: tools/dist/embed.sh tools/dist/dist.mk $(DIST_FILES) LICENSE | writable
	@{ echo "licences/attest LICENSE"; for f in $(DIST_FILES); do echo "$$f $$f"; done; \
	  for p in $(LICENCES); do echo "licences/$$p /usr/share/doc/$$p/copyright"; done; } | tools/dist/embed.sh >$@

$(BUILD)/%.o: $(BUILD)/%.s
	@$(CC) -c -o $@ $<

# -w: the linker warns that the C library's getaddrinfo may load shared objects, which static.c prevents.
$(DIST): $(call object,$(CMD_SRC) tools/dist/static.c) $(BUILD)/sleef.o $(BUILD)/embedded.o $(LIB) tools/dist/absent.ld
	@echo "  link $@"
	@$(CC) -static -no-pie -s -Wl,-w -Wl,--build-id=none -o $@ $(filter %.o,$^) $(LIB) tools/dist/absent.ld $(DIST_LIBS)

.PHONY: dist deps-dist

# make install: the program, what reproduce reads without arguments, manual pages, completions, documents. The program
# finds share/attest beside its bin/, wherever PREFIX is.
PREFIX  ?= /usr/local
DESTDIR ?=
INTO     = $(DESTDIR)$(PREFIX)
COMPLETIONS := share/bash-completion/completions/attest share/zsh/site-functions/_attest \
               share/fish/vendor_completions.d/attest.fish
DOCUMENTS    = README.md REPRODUCE.md CHANGELOG.md CONTRIBUTING.md LICENSE \
               $(sort $(shell git ls-files docs 2>/dev/null || find docs -type f))

install:
	@$(MAKE) --no-print-directory writable installed
	@$(MAKE) $(FILES) $(BUILD)/attest
	@rm -rf $(BUILD)/installed && $(RUN) $(BUILD)/attest manual --to $(BUILD)/installed/share/man/man1
	@mkdir -p $(addprefix $(BUILD)/installed/,$(dir $(COMPLETIONS)))
	@set -- bash zsh fish; for f in $(COMPLETIONS); do \
	  $(RUN) $(BUILD)/attest completion $$1 >$(BUILD)/installed/$$f && shift || exit 1; done
	@cd $(BUILD)/installed && find share -type f -exec install -Dm644 '{}' "$(INTO)/{}" \;
	@install -Dm755 $(BUILD)/attest "$(INTO)/bin/attest"
	@for f in $(DIST_FILES); do install -Dm644 "$$f" "$(INTO)/share/attest/$$f" || exit 1; done
	@for f in $(DOCUMENTS); do install -Dm644 "$$f" "$(INTO)/share/doc/attest/$$f" || exit 1; done
	@echo "installed into $(INTO)"

uninstall:
	rm -f "$(INTO)/bin/attest" "$(INTO)"/share/man/man1/attest.1 "$(INTO)"/share/man/man1/attest-*.1
	rm -f $(foreach f,$(COMPLETIONS),"$(INTO)/$f")
	rm -rf "$(INTO)/share/attest" "$(INTO)/share/doc/attest"

.PHONY: install uninstall
