/* SPDX-License-Identifier: MIT */
/* What every fuzz target defines. libFuzzer brings the main() that calls it; replay.c is another one. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#endif
