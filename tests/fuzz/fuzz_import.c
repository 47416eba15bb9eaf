/* Fuzzing the ONNX importer: bytes -> file -> ax_import. With clang, -fsanitize=fuzzer and -DAX_LIBFUZZER it is a libFuzzer
 * target; otherwise main runs a corpus and mutations of it that depend on nothing but the seed:
 *
 *   fuzz_import [--rounds N] [--seed S] FILE|FOLDER...
 *
 * Every file is tried as it is, cut short at each fiftieth of its length, and N times with bytes flipped, fields of wire format
 * overwritten, pieces moved and noise in place of pieces. Import must give a graph that verifies, or an error with a message;
 * sanitizers see to the rest. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "onnx/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char scratch[32];

static void remove_scratch(void)
{
    unlink(scratch);
}

static void write_scratch(const uint8_t *data, size_t size)
{
    if (!scratch[0]) {
        snprintf(scratch, sizeof scratch, "fuzz-import-%ld.onnx", (long)getpid());
        atexit(remove_scratch);
    }
    FILE *f = fopen(scratch, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) abort();
}

static void must(int holds, const char *what, const char *message)
{
    if (holds) return;
    fprintf(stderr, "fuzz_import: %s: %s\n", what, message);
    abort();
}

static void import_scratch(int64_t batch)
{
    struct ax_import_options opt = {.batch = batch};
    struct ax_graph *g = NULL;
    struct ax_error err = {0};
    if (ax_import(scratch, &opt, &g, &err)) {
        must(!g, "a graph came with an error", err.message);
        must(err.status != AX_OK && err.message[0], "an error without a message", "");
        must(err.status != AX_INTERNAL, "an internal error", err.message);
        return;
    }
    must(g != NULL, "no graph and no error", "");
    must(!ax_graph_verify(g, &err), "the graph does not verify", err.message);
    ax_graph_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ax_arena arena;
    struct ax_error err;
    enum ax_dtype t;
    struct ax_shape s;
    void *p;
    char *name;
    write_scratch(data, size);
    import_scratch(0);
    import_scratch(1);
    ax_arena_init(&arena);
    ax_import_tensor(scratch, &arena, &name, &t, &s, &p, &err);
    ax_arena_free(&arena);
    return 0;
}

#ifndef AX_LIBFUZZER

static uint64_t state;

static uint32_t random_below(uint32_t n)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* xorshift */
    return n ? (uint32_t)(state >> 32) % n : 0;
}

static const uint8_t interesting[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x08, 0x0a, 0x12, 0x3a, 0x2a, 0x32, 0x4a, 0xfe};

static size_t mutate(uint8_t *p, size_t n, const uint8_t *original)
{
    for (uint32_t k = 1 + random_below(8); k > 0 && n; k--) {
        size_t at = random_below((uint32_t)n), len = 1 + random_below(16);
        if (len > n - at) len = n - at;
        switch (random_below(6)) {
        case 0: p[at] ^= (uint8_t)(1u << random_below(8)); break;
        case 1: p[at] = interesting[random_below(sizeof interesting)]; break;
        case 2: p[at] = (uint8_t)(p[at] + random_below(9) - 4); break;
        case 3:
            for (size_t i = 0; i < len; i++) p[at + i] = (uint8_t)random_below(256);
            break;
        case 4: memmove(p + at, original + random_below((uint32_t)(n - len + 1)), len); break;
        default: /* a piece less */ memmove(p + at, p + at + len, n - at - len); n -= len;
        }
    }
    return n;
}

static long runs;

static void try_bytes(const uint8_t *p, size_t n)
{
    LLVMFuzzerTestOneInput(p, n);
    runs++;
}

static void try_file(const char *path, int rounds)
{
    enum { MOST = 8 << 20, FLIPPED = 64 << 10 };
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(MOST), *q = malloc(MOST);
    if (!f || !p || !q) {
        fprintf(stderr, "fuzz_import: cannot read %s\n", path);
        exit(1);
    }
    size_t n = fread(p, 1, MOST, f);
    fclose(f);
    try_bytes(p, n);
    for (int i = 0; i < 50 && n; i++) try_bytes(p, n * (size_t)i / 50);
    for (int i = 0; i < rounds && n && n <= FLIPPED; i++) {
        memcpy(q, p, n);
        try_bytes(q, mutate(q, n, p));
    }
    free(p);
    free(q);
}

static void try_path(const char *path, int rounds)
{
    struct stat st;
    struct dirent **list;
    if (stat(path, &st)) exit(fprintf(stderr, "fuzz_import: cannot read %s\n", path) > 0);
    if (!S_ISDIR(st.st_mode)) {
        try_file(path, rounds);
        return;
    }
    int n = scandir(path, &list, NULL, alphasort); /* sorted: the same order everywhere */
    for (int i = 0; i < n; i++) {
        char inner[1024];
        snprintf(inner, sizeof inner, "%s/%s", path, list[i]->d_name);
        if (list[i]->d_name[0] != '.') try_path(inner, rounds);
        free(list[i]);
    }
    if (n >= 0) free(list);
}

static void try_noise(int rounds)
{
    uint8_t noise[512];
    for (int i = 0; i < rounds; i++) {
        size_t n = random_below(sizeof noise);
        for (size_t k = 0; k < n; k++) noise[k] = (uint8_t)random_below(256);
        if (n > 2 && i % 2) noise[0] = 0x3a, noise[1] = (uint8_t)(n - 2); /* a graph of noise */
        try_bytes(noise, n);
    }
}

int main(int argc, char **argv)
{
    int rounds = 50;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
            rounds = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else {
            state = seed * 0x9e3779b97f4a7c15u + 1;
            try_path(argv[i], rounds);
        }
    }
    state = seed * 0x9e3779b97f4a7c15u + 1;
    try_noise(rounds * 10);
    printf("%ld files tried\n", runs);
    return 0;
}
#endif
