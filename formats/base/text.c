#include "base/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 64 };

static int fold(char c)
{
    return c == '-' ? '_' : tolower((unsigned char)c);
}

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

int ax_edit_distance(const char *a, const char *b)
{
    int row[3][MAX_WORD + 1];
    int n = (int)strnlen(a, MAX_WORD), m = (int)strnlen(b, MAX_WORD);
    for (int j = 0; j <= m; j++) row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int change = fold(a[i - 1]) != fold(b[j - 1]);
            now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + change);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
                now[j] = min3(now[j], up2[j - 2] + 1, INT_MAX);
        }
    }
    return row[n % 3][m];
}

const char *ax_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    int len = (int)strnlen(word, MAX_WORD), least = len / 3 + (len > 2);
    for (; *words; words++) {
        int d = ax_edit_distance(word, *words);
        if (d <= least) {
            if (best && d == least) continue;
            best = *words;
            least = d;
        }
    }
    return best;
}

char *ax_bytes_text(long long bytes, char buf[AX_BYTES_TEXT])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double x = (double)bytes;
    int u = 0;
    while (x >= 1000 && u < 4) {
        x /= 1000;
        u++;
    }
    snprintf(buf, AX_BYTES_TEXT, u ? "%.2f %s" : "%.0f %s", x, units[u]);
    return buf;
}
