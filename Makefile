# SPDX-License-Identifier: MIT
# A thin front for meson and the scripts in tools/: `make help` lists the targets.
# Everything runs one target at a time; ninja and meson use all cores by themselves.
.NOTPARALLEL:
.PHONY: all demo test sim soak interop bench fuzz check install clean help

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
SIM_SEEDS ?= 100
SOAK_MINUTES ?= 10

all:
	@tools/install-deps --check build
	@tools/build build

demo:
	@tools/install-deps build demo
	@tools/build build
	@tools/demo

test:
	@tools/install-deps build demo test
	@tools/test

sim:
	@tools/install-deps build
	@tools/build build
	@build/sim/herald-sim all --seeds "$(SIM_SEEDS)"

soak:
	@tools/install-deps build demo test
	@tools/build build
	@tests/net/soak $(SOAK_MINUTES)

interop:
	@tools/install-deps build demo test
	@tools/build build
	@HERALD_TEST_ALL=1 bash tests/net/interop_norm_test.sh all
	@HERALD_TEST_ALL=1 bash tests/net/put_interop_norm_test.sh all

bench:
	@tools/install-deps build demo bench
	@tools/build build
	@bench/run

fuzz:
	@tools/install-deps build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

check:
	@tools/install-deps build demo test check
	@tools/check

install: all
	@tools/build build -Dprefix="$(PREFIX)"
	@meson install -C build --no-rebuild

clean:
	rm -rf build build-*

help:
	@echo 'make          build build/herald and the library'
	@echo 'make demo     two hosts in private namespaces: one message, two acknowledgements'
	@echo 'make test     every test, plain and under ASan and UBSan'
	@echo 'make sim      the reliable transport on simulated networks, SIM_SEEDS (100) times each'
	@echo 'make soak     herald put to 16 receivers under all sorts of faults, for SOAK_MINUTES (10), and one round at least'
	@echo 'make interop  the whole matrix against another NORM, NRL'"'"'s libnorm: loss, codes, kinds of objects, feedback'
	@echo 'make bench    how fast this machine multicasts'
	@echo 'make fuzz     fuzz parsers and protocol machines for FUZZ_SECONDS (60) each'
	@echo 'make check    formatting, static analysis, clang with -Werror and sanitizers'
	@echo 'make install  to PREFIX (/usr/local), below DESTDIR if that is set'
	@echo 'make clean    remove what was built'
