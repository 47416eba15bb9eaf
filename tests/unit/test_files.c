#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "temp.h"

static struct ax_arena mem;
static struct ax_error err;

static char *in(const char *name)
{
    return ax_path_join(&mem, temp_dir(), name);
}

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static void assert_content(const char *path, const char *expected)
{
    uint8_t *data;
    size_t n;
    assert_int_equal(ax_file_read(path, 1 << 20, &data, &n, &err), AX_OK);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(data, expected, n + 1);
    free(data);
}

static void write_and_read(void **state)
{
    (void)state;
    char *path = in("a/b/c.txt");
    assert_int_equal(ax_dir_make(in("a/b"), &err), AX_OK);
    assert_int_equal(ax_dir_make(in("a/b/"), &err), AX_OK);
    assert_int_equal(ax_file_write(path, "one", 3, &err), AX_OK);
    assert_int_equal(ax_file_write(path, "three", 5, &err), AX_OK);
    assert_content(path, "three");
    assert_int_equal(entries(in("a/b")), 1);
    struct ax_mapping m;
    assert_int_equal(ax_file_map(path, &m, &err), AX_OK);
    assert_int_equal(m.bytes, 5);
    ax_file_unmap(&m);
    uint8_t *data;
    size_t n;
    assert_int_equal(ax_file_read(path, 4, &data, &n, &err), AX_FORMAT);
    assert_int_equal(ax_file_read(in("none"), 4, &data, &n, &err), AX_NOT_FOUND);
    assert_int_equal(ax_file_read(temp_dir(), 4, &data, &n, &err), AX_IO);
    assert_int_equal(ax_file_map("/dev/null", &m, &err), AX_IO);
    assert_int_equal(ax_file_write(in("e"), NULL, 0, &err), AX_OK);
    assert_int_equal(ax_file_map(in("e"), &m, &err), AX_OK);
    assert_null(m.data);
}

static void all_or_nothing(void **state)
{
    (void)state;
    char *dir = in("all");
    assert_int_equal(ax_dir_make(dir, &err), AX_OK);
    assert_int_equal(ax_file_write(in("all/x"), "old", 3, &err), AX_OK);
    struct ax_commit *c = ax_commit_new();
    assert_int_equal(ax_commit_add_text(c, in("all/x"), "new", &err), AX_OK);
    assert_int_equal(ax_commit_add_text(c, in("all/missing/y"), "new", &err), AX_NOT_FOUND);
    ax_commit_free(c);
    assert_content(in("all/x"), "old");
    assert_int_equal(entries(dir), 1);
    c = ax_commit_new();
    assert_int_equal(ax_commit_add_text(c, in("all/x"), "new", &err), AX_OK);
    assert_int_equal(ax_commit_add_text(c, in("all/y"), "too", &err), AX_OK);
    assert_int_equal(ax_commit_finish(c, &err), AX_OK);
    ax_commit_free(c);
    assert_content(in("all/x"), "new");
    assert_int_equal(entries(dir), 2);
}

/* A limit on file sizes stands in for a full disk: writing stops in the middle with an error. */
static void full_disk(void **state)
{
    (void)state;
    static char big[1 << 20];
    char *dir = in("full");
    struct rlimit old, small;
    assert_int_equal(ax_dir_make(dir, &err), AX_OK);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum ax_status s = ax_file_write(in("full/x"), big, sizeof big, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(s, AX_IO);
    assert_non_null(strstr(err.message, "full/x: cannot write the file"));
    assert_int_equal(entries(dir), 0);
}

static void unwritable_folder(void **state)
{
    (void)state;
    char *dir = in("locked");
    assert_int_equal(ax_dir_make(dir, &err), AX_OK);
    assert_int_equal(ax_file_write(in("file"), "", 0, &err), AX_OK);
    assert_int_equal(ax_dir_make(in("file/x"), &err), AX_IO);
    assert_int_equal(ax_file_write("/proc/axon/x", "", 0, &err), AX_NOT_FOUND);
    assert_int_equal(ax_file_write(dir, "", 0, &err), AX_IO);
    chmod(dir, 0555);
    if (geteuid()) assert_int_equal(ax_file_write(in("locked/x"), "", 0, &err), AX_IO); /* root may write anywhere */
    chmod(dir, 0755);
}

static void paths(void **state)
{
    (void)state;
    assert_string_equal(ax_path_join(&mem, "a/", "b"), "a/b");
    assert_string_equal(ax_path_join(&mem, "a", "/b"), "/b");
    assert_string_equal(ax_path_dir(&mem, "a/b/c"), "a/b");
    assert_string_equal(ax_path_dir(&mem, "c"), ".");
    assert_string_equal(ax_path_dir(&mem, "/c"), "/");
    assert_string_equal(ax_path_stem(&mem, "a.b/c.tar.gz"), "c.tar");
    assert_string_equal(ax_path_stem(&mem, "a.b/.c"), ".c");
    assert_true(ax_path_has_ext("m.ONNX", ".onnx"));
    assert_false(ax_path_has_ext(".onnx", ".onnx"));
    assert_true(ax_path_is_inside("a/..b/c"));
    assert_false(ax_path_is_inside("a/../b"));
    assert_false(ax_path_is_inside("/a"));
    assert_false(ax_path_is_inside(".."));
}

static void hashes(void **state)
{
    (void)state;
    char text[AX_HASH_TEXT];
    struct ax_hasher *h = ax_hasher_new();
    ax_hasher_add(h, "ab", 2);
    ax_hasher_add(h, "c", 1);
    struct ax_hash128 a = ax_hasher_end(h), b = ax_hash128("abc", 3);
    assert_memory_equal(&a, &b, sizeof a);
    assert_string_equal(ax_hash_text(ax_hash128("", 0), text), "99aa06d3014798d86001c324468d497f");
    assert_true(ax_hash64("", 0) == 0x2d06800538d394c2u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_and_read),    cmocka_unit_test(all_or_nothing), cmocka_unit_test(full_disk),
        cmocka_unit_test(unwritable_folder), cmocka_unit_test(paths),          cmocka_unit_test(hashes),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    ax_arena_free(&mem);
    return rc;
}
