/* partition.json, profile.json and descriptions of devices: what is read can be written, and is read again as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/device.h"
#include "files/partition.h"
#include "files/profile.h"
#include "fuzz.h"

static void partition(const char *text, size_t bytes)
{
    struct ax_error err;
    struct ax_arena mem = {0};
    struct ax_partition p, again;
    if (!ax_partition_parse(text, bytes, "fuzz", &p, &mem, &err)) {
        FILE *nowhere = fopen("/dev/null", "w");
        if (nowhere) {
            ax_partition_print(&p, nowhere);
            ax_partition_print_crossing(&p, nowhere);
            fclose(nowhere);
        }
        char *first = ax_partition_text(&p);
        if (ax_partition_parse(first, strlen(first), "fuzz", &again, &mem, &err)) abort();
        char *second = ax_partition_text(&again);
        if (strcmp(first, second)) abort();
        free(first);
        free(second);
    }
    ax_arena_free(&mem);
}

static void profile(const char *text, size_t bytes)
{
    struct ax_error err;
    struct ax_arena mem = {0};
    struct ax_profile p;
    if (!ax_profile_parse(text, bytes, "fuzz", &p, &mem, &err)) free(ax_profile_text(&p));
    ax_arena_free(&mem);
}

static void device(const char *text, size_t bytes)
{
    struct ax_error err;
    struct ax_arena mem = {0};
    struct ax_device_desc d;
    if (!ax_device_parse(text, bytes, "fuzz", &d, &mem, &err)) free(ax_device_text(&d, NULL));
    ax_arena_free(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    partition((const char *)data, bytes);
    profile((const char *)data, bytes);
    device((const char *)data, bytes);
    return 0;
}

uint8_t *fuzz_seed(int i, size_t *bytes)
{
    static const char *const seeds[] = {
        "{\"format\":\"axon-partition\",\"version\":1,\"name\":\"n\",\"source\":\"model.axmodel\",\"source_ha"
        "sh\":\"00\",\"by\":\"size\",\"device\":\"cpu\",\"unit\":\"us\",\"num_segments\":2,\"bottleneck\":3.5"
        ",\"lower_bound\":3,\"gap\":0.1,\"exact\":true,\"crossing_bytes\":16,\"measured_us\":null,\"inputs\":"
        "[\"x\"],\"outputs\":[\"y\"],\"segments\":[{\"file\":\"n_segment_0_of_2.axmodel\",\"replicas\":1,\"op"
        "erations\":2,\"macs\":9,\"parameter_bytes\":8,\"on_chip_bytes\":8,\"remaining_bytes\":1,\"off_chip_b"
        "ytes\":0,\"input_bytes\":4,\"output_bytes\":16,\"compute\":1,\"streaming\":0,\"transfer\":0.5,\"cost"
        "\":3.5,\"measured_us\":4,\"nodes\":[[0,1]]},{\"file\":\"b.axmodel\",\"replicas\":2,\"operations\":1,"
        "\"nodes\":[[2,2]],\"cost\":1}],\"tensors\":[{\"name\":\"x\",\"type\":\"float32\",\"shape\":[1,4],\"b"
        "ytes\":16,\"from\":-1,\"to\":[0]},{\"name\":\"t\",\"type\":\"int8\",\"shape\":[16],\"bytes\":16,\"fr"
        "om\":0,\"to\":[1],\"output\":true}]}",
        "{\"format\":\"axon-profile\",\"version\":1,\"model\":\"m\",\"device\":{\"name\":\"cpu\",\"features\""
        ":\"avx2\",\"cores\":1},\"count\":3,\"latency_ms\":1.5,\"steps\":[{\"name\":\"c\",\"kind\":\"conv_s8\""
        ",\"kernel\":\"k\",\"node\":0,\"macs\":7,\"median_us\":3.5,\"min_us\":3,\"p95_us\":4,\"share\":1}]}",
        "{\"format\":\"axon-device\",\"version\":1,\"name\":\"d\",\"cores\":4,\"clock_hz\":1e9,\"on_chip_byte"
        "s\":4096,\"stream_bytes_per_second\":1e6,\"call_seconds\":1e-3,\"cooperation\":0.5,\"shared_link\":t"
        "rue,\"step_scales\":[{\"step\":\"c\",\"scale\":2}],\"sources\":[\"s\"]}",
    };
    if (i >= 3) return NULL;
    *bytes = strlen(seeds[i]);
    return (uint8_t *)strdup(seeds[i]);
}
