/* Markdown that must fit into a comment. */
#ifndef ATTEST_REPORT_FIT_H
#define ATTEST_REPORT_FIT_H

#include "base/text.h"

/* Characters of a comment on GitHub, at most; bytes are counted, which are never fewer. */
#define FIT_MOST ((size_t)65536)

/* Sections of a page, in Markdown; ranks[count]: 0 is cut last. Where they are longer than `most`
 * together, those of a high rank are cut behind a line of theirs, and a sentence there says how
 * much is left out and where it is; what folds is closed. `most` is at least FIT_LEAST a section.
 * text->failed without memory. */
#define FIT_LEAST ((size_t)600)
void fit_sections(struct text *sections, const int *ranks, size_t count, size_t most);

#endif
