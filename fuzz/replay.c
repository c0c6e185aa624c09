/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target once over every file of a directory: a corpus becomes a test that needs no fuzzer.
 *
 *   replay_TARGET DIRECTORY
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 65536 };

/* @return 0; -errno. The name goes out first: when the target aborts, it stands last. */
static int replay(const char *directory, const char *name)
{
    static uint8_t input[INPUT_BYTES_MAX];
    char path[4096];
    FILE *file;
    size_t size_bytes;

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
        return -ENAMETOOLONG;
    file = fopen(path, "rb");
    if (!file)
        return -errno;
    size_bytes = fread(input, 1, sizeof(input), file);
    fclose(file);
    printf("# %s\n", name);
    fflush(stdout);
    LLVMFuzzerTestOneInput(input, size_bytes);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *directory;
    struct dirent *entry;
    unsigned count = 0;

    if (argc != 2 || !(directory = opendir(argv[1]))) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        int result = replay(argv[1], entry->d_name);
        if (result < 0) {
            fprintf(stderr, "%s: %s\n", entry->d_name, strerror(-result));
            return 1;
        }
        count++;
    }
    closedir(directory);
    printf("# %u inputs\n", count);
    return count > 0 ? 0 : 1;
}
