# The one door to building lethe; CMake does the work.
#
#   make            build/lethe and build/liblethe.so        make demo    the main job on real images (FULL=1: all of them)
#   make test       install what is missing, build, test     make parity  only the comparisons with PyTorch's numbers
#   make check      format, layers, cppcheck                 make sanitize | valgrind | fuzz | coverage | tidy
#   make bench      compare speed with PyTorch               make install [PREFIX=/usr/local DESTDIR=]

BUILD ?= build
PREFIX ?= /usr/local
CMAKE_FLAGS ?=
JOBS ?= $(shell nproc)
GENERATOR := $(if $(shell command -v ninja),-G Ninja)
export CTEST_OUTPUT_ON_FAILURE = 1

.PHONY: all demo test parity check tidy format sanitize asan ubsan tested valgrind clang fuzz coverage bench install clean

configure = cmake -S . -B $(BUILD) $(GENERATOR) -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(CMAKE_FLAGS) $(1) >$(BUILD).log 2>&1 \
  && rm -f $(BUILD).log || { cat $(BUILD).log; echo "If a library is missing: tools/install-dependencies"; rm -f $(BUILD).log; exit 1; }

all: $(BUILD)/CMakeCache.txt
	@cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/CMakeCache.txt:
	@$(call configure)

demo:
	@tools/install-dependencies demo
	@$(call configure,-DLETHE_TESTS=OFF)
	@cmake --build $(BUILD) -j $(JOBS)
	@experiments/demo $(if $(FULL),--full)

test:
	@tools/install-dependencies test
	@$(call configure,-DLETHE_TESTS=ON)
	@cmake --build $(BUILD) -j $(JOBS)
	@tools/check_layers
	@ctest --test-dir $(BUILD) -j $(JOBS)

parity: all
	@ctest --test-dir $(BUILD) -j $(JOBS) -L parity

# The same tests under sanitizers, in build folders of their own. SELECT="-LE parity" leaves some out.
sanitize:
	@$(MAKE) --no-print-directory tested BUILD=build-sanitize CMAKE_FLAGS="-DLETHE_SANITIZE=address,undefined"
asan:
	@$(MAKE) --no-print-directory tested BUILD=build-asan CMAKE_FLAGS="-DLETHE_SANITIZE=address"
ubsan:
	@$(MAKE) --no-print-directory tested BUILD=build-ubsan CMAKE_FLAGS="-DLETHE_SANITIZE=undefined"
tested: all
	@ctest --test-dir $(BUILD) -j $(JOBS) $(SELECT)

clang:
	@CC=clang $(MAKE) --no-print-directory all BUILD=build-clang

# libgomp keeps its threads' memory to the end, which valgrind calls possibly lost: only definite leaks count.
valgrind: all
	@tools/valgrind $(BUILD)

check: all
	@tools/check_layers
	@clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	@cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
	  --suppress=missingIncludeSystem -D_GNU_SOURCE -DLETHE__ISA=baseline -Iinclude -Isrc -j $(JOBS) src examples

# A process for each file: in one for all, clang-tidy takes every va_list for an uninitialised one.
tidy: all
	@git ls-files 'src/*.c' | grep -v _kernels.c | xargs -P $(JOBS) -n 1 clang-tidy -quiet -p $(BUILD)

format:
	@clang-format -i $$(git ls-files '*.c' '*.h')

fuzz:
	@CC=clang $(MAKE) --no-print-directory all BUILD=build-fuzz CMAKE_FLAGS="-DLETHE_FUZZ=ON -DLETHE_SANITIZE=address,undefined"
	@tools/fuzz build-fuzz

coverage:
	@$(MAKE) --no-print-directory tested BUILD=build-coverage CMAKE_FLAGS="-DLETHE_COVERAGE=ON"
	@gcovr --root . --object-directory build-coverage --filter src/ --print-summary

bench: all
	@bench/compare

install: all
	@cmake --install $(BUILD)

clean:
	@rm -rf build build-*
