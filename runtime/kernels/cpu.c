#include "kernels/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

static const struct {
    const char *name;
    uint32_t bit, needs;
} rows[] = {
    {"avx2", AX_CPU_AVX2, 0},
    {"avx_vnni", AX_CPU_AVX_VNNI, AX_CPU_AVX2},
    {"avx512", AX_CPU_AVX512, AX_CPU_AVX2},
    {"avx512_vnni", AX_CPU_AVX512_VNNI, AX_CPU_AVX512},
    {"avx512_vbmi", AX_CPU_AVX512_VBMI, AX_CPU_AVX512},
    {"amx_int8", AX_CPU_AMX_INT8, AX_CPU_AVX512 | AX_CPU_AVX512_VNNI},
    {"neon", AX_CPU_NEON, 0},
    {"neon_dot", AX_CPU_NEON_DOT, AX_CPU_NEON},
    {"neon_i8mm", AX_CPU_NEON_I8MM, AX_CPU_NEON},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

#if defined(__x86_64__)

/* Which register files the operating system saves: bit 1 SSE, 2 AVX, 5-7 AVX-512, 17-18 AMX tiles. */
static uint64_t saved_state(void)
{
    uint32_t a, d;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (uint64_t)d << 32 | a;
}

/* Linux keeps the tiles' state component locked until a process asks for it; threads made later inherit the leave. */
static int ask_for_tiles(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static uint32_t detect(void)
{
    uint32_t a, b, c, d, features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    if (!(c & bit_OSXSAVE) || !(c & bit_AVX)) return 0;
    uint64_t os = saved_state();
    int avx = (os & 0x06) == 0x06, avx512 = (os & 0xe6) == 0xe6, tiles = (os & 0x60000) == 0x60000;
    int fma = (c & bit_FMA) && (c & bit_F16C);
    if (!avx || !fma || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (!(b & bit_AVX2)) return 0;
    features |= AX_CPU_AVX2;
    uint32_t most = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if (avx512 && (b & most) == most) {
        features |= AX_CPU_AVX512;
        if (c & bit_AVX512VNNI) features |= AX_CPU_AVX512_VNNI;
        if (c & bit_AVX512VBMI) features |= AX_CPU_AVX512_VBMI;
    }
    int amx = (d >> 24 & 1) && (d >> 25 & 1); /* AMX-TILE, AMX-INT8 */
    if (tiles && amx && ask_for_tiles()) features |= AX_CPU_AMX_INT8;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1)) features |= AX_CPU_AVX_VNNI;
    return features;
}

#elif defined(__aarch64__)

static uint32_t detect(void)
{
    enum { ASIMDDP = 1 << 20, I8MM = 1 << 13 };
    uint32_t features = AX_CPU_NEON;
    if (getauxval(AT_HWCAP) & ASIMDDP) features |= AX_CPU_NEON_DOT;
    if (getauxval(AT_HWCAP2) & I8MM) features |= AX_CPU_NEON_I8MM;
    return features;
}

#else

static uint32_t detect(void)
{
    return 0;
}

#endif

/* Rows stand in an order in which prerequisites come first. */
static uint32_t with_prerequisites(uint32_t f)
{
    for (int i = 0; i < N_ROWS; i++)
        if ((f & rows[i].needs) != rows[i].needs) f &= ~rows[i].bit;
    return f;
}

int ax_cpu_parse(const char *text, uint32_t *mask)
{
    *mask = 0;
    while (*text) {
        size_t n = strcspn(text, ",");
        int known = 0;
        if (n == 6 && !memcmp(text, "scalar", n)) known = 1;
        if (n == 3 && !memcmp(text, "all", n)) known = 1, *mask = ~0u;
        for (int i = 0; i < N_ROWS && !known; i++)
            if (n == strlen(rows[i].name) && !memcmp(text, rows[i].name, n)) known = 1, *mask |= rows[i].bit;
        if (!known) return -1;
        text += n + (text[n] == ',');
    }
    return 0;
}

void ax_cpu_text(uint32_t features, char *buf, int bytes)
{
    int at = 0;
    if (bytes > 0) buf[0] = 0;
    for (int i = 0; i < N_ROWS; i++)
        if ((features & rows[i].bit) && at < bytes)
            at += snprintf(buf + at, (size_t)(bytes - at), "%s%s", at ? "," : "", rows[i].name);
    if (at == 0) snprintf(buf, (size_t)bytes, "scalar");
}

static uint32_t found_features;

static void find_features(void)
{
    uint32_t mask = ~0u;
    const char *wish = getenv("AXON_CPU");
    if (wish && *wish && ax_cpu_parse(wish, &mask)) {
        fprintf(stderr, "axon: AXON_CPU=%s: unknown name; known are scalar, all", wish);
        for (int i = 0; i < N_ROWS; i++) fprintf(stderr, ", %s", rows[i].name);
        fprintf(stderr, ". Taken as all.\n");
        mask = ~0u;
    }
    found_features = with_prerequisites(detect() & mask);
}

uint32_t ax_cpu_features(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_features);
    return found_features;
}

static int64_t cache_field(int index, const char *field, char *text, int bytes)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, field);
    FILE *f = fopen(path, "r");
    if (!f) return -1;
    int ok = fgets(text, bytes, f) != NULL;
    fclose(f);
    if (!ok) return -1;
    char *end;
    int64_t n = strtoll(text, &end, 10);
    if (*end == 'K') n <<= 10;
    if (*end == 'M') n <<= 20;
    return n;
}

struct ax_cpu_caches ax_cpu_caches(void)
{
    struct ax_cpu_caches c = {0, 0, 0};
    for (int i = 0; i < 8; i++) {
        char text[64];
        int64_t level = cache_field(i, "level", text, sizeof text);
        if (level < 0) break;
        if (cache_field(i, "type", text, sizeof text) < 0 || text[0] == 'I') continue;
        int64_t size = cache_field(i, "size", text, sizeof text);
        if (size < 0) continue;
        if (level == 1) c.l1d = size;
        if (level == 2) c.l2 = size;
        if (level == 3) c.l3 = size;
    }
    return c;
}

int ax_cpu_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}
