/* model.json, manifest.json and the descriptors of cascades. */
#include <stdlib.h>
#include <string.h>

#include "files/cascade.h"
#include "files/manifest.h"
#include "files/modeljson.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct ax_error err;
    struct ax_descriptor p;
    struct ax_manifest m;
    struct ax_cascade c;
    struct ax_arena mem = {0};
    (void)!ax_cascade_parse((const char *)data, bytes, "fuzz", &c, &err);
    ax_cascade_free(&c);
    if (!ax_descriptor_parse((const char *)data, bytes, "fuzz", &p, &err)) free(ax_descriptor_text(&p));
    ax_descriptor_free(&p);
    if (!ax_manifest_parse((const char *)data, bytes, "fuzz", &m, &mem, &err)) free(ax_manifest_text(&m));
    ax_arena_free(&mem);
    return 0;
}

uint8_t *fuzz_seed(int i, size_t *bytes)
{
    static const char *const seeds[] = {
        "{\"name\":\"n\",\"model\":\"m.axmodel\",\"preprocessing\":[{\"type\":\"resize\",\"width\":640,\"height\":480,\"mode\":"
        "\"letterbox\"},{\"type\":\"normalize\",\"mean\":[0,0.5,1e-3],\"std\":1}],\"postprocessing\":[{\"type\":\"decode_"
        "yolov5\","
        "\"anchors\":[1,2,3,4],\"labels\":[\"a\",\"b\"]},{\"type\":\"nms\",\"class_agnostic\":true},{\"type\":\"label_filter\","
        "\"keep\":[\"a\"]}]}",
        "{\"name\":\"n\",\"key\":\"k\",\"inputs\":[{\"name\":\"x\",\"type\":\"float32\",\"layout\":\"NCHW\",\"shape\":[1,3,2,2]"
        ","
        "\"scale\":[0.5,0.25],\"zero_point\":[1,-2],\"axis\":1,\"stored\":{\"type\":\"int8\",\"layout\":\"planes\",\"shape\":["
        "1],"
        "\"padding\":[1,1,1,1]}}],\"outputs\":[],\"operations\":[{\"name\":\"c\",\"op\":\"Conv\",\"precision\":\"int8\","
        "\"macs\":3,"
        "\"sqnr_db\":30.5}],\"tensors\":[{\"name\":\"t\",\"type\":\"int8\",\"shape\":[2],\"scale\":1,\"zero_point\":0}],"
        "\"options\":{\"range\":\"mse\"},\"calibration\":{\"count\":3,\"warnings\":[\"w\"]}}",
        "{\"name\":\"c\",\"stages\":[{\"name\":\"a\",\"model\":\"m\",\"cores\":\"auto\"},{\"name\":\"b\",\"model\":\"n\","
        "\"cores\":2,"
        "\"regions\":{\"of\":\"a\",\"labels\":[\"x\",\"7\"],\"min_score\":0.5,\"max\":4,\"scale\":[2,2.6],\"shift\":[0,-0.5],"
        "\"square\":true,"
        "\"rotate\":{\"from\":0,\"to\":2,\"angle\":90},\"fit\":\"letterbox\"},\"nms\":{\"iou_threshold\":0.3}}]}",
    };
    if (i >= 3) return NULL;
    *bytes = strlen(seeds[i]);
    return (uint8_t *)strdup(seeds[i]);
}
