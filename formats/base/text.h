/* Small helpers on words: which known word did the user mean? */
#ifndef AX_BASE_TEXT_H
#define AX_BASE_TEXT_H

/* Edit distance (insert, delete, replace, swap of neighbours); case is ignored, '-' equals '_'. Words beyond 64 characters
 * count by their first 64. */
int ax_edit_distance(const char *a, const char *b);

/* The word of the NULL-terminated list that is nearest to `word`, NULL if none is near enough to be a slip of the pen. */
const char *ax_nearest(const char *word, const char *const *words);

/* "12.3 MB" for people, decimal units; returns buf. */
enum { AX_BYTES_TEXT = 32 };
char *ax_bytes_text(long long bytes, char buf[AX_BYTES_TEXT]);

#endif
