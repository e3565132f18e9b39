# attest: `make reproduce` is the main job, `make test` passes all tests, `make deps` installs what both need.
# Variables: CC (gcc, clang), BUILD (output folder), ARCH (x86_64, aarch64), SANITIZE=1 (ASan and UBSan),
# RUN (how to start a binary of a foreign architecture).

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
override CFLAGS += -std=gnu11 $(WARN) -Isrc -Isimd -pthread
LDLIBS   := -lsleef -larchive -ljansson -lcrypto -lxxhash -lm -pthread
ifeq ($(SANITIZE),1)
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
endif

# Kernels: one file per family and instruction set; each is compiled for its own set and nothing else is.
SIMD_x86_64 := $(wildcard simd/*_avx2*.c simd/*_avx512*.c)
SIMD_aarch64 := $(wildcard simd/*_neon*.c)
SIMD_C := $(filter-out $(SIMD_x86_64) $(SIMD_aarch64),$(wildcard simd/*.c))
SIMD_SRC := $(SIMD_C) $(SIMD_$(ARCH))
flags_avx2   := -O3 -mavx2 -mfma
flags_avx512 := -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma
flags_neon   := -O3
flags_c      := -O3
ifeq ($(ARCH),x86_64)
flags_c      += -mfma
endif
isa_flags = $(if $(findstring _avx512,$1),$(flags_avx512),$(if $(findstring _avx2,$1),$(flags_avx2),\
            $(if $(findstring _neon,$1),$(flags_neon),$(flags_c))))

ROOMS   := base checkpoint model probe trajectory claims
LIB_SRC := $(SIMD_SRC) $(foreach room,$(ROOMS),$(wildcard src/$(room)/*.c))
CMD_SRC := src/main.c $(wildcard src/command/*.c)
TESTS   := $(patsubst tests/test_%.c,%,$(wildcard tests/test_*.c))
object   = $(patsubst %.c,$(BUILD)/%.o,$1)
LIB     := $(BUILD)/libattest.a

all: $(BUILD)/attest

$(LIB): $(call object,$(LIB_SRC))
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/attest: $(call object,$(CMD_SRC)) $(LIB)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(call object,$(CMD_SRC)) $(LIB) $(LDLIBS)

# The contract's flags stand last: nothing on the command line may undo them.
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  $(CC) $<"
	@$(CC) $(CFLAGS) $(if $(filter simd/%,$<),$(call isa_flags,$<)) $(CONTRACT) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

$(BUILD)/tests/%: $(BUILD)/tests/test_%.o $(BUILD)/tests/support.o $(LIB)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS) -lcmocka

.SECONDARY:
.PHONY: all

# --- the two commands of the README -------------------------------------------------------------------------

# make reproduce: a verdict per claim and the trained checkpoints against their goldens.
reproduce: $(BUILD)/attest
	$(RUN) $(BUILD)/attest reproduce --work $(BUILD)/reproduce

# make test: every test program, from the project's root; stops at the first that fails.
test: $(BUILD)/attest $(foreach t,$(TESTS),$(BUILD)/tests/$(t))
	@for t in $(TESTS); do echo "== $$t"; ATTEST=$(BUILD)/attest ATTEST_RUN="$(RUN)" $(RUN) $(BUILD)/tests/$$t || exit 1; done

.PHONY: reproduce test
