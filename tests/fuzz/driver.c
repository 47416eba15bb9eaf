#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 20000, MAX_TRUNCATIONS = 1500 };

static int file_rounds = 200;
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t next(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % (below ? below : 1);
}

/* Each input in memory of exactly its size, so that a sanitizer sees any byte read beyond. */
static void run(const uint8_t *data, size_t n)
{
    uint8_t *copy = calloc(n ? n : 1, 1);
    if (n) memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static size_t mutate(uint8_t *p, size_t n)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    for (int k = 1 + (int)next(4); k > 0 && n; k--) {
        size_t at = next((uint32_t)n), len = 1 + next(16);
        if (len > n - at) len = n - at;
        switch (next(6)) {
        case 0: p[at] ^= (uint8_t)(1 << next(8)); break;
        case 1: p[at] = (uint8_t)next(256); break;
        case 2: memset(p + at, edges[next(6)], len); break;
        case 3: memmove(p + at, p + next((uint32_t)(n - len + 1)), len); break;
        case 4: p[at] = (uint8_t)(p[at] + (next(2) ? 1 : -1)); break;
        case 5:
            memmove(p + at, p + at + len, n - at - len);
            n -= len;
            break;
        }
    }
    return n;
}

static void torture(const uint8_t *seed, size_t n, int rounds)
{
    uint8_t *p = malloc(n + 1);
    run(seed, n);
    size_t stride = n / MAX_TRUNCATIONS + 1;
    for (size_t i = 0; i < n; i += stride) run(seed, i);
    for (int i = 0; i < rounds; i++) {
        memcpy(p, seed, n);
        run(p, mutate(p, n));
    }
    free(p);
}

static int torture_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return 1;
    static uint8_t buf[1 << 22];
    size_t n = fread(buf, 1, sizeof buf, f);
    fclose(f);
    torture(buf, n, file_rounds);
    return 0;
}

static int torture_folder(const char *dir)
{
    DIR *d = opendir(dir);
    int rc = 0;
    if (!d) return torture_file(dir);
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096];
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        rc |= torture_file(path);
    }
    closedir(d);
    return rc;
}

/* Arguments: files or folders of inputs to run besides the seeds (what once crashed, for example). AXON_FUZZ_ROUNDS sets how
 * many changed inputs each seed and each file gives. */
int main(int argc, char **argv)
{
    int rc = 0, rounds = getenv("AXON_FUZZ_ROUNDS") ? atoi(getenv("AXON_FUZZ_ROUNDS")) : ROUNDS;
    if (getenv("AXON_FUZZ_ROUNDS")) file_rounds = rounds;
    size_t n;
    uint8_t *seed;
    for (int i = 0; (seed = fuzz_seed(i, &n)); i++) {
        torture(seed, n, rounds);
        free(seed);
    }
    for (int i = 1; i < argc; i++) rc |= torture_folder(argv[i]);
    return rc;
}
