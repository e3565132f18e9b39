#include "claims/arxiv_2404_07129/paper.h"
#include "claims/arxiv_2407_10827/paper.h"
#include "claims/arxiv_2606_02378/paper.h"
#include "claims/paper.h"

const struct paper *const papers[] = {&arxiv_2606_02378, &arxiv_2407_10827, &arxiv_2404_07129,
                                      NULL};
