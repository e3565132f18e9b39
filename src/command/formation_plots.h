/* Plots of the curves that training runs of arXiv 2404.07129 left. */
#ifndef ATTEST_COMMAND_FORMATION_PLOTS_H
#define ATTEST_COMMAND_FORMATION_PLOTS_H

#include "study/curves.h"

/* Writes DIR/MODEL-figure-FIGURE.svg for every model and figure, and DIR/curves.csv with all
 * points. Errors: EXIT_RUN. */
int formation_plots(const struct study_curves *curves, const char *directory, struct error *error);

#endif
