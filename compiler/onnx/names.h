/* A map from names to numbers: value names of one graph scope. Keys are not copied; they must outlive the map. */
#ifndef AX_ONNX_NAMES_H
#define AX_ONNX_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names {
    struct names_slot {
        const char *key;
        int value;
    } * slots;
    size_t cap, count;
};

/* The number of `key` to be read or written; NULL if it is unknown. Valid until the next names_put. */
int *names_find(const struct names *m, const char *key);
void names_put(struct names *m, const char *key, int value); /* replaces; aborts when memory ends */
void names_free(struct names *m);

#endif
