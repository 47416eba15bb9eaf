/* docs/schema/model.schema.json from the table of pipeline steps. `model_schema FILE` writes it; `--check FILE` compares. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "files/modeljson.h"

int main(int argc, char **argv)
{
    struct ax_error err = {0};
    bool check = argc == 3 && !strcmp(argv[1], "--check");
    if (argc != 2 && !check) {
        fprintf(stderr, "usage: model_schema [--check] FILE\n");
        return 2;
    }
    const char *path = argv[argc - 1];
    char *schema = ax_descriptor_schema();
    uint8_t *old = NULL;
    size_t n;
    enum ax_status s = check ? ax_file_read(path, 1 << 20, &old, &n, &err) : ax_file_write(path, schema, strlen(schema), &err);
    if (!s && check && strcmp((const char *)old, schema))
        s = ax_fail(&err, AX_FORMAT, "%s differs from the table of steps; make it anew with model_schema", path);
    if (s) fprintf(stderr, "model_schema: %s\n", err.message);
    free(old);
    free(schema);
    return s != AX_OK;
}
