/* How a page looks: without <style>. */
#ifndef ATTEST_REPORT_PAGE_STYLE_H
#define ATTEST_REPORT_PAGE_STYLE_H

#include "base/text.h"

void page_style(struct text *text);

#endif
