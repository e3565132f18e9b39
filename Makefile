# attest: `make reproduce` is the main job, `make test` passes all tests, `make deps` installs what both need.
# Variables: CC (gcc, clang), BUILD (output folder, without blanks; the project's own may have them), ARCH (x86_64,
# aarch64), SANITIZE=1 (ASan and UBSan) or fuzz (these and libFuzzer), RUN (how to start a binary of a foreign
# architecture). Compiles on all cores unless -j says otherwise.

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
ARCH    ?= $(shell uname -m)
BUILD   ?= build
RUN     ?=

# -ffp-contract=off is the arithmetic contract: a*b+c means two roundings unless fma is written.
CONTRACT := -ffp-contract=off -fno-fast-math -fno-math-errno -fno-trapping-math
WARN     := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Werror
CFLAGS   ?= -O2 -g
override CFLAGS += -std=c11 -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L $(WARN) -Isrc -Isimd -pthread
# The same bytes in every folder.
override CFLAGS += '-ffile-prefix-map=$(subst ','\'',$(CURDIR))=.'
ifneq ($(words $(BUILD)),1)
$(error BUILD=$(BUILD): make cannot work in a folder with a blank in its name; choose another one)
endif
LDLIBS   := -lsleef -larchive -lcurl -ljansson -lcrypto -lxxhash -lutf8proc -lm -pthread
ifneq ($(filter 1 fuzz,$(SANITIZE)),)
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
endif
ifeq ($(SANITIZE),fuzz)
override CFLAGS += -fsanitize=fuzzer-no-link
endif

# Kernels: one file per family and instruction set; each is compiled for its own set and nothing else is.
SIMD_x86_64 := $(wildcard simd/*_avx2*.c simd/*_avx512*.c)
SIMD_aarch64 := $(wildcard simd/*_neon*.c)
SIMD_C := $(filter-out $(SIMD_x86_64) $(SIMD_aarch64),$(wildcard simd/*.c))
SIMD_SRC := $(SIMD_C) $(SIMD_$(ARCH))
flags_avx2   := -O3 -mavx2 -mfma -mf16c
flags_avx512 := -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
flags_neon   := -O3
flags_c      := -O3
ifeq ($(ARCH),x86_64)
flags_c      += -mfma
endif
isa_flags = $(if $(findstring _avx512,$1),$(flags_avx512),$(if $(findstring _avx2,$1),$(flags_avx2),\
            $(if $(findstring _neon,$1),$(flags_neon),$(flags_c))))

# Sorted, as make does: wildcard follows the order of the locale, and the linker would follow that.
CMD_SRC := $(sort src/main.c $(wildcard src/command/*.c src/bench/*.c))
LIB_SRC := $(sort $(SIMD_SRC) $(filter-out $(CMD_SRC),$(wildcard src/*/*.c src/*/*/*.c)))
TESTS   := $(patsubst tests/test_%.c,%,$(wildcard tests/test_*.c))
object   = $(patsubst %.c,$(BUILD)/%.o,$1)
LIB     := $(BUILD)/libattest.a

# How files are made by commands such as `make test`: on all cores, or as the caller's -j says (make 4.3 knows it
# in recipes alone), and the lines of one compiler together.
FILES = --no-print-directory --output-sync=target $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

all:
	@$(MAKE) $(FILES) $(BUILD)/attest

$(LIB): $(call object,$(LIB_SRC))
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/attest: $(call object,$(CMD_SRC)) $(LIB)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(call object,$(CMD_SRC)) $(LIB) $(LDLIBS)

# The contract's flags stand last: nothing on the command line may undo them.
$(BUILD)/%.o: %.c | writable
	@mkdir -p $(@D)
	@echo "  $(CC) $<"
	@$(CC) $(CFLAGS) $(if $(filter simd/%,$<),$(call isa_flags,$<)) $(CONTRACT) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)

# The version, and the commit that it was built from: compiled anew when that is another one.
VERSION := $(shell sed -n 's/^\#define ATTEST_VERSION "\(.*\)"/\1/p' src/base/version.h)
COMMIT  := $(shell tools/dist/commit.sh)
$(BUILD)/src/command/commit.o: override CFLAGS += -DATTEST_COMMIT='"$(COMMIT)"'
ifneq ($(COMMIT),$(shell cat $(BUILD)/commit 2>/dev/null))
$(BUILD)/src/command/commit.o: another-commit
endif
another-commit: | writable
	@echo $(COMMIT) >$(BUILD)/commit
.PHONY: another-commit

# The tests of fetching bring a server along.
$(addprefix $(BUILD)/tests/,$(filter fetch%,$(TESTS)) stream beside): \
  $(addprefix $(BUILD)/tests/,server.o server_faults.o server_pages.o)

# One of them speaks TLS.
$(BUILD)/tests/fetch_tls: LDLIBS += -lssl

# Those of models and their reference results.
$(addprefix $(BUILD)/tests/,conformance families): $(BUILD)/tests/reference.o

# The tests of hooks share a model in memory.
$(addprefix $(BUILD)/tests/,forks hook need zero_head tape_pass): $(BUILD)/tests/passing.o

# One lets calls of its own fail.
$(BUILD)/tests/safetensors_write: | $(BUILD)/tests/preload_io.so

# That of single operations has its cases beside it.
$(BUILD)/tests/operations: $(BUILD)/tests/op_case.o

# Those of gradients share cases and what is wrong with them.
$(addprefix $(BUILD)/tests/,differences planted): \
  $(addprefix $(BUILD)/tests/,gradient_check.o gradient_cases.o gradient_cases_attention.o \
  gradient_cases_more.o gradient_cases_lanes.o gradient_orders.o)

# Those of what runs out, too, and libraries that let calls of the program fail.
FAILING := $(addprefix $(BUILD)/tests/,allocations io_failures)
$(FAILING): $(addprefix $(BUILD)/tests/,failing.o failing_jobs.o server.o server_faults.o server_pages.o) \
  | $(addprefix $(BUILD)/tests/,preload_alloc.so preload_io.so)

# Without CFLAGS: a sanitizer's runtime belongs to the program alone.
$(BUILD)/tests/preload_%.so: tests/preload_%.c tests/preload.h
	@mkdir -p $(@D)
	@echo "  $(CC) $<"
	@$(CC) -std=gnu11 -O2 $(WARN) -shared -fPIC -o $@ $< -ldl

$(BUILD)/tests/%: $(BUILD)/tests/test_%.o $(BUILD)/tests/support.o $(LIB)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS) -lcmocka

# Said at once, not by a compiler.
writable:
	@{ mkdir -p $(BUILD) && test -w $(BUILD); } 2>/dev/null || { echo "$(BUILD): cannot be written to;" \
	  "choose another folder: make BUILD=/tmp/attest ..." >&2; exit 1; }

.SECONDARY:
.PHONY: all writable

# The two commands of the README. Each installs what is missing, builds and runs.

# What `attest reproduce` does without arguments, and the training runs of docs/FORMATION.md that take a minute.
REPRODUCED := manifests/published.json manifests/published-circuits.json manifests/published-formation.json \
  manifests/nursery-gpt_neox.json manifests/nursery-olmo.json manifests/nursery-olmoe.json \
  $(addprefix manifests/circuits/nursery-,gpt_neox.json olmo.json olmoe.json) manifests/formation/core.json
reproduce:
	@$(MAKE) --no-print-directory writable installed
	@$(MAKE) $(FILES) $(BUILD)/attest
	$(RUN) $(BUILD)/attest reproduce $(REPRODUCED) --work $(BUILD)/reproduce --bootstrap 200 --plots $(BUILD)/plots

# All of this, and the other training runs: five seeds on two kinds of items, every figure. Two hours of CPU time
# or more, said before each part; goes on where it was stopped.
reproduce-all: reproduce
	$(RUN) $(BUILD)/attest reproduce manifests/formation/seeds-F.json manifests/formation/seeds-gaussian.json \
	  --work $(BUILD)/reproduce --plots $(BUILD)/plots
	$(RUN) $(BUILD)/attest reproduce manifests/formation/figures-F.json manifests/formation/figures-gaussian.json \
	  --work $(BUILD)/reproduce --plots $(BUILD)/plots

# The default from nothing: three small models with three seeds each are trained, one thread a run and as many at a
# time as there are cores; must end in the pinned hashes; then all are screened. Goes on where it was stopped.
GROWN  := build/from-nothing# as the manifests say
SEEDS  := $(patsubst manifests/recipes/%.json,%,$(wildcard manifests/recipes/from-nothing-*.json))
reproduce-from-nothing:
	@$(MAKE) --no-print-directory writable installed
	@$(MAKE) $(FILES) $(BUILD)/attest
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) $(SEEDS:%=train-%)
	$(RUN) $(BUILD)/attest reproduce manifests/from-nothing/*.json --work $(GROWN)/work
	@for s in $(SEEDS); do $(RUN) $(BUILD)/attest ordinary $(GROWN)/$$s/step2500 --n 500 --seq-len 64 --vocab 1:97 \
	  --out $(GROWN)/$$s/ordinary.csv || exit 1; done
	@echo "All seeds are shown. Models of this size do not show the sink findings F2 and F3, and stand for no other model."

# Several at a time: without a terminal each says its progress in lines of its own.
$(SEEDS:%=train-%): train-%:
	@mkdir -p $(GROWN); { $(RUN) $(BUILD)/attest train manifests/recipes/$*.json --out $(GROWN)/$* --threads 1; \
	  echo $$? >$(GROWN)/$*.code; } 2>&1 | cat; exit $$(cat $(GROWN)/$*.code)

.PHONY: reproduce-from-nothing $(SEEDS:%=train-%)

# Every test program, from the project's root, as many at a time as there are cores; what one prints stays together.
test:
	@$(MAKE) --no-print-directory writable installed
	@$(MAKE) $(FILES) $(BUILD)/attest $(foreach t,$(TESTS),$(BUILD)/tests/$(t))
	@$(MAKE) $(FILES) $(TESTS:%=run-%)
$(TESTS:%=run-%): run-%:
	@echo "== $* ($(CC), $(ARCH)$(if $(filter 1,$(SANITIZE)),$(comma) ASan and UBSan))"; \
	  start=$$(date +%s); ATTEST=$(BUILD)/attest ATTEST_RUN="$(RUN)" $(RUN) $(BUILD)/tests/$* 2>&1; \
	  code=$$?; echo "== $*: $$(($$(date +%s) - start)) s, exit code $$code"; exit $$code
comma := ,

# No include of a later room, no two files that need each other (docs/DESIGN.md).
house:
	@$(MAKE) $(FILES) $(BUILD)/attest
	@{ grep -rH --include='*.[ch]' '#include "' src; nm -A $(call object,$(CMD_SRC) $(filter src/%,$(LIB_SRC))); } | \
	  awk -f .ci/house.awk && echo "the house is in order: $(words $(CMD_SRC) $(LIB_SRC)) files"

# The same tests with sanitizers (clang's); and those in which a compiler or a CPU could change a figure, with clang and
# for NEON under emulation: without those of files, servers, words and whole runs.
NO_FIGURES := \
  ablation_goldens ablation_intervals ablation_pieces allocations archive_bombs assertions bench beside changed \
  circuit circuit_claims circuit_interrupt circuit_manifest claims fetch% file forks formation_claims \
  formation_study formats from_nothing golden hostile% hub_cache inspect install io_failures journal language lfs \
  locale lock manifest manual memory merge% mistaken moves names need outputs% paper pin published report% \
  reproduce resume shard shipped sniff standin stream summary survival training_folder unpinned verify%
test-clang:
	@$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)-clang TESTS='$(filter-out $(NO_FIGURES),$(TESTS))' test
test-asan:
	@$(MAKE) --no-print-directory CC=clang SANITIZE=1 BUILD=$(BUILD)-asan test
test-neon: deps-neon
	@$(MAKE) --no-print-directory ARCH=aarch64 CC=aarch64-linux-gnu-gcc BUILD=$(BUILD)-neon \
	  RUN="qemu-aarch64-static -L /" TESTS='$(filter-out $(NO_FIGURES),$(TESTS))' test

# Everything that attest bench measures, about a quarter of an hour: tables, JSON, and the sweep with its plot.
bench:
	@$(MAKE) --no-print-directory writable installed
	@$(MAKE) $(FILES) $(BUILD)/attest
	$(RUN) $(BUILD)/attest bench --json $(BUILD)/bench.json
	$(RUN) $(BUILD)/attest bench --sweep $(BUILD)/sweep.csv --plot $(BUILD)/sweep.svg
.PHONY: bench

# What must be installed: Debian packages and nothing else.
PACKAGES := gcc libc6-dev make libsleef-dev libxxhash-dev libarchive-dev libjansson-dev libssl-dev \
            libcurl4-openssl-dev libutf8proc-dev ca-certificates libcmocka-dev
PACKAGES_DEV := libxml2-utils perl python3-jsonschema python3-yaml clang clang-format libclang-rt-14-dev lld \
            mandoc zsh fish git debhelper lintian
PACKAGES_NEON := gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static libc6-dev:arm64 \
            libsleef-dev:arm64 libxxhash-dev:arm64 libarchive-dev:arm64 libjansson-dev:arm64 \
            libssl-dev:arm64 libcurl4-openssl-dev:arm64 libutf8proc-dev:arm64 libcmocka-dev:arm64
ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
# With their architecture: of a package that is there for two, dpkg wants to know which. Some are for all.
missing = $(shell a=$$(dpkg --print-architecture); for p in $(PACKAGES); do \
            dpkg -s $$p:$$a >/dev/null 2>&1 || dpkg -s $$p:all >/dev/null 2>&1 || echo $$p; done)
APT  := $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300

installed:
	@test -z "$(missing)" || $(MAKE) --no-print-directory deps
rights:
	@test -z "$(ROOT)" || command -v $(ROOT) >/dev/null || { echo "make: without root and sudo nothing can be" \
	  "installed; ask root to run \"make deps\", or to install: $(missing)" >&2; exit 1; }
deps: rights
	$(APT) update
	$(APT) install -y --no-install-recommends $(PACKAGES)
deps-dev: deps
	$(APT) install -y --no-install-recommends $(PACKAGES_DEV)
# What .ci/slurm starts.
deps-slurm: rights
	$(APT) install -y --no-install-recommends slurmctld slurmd slurm-client munge
deps-neon: rights
	@dpkg -s $(PACKAGES_NEON) >/dev/null 2>&1 || { \
	  $(ROOT) dpkg --add-architecture arm64 && $(APT) update && \
	  $(APT) install -y --no-install-recommends $(PACKAGES_NEON); }

SOURCES = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(SOURCES)
format-check:
	clang-format --dry-run -Werror $(SOURCES)
	@awk 'length > 100 { print FILENAME ":" FNR ": longer than 100 columns"; bad = 1 } END { exit bad }' \
	  $(SOURCES)

clean:
	rm -rf $(BUILD) $(BUILD)-clang $(BUILD)-asan $(BUILD)-neon $(BUILD)-fuzz

.PHONY: reproduce reproduce-all test house $(TESTS:%=run-%) test-clang test-asan test-neon installed rights deps deps-dev deps-neon deps-slurm format \
        format-check clean

include tools/dist/dist.mk

# --- fuzzing: libFuzzer with ASan and UBSan, clang only ------------------------------------------------------

# make fuzz: every tests/fuzz/fuzz_*.c for FUZZ_SECONDS, two at a time, from the seed corpus; fails on any finding.
# make fuzz-seeds: every target once over its seeds, as a regression test.
FUZZ         := $(BUILD)-fuzz
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 600
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS    := $(FUZZ_TARGETS:%=$(FUZZ)/fuzz/%)
FUZZ_LIMITS  := -timeout=10 -rss_limit_mb=4096

ifeq ($(SANITIZE),fuzz)
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
endif

fuzz-files:
	@$(MAKE) $(FILES) CC=$(FUZZ_CC) SANITIZE=fuzz BUILD=$(FUZZ) CFLAGS="-O1 -g" $(FUZZ_BINS)

# A run works on a copy of the seeds, so that what the fuzzer adds stays in the build tree.
$(FUZZ_TARGETS:%=fuzz-run-%): fuzz-run-%: fuzz-files
	@rm -rf $(FUZZ)/runs/$* && mkdir -p $(FUZZ)/runs/$*/corpus
	@cp tests/fuzz/corpus/$*/* $(FUZZ)/runs/$*/corpus
	@echo "  fuzz $*: $(FUZZ_SECONDS) s"
	@if $(FUZZ)/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -max_len=8192 $(FUZZ_LIMITS) -print_final_stats=1 \
	  -artifact_prefix=$(FUZZ)/runs/$*/ $(FUZZ)/runs/$*/corpus >$(FUZZ)/runs/$*/log 2>&1; \
	then grep -h -e 'Done ' $(FUZZ)/runs/$*/log | sed 's/^/  fuzz $*: /'; \
	else tail -n 60 $(FUZZ)/runs/$*/log; echo "  fuzz $*: FOUND SOMETHING, see $(FUZZ)/runs/$*"; exit 1; fi

fuzz: fuzz-files
	@$(MAKE) --no-print-directory -k -j2 $(FUZZ_TARGETS:%=fuzz-run-%)
	@echo "  fuzz: $(FUZZ_TARGETS): nothing found"

fuzz-seeds: fuzz-files
	@for t in $(FUZZ_TARGETS); do echo "== seeds of $$t"; \
	  $(FUZZ)/fuzz/$$t $(FUZZ_LIMITS) -artifact_prefix=$(FUZZ)/ tests/fuzz/corpus/$$t/* >$(FUZZ)/seeds.log 2>&1 || \
	  { cat $(FUZZ)/seeds.log; exit 1; }; done

.PHONY: fuzz fuzz-files fuzz-seeds $(FUZZ_TARGETS:%=fuzz-run-%)
# --- end of fuzzing -----------------------------------------------------------------------------------------
