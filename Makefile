# heist: make (build) | make run | make test | make help
#
# Nothing here lists sources: every .c of the folders below is built. V=release|debug|asan|tsan chooses the variant.

V ?= release
ifneq ($(filter asan tsan debug,$(MAKECMDGOALS)),)
V := $(firstword $(filter asan tsan debug,$(MAKECMDGOALS)))
endif
ifeq ($(filter $(V),release debug asan tsan),)
$(error V=$(V): unknown variant, expected release, debug, asan or tsan)
endif

B := build/$(V)
CC ?= gcc
OPT.release := -g1 -O3
OPT.debug := -g -O0
OPT.asan := -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT.tsan := -g -O1 -fsanitize=thread -fno-omit-frame-pointer
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-psabi
BLAS_INC := $(firstword $(wildcard /usr/include/$(shell $(CC) -dumpmachine)/openblas-openmp /usr/include/x86_64-linux-gnu/openblas-openmp))
CC_VERSION := $(shell $(CC) --version 2>/dev/null | head -n 1)
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS += -I. -I$(B) $(addprefix -I,$(BLAS_INC)) -D_GNU_SOURCE
CFLAGS += -std=c11 $(OPT.$(V)) $(WARN) -ffp-contract=off -fopenmp
LDFLAGS += $(filter -fsanitize=%,$(OPT.$(V))) -fopenmp
LIBS := -lopenblas -lcsv -linih -lcjson -larchive -lmatio -lturbojpeg -lspng -lmd -lz -lm

# One binary runs anywhere: the layers' loops are compiled once for each instruction set and chosen at run time.
LAYERS := $(wildcard nn/layers/*.c)
ifeq ($(firstword $(subst -, ,$(shell $(CC) -dumpmachine))),x86_64)
SIMD := naive base avx2 avx512
else
SIMD := naive base
endif
ARCH.avx2 := -march=haswell
ARCH.avx512 := -march=skylake-avx512 -mprefer-vector-width=512
OPT.naive.release := -O2

SRC := $(filter-out experiments/main.c,$(wildcard base/*.c nn/*.c nn/arch/*.c data/*.c victim/*.c defenses/*.c attacker/*.c experiments/*.c))
# The layers first: they take longest to compile.
OBJ := $(foreach s,$(SIMD),$(LAYERS:%.c=$(B)/%.$(s).o)) $(foreach s,$(filter-out naive,$(SIMD)),$(LAYERS:%.c=$(B)/%.$(s).alone.o)) $(SRC:%.c=$(B)/%.o)
FOLDERS := $(sort $(patsubst %/,%,$(dir $(OBJ))) $(B)/tests)
TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/test_*.c))
CHECKER := $(B)/tests/golden_check
DATA ?= mnist fashion-mnist

.PHONY: all run test test-integration check golden bench deps need lint fuzz clean help debug asan tsan FORCE
.SECONDARY:
all: $(B)/heist
debug asan tsan: all

help:
	@echo 'make              build build/$(V)/heist (V=release|debug|asan|tsan)'
	@echo 'make run          install what is missing, build, get the data, run experiments/sweeps/quick.ini'
	@echo 'make test         the same set-up, then every test (make asan test: under ASan and UBSan)'
	@echo 'make test-integration  what needs a cluster (Slurm, on this machine) or a typesetter: installs them'
	@echo 'make golden GOLDEN=DIR   check the golden vectors of a folder'
	@echo 'make bench        side by side with PyTorch (installs python3-torch); ROWS=lenet5,resnet18/train: those alone; MALLOC=kept: see bench.py'
	@echo 'make lint         cppcheck and clang-tidy      make fuzz   ten minutes for each reader'
	@echo 'make deps         install the Debian packages that heist needs'

# ---- set-up -------------------------------------------------------------------------------------
# `need` says what is missing; `deps` installs it. run and test do so by themselves.
need:
	@sh base/deps.sh check
deps:
	@sh base/deps.sh install

run: deps
	@$(MAKE) --no-print-directory all
	@$(B)/heist data $(DATA)
	@$(B)/heist run experiments/sweeps/quick.ini

test: deps
	@$(MAKE) --no-print-directory V=$(V) all
	@$(B)/heist data $(DATA)
	@$(MAKE) --no-print-directory V=$(V) check

# ---- build --------------------------------------------------------------------------------------
# A change of flags rebuilds: the flags of the last build stand in a file that changes with them.
FLAGS := $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(foreach s,$(SIMD),$(s) $(ARCH.$(s)) $(OPT.$(s).$(V)))
$(B)/flags: FORCE
	@mkdir -p $(FOLDERS)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@
$(B)/version.h: FORCE
	@mkdir -p $(@D)
	@echo '#define HEIST_VERSION "$(VERSION)"' | cmp -s - $@ || echo '#define HEIST_VERSION "$(VERSION)"' > $@
FORCE:

# Each file of nn/layers once for an instruction set, and (but for naive) once more without OpenMP, for the threads that each
# take a piece of a batch through many layers (nn/tape.c).
define simd_rule
$(B)/nn/layers/%.$(1).o: nn/layers/%.c $(B)/flags | need
	$(CC) $$(CPPFLAGS) $$(CFLAGS) -ffp-contract=fast $(ARCH.$(1)) $(OPT.$(1).$(V)) -DLAYER_SIMD=$(1) -DLAYER_SIMD_$(1) -MMD -MP -c $$< -o $$@
$(B)/nn/layers/%.$(1).alone.o: nn/layers/%.c $(B)/flags | need
	$(CC) $$(CPPFLAGS) $$(CFLAGS) -fno-openmp -Wno-unknown-pragmas -ffp-contract=fast $(ARCH.$(1)) $(OPT.$(1).$(V)) -DLAYER_SIMD=$(1)_alone -DLAYER_SIMD_$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach s,$(SIMD),$(eval $(call simd_rule,$(s))))

$(B)/nn/layers.o: CPPFLAGS += $(SIMD:%=-DHAVE_SIMD_%)
$(B)/experiments/%.o: CPPFLAGS += -DHEIST_CC='"$(CC_VERSION)"' -DHEIST_FLAGS='"$(CFLAGS)"'
$(patsubst %.c,$(B)/%.o,$(wildcard experiments/*.c)): $(B)/version.h
$(B)/experiments/report_html.o: experiments/report.html
$(B)/%.o: %.c $(B)/flags | need
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
$(B)/libheist.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $^
$(B)/heist: $(B)/experiments/main.o $(B)/libheist.a
	$(CC) $(LDFLAGS) $^ $(LIBS) -o $@
$(B)/tests/%: $(B)/tests/%.o $(B)/libheist.a
	$(CC) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@
$(CHECKER): $(B)/tests/golden_defenses.o
$(B)/tests/test_attacker $(B)/tests/test_defenses: LDFLAGS += $(foreach f,forward predict backward tangent,-Wl,--wrap=model_$(f))

# ---- tests --------------------------------------------------------------------------------------
check: all $(TESTS) $(CHECKER)
	@sh tests/run.sh $(B) $(TESTS) $(wildcard tests/*_test.sh) tests/layering.sh

# What needs a cluster, a browser or a typesetter: installs them.
test-integration: deps
	@sh base/deps.sh install-integration
	@$(MAKE) --no-print-directory V=$(V) all
	@$(B)/heist data mnist
	@sh tests/run.sh $(B) $(wildcard tests/integration/*_test.sh)

golden: $(CHECKER)
	@test -n "$(GOLDEN)" || { echo 'make golden: say which folder: make golden GOLDEN=tests/golden'; exit 2; }
	@$(CHECKER) "$(GOLDEN)"

bench: deps all
	@sh base/deps.sh install-torch
	@/usr/bin/python3 tests/bench/bench.py $(B)/heist $(if $(ROWS),--rows '$(ROWS)') $(if $(MALLOC),--malloc '$(MALLOC)')

lint: deps
	@sh tests/lint.sh
fuzz: deps
	@sh tests/fuzz.sh

clean:
	rm -rf build

-include $(OBJ:.o=.d) $(B)/experiments/main.d $(TESTS:=.d) $(CHECKER:=.d) $(B)/tests/golden_defenses.d
