#include "onnx/lift.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "onnx/shim.h"

enum { TEXT = 512, MAX_SECONDS = 60 };

struct answer {
    uint64_t bytes; /* of the model that follows */
    int failed;
    char message[TEXT];
};

static bool send_all(int fd, const void *p, size_t n)
{
    for (const char *q = p; n;) {
        ssize_t k = write(fd, q, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        q += k, n -= (size_t)k;
    }
    return true;
}

static bool receive_all(int fd, void *p, size_t n)
{
    for (char *q = p; n;) {
        ssize_t k = read(fd, q, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        q += k, n -= (size_t)k;
    }
    return true;
}

static void convert(int fd, const uint8_t *model, size_t bytes, int opset)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct answer a = {0};
    uint8_t *out = NULL;
    size_t n = 0;
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], SIG_DFL); /* no handler of the parent's */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    alarm(MAX_SECONDS);
    a.failed = ax_onnx_lift(model, bytes, opset, &out, &n, a.message, sizeof a.message);
    a.bytes = a.failed ? 0 : n;
    _exit(send_all(fd, &a, sizeof a) && send_all(fd, out, (size_t)a.bytes) ? 0 : 1);
}

static bool receive(int fd, struct answer *a, uint8_t **out)
{
    if (!receive_all(fd, a, sizeof *a)) return false;
    if (a->failed) return true;
    *out = malloc((size_t)a->bytes + 1);
    return *out && receive_all(fd, *out, (size_t)a->bytes);
}

int lift_apart(const uint8_t *model, size_t bytes, int opset, uint8_t **out, size_t *out_bytes, char *message,
               size_t message_bytes)
{
    struct answer a = {0};
    int fd[2];
    *out = NULL;
    snprintf(message, message_bytes, "its converter crashed on the model");
    pid_t pid = pipe(fd) ? -1 : fork();
    if (pid < 0) return snprintf(message, message_bytes, "no process for it: %s", strerror(errno)), 1;
    if (pid == 0) convert(fd[1], model, bytes, opset);
    close(fd[1]);
    bool whole = receive(fd[0], &a, out);
    close(fd[0]);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    if (whole && a.failed) snprintf(message, message_bytes, "%.*s", TEXT, a.message);
    *out_bytes = (size_t)a.bytes;
    if (whole && !a.failed) return 0;
    free(*out);
    *out = NULL;
    return 1;
}
