/* Predicates about curves of training, which are published as images alone. Limits say what the
 * words of the text were taken to mean, before anything was trained here.
 *
 * Readings of "learned": the first evaluation with a loss on fsl_train below 0.4 ln 2 (columns
 * learned), with an accuracy of at least 0.9 (learned_accuracy). Of "plateau": evaluations with
 * |loss - ln 2| < 0.05 (plateau), the longest stretch of such (plateau_longest), from the first to
 * the last of them (plateau_between). */
#include "claims/arxiv_2404_07129/predicate.h"
#include "claims/arxiv_2404_07129/predicate_rows.h"

#define PHC "PHC"
#define HED "HED"
#define CLP "CLP"
#define PRV "PRV"
#define SWP "SWP"
#define MAT "MAT"
#define GRF "GRF"
#define TOY "TOY"

/* The readings of "plateau" and of "learned". */
#define OF_PLATEAUS(kind, limit, ...)                                                              \
  {                                                                                                \
    READ("evaluations near ln 2", kind, limit, "plateau", __VA_ARGS__),                            \
        READ("longest stretch near ln 2", kind, limit, "plateau_longest", __VA_ARGS__),            \
        READ("first to last near ln 2", kind, limit, "plateau_between", __VA_ARGS__)               \
  }
#define OF_LEARNED(kind, limit, ...)                                                               \
  {                                                                                                \
    READ("loss < 0.4 ln 2", kind, limit, "learned", __VA_ARGS__),                                  \
        READ("accuracy >= 0.9", kind, limit, "learned_accuracy", __VA_ARGS__)                      \
  }
/* A clamp takes away most of the plateau; all of it. */
#define MOST 0.5
#define ALL 0.1

/* clang-format off */
const struct predicate course_predicates[] = {
    {{"P3-101", "section 3, Figure 3a", true}, PHC, "the loss stays near ln 2 before it falls",
     "a plateau", false, OF_PLATEAUS(run_at_least, 50, "unclamped")},
    {{"P3-102", "section 3, Figure 3a", false}, PHC, "then it falls abruptly", "a phase change",
     false,
     {READ("from ln 2 - 0.05 to 0.4 ln 2 in at most 100,000 sequences", run_below, 100000,
           "drop", "unclamped"),
      READ("in at most 200,000 sequences", run_below, 200000, "drop", "unclamped")}},
    {{"P3-103", "section 3, Figure 3a", false}, PHC, "new label pairs follow the training loss",
     "test follows train", false,
     {READ("learned within 1.2 times the time", run_follows, 1.2, "unclamped",
           "learned_relabel", "learned"),
      READ("within twice the time", run_follows, 2, "unclamped", "learned_relabel", "learned")}},
    {{"P3-104", "section 3, Figure 3a", true}, PHC, "unseen classes follow the training loss",
     "test follows train", false,
     {READ("learned within 1.2 times the time", run_follows, 1.2, "unclamped",
           "learned_classes", "learned"),
      READ("within twice the time", run_follows, 2, "unclamped", "learned_classes", "learned")}},
    {{"P3-105", "section 3, Figure 3a", false}, PHC, "other exemplars follow the training loss",
     "test follows train", false,
     {READ("learned within 1.2 times the time", run_follows, 1.2, "unclamped",
           "learned_exemplars", "learned"),
      READ("within twice the time", run_follows, 2, "unclamped", "learned_exemplars",
           "learned")}},
    {{"P3-106", "appendix, Figure 12", false}, PHC,
     "layer 0 has no direct effect at any time", "as curves", false,
     {READ("at most 0.05 of the accuracy lost", direct_course, 0.05, NULL),
      READ("at most 0.1 lost", direct_course, 0.1, NULL)}},
    {{"P3-111", "section 3, Figure 4b", true}, HED, "the strongest head learns first alone",
     "head 3", false,
     {READ("loss < 0.4 ln 2", heads_first, 0, "learned"),
      READ("accuracy >= 0.9", heads_first, 0, "learned_accuracy")}},
    {{"P3-112", "section 3, Figure 4b", true}, HED, "all heads learn sooner than any alone",
     "additive", false,
     {READ("loss < 0.4 ln 2", heads_additive, 0, "learned"),
      READ("accuracy >= 0.9", heads_additive, 0, "learned_accuracy")}},
    {{"P3-113", "section 3, Figure 4b", false}, HED, "heads alone learn at different times",
     "as curves", false,
     {READ("last at least 1.2 times the first", heads_spread, 1.2, "learned"),
      READ("last at least 1.2 times the first, by accuracy", heads_spread, 1.2,
           "learned_accuracy")}},
    {{"P3-121", "section 4, Figure 5b", true}, CLP,
     "previous-token attention given: most of the plateau goes",
     "plateau shorter", false, OF_PLATEAUS(run_ratio, MOST, "previous", "none")},
    {{"P3-122", "section 4, Figure 5b", true}, CLP, "layer 0 given (A): most of the plateau goes",
     "plateau shorter", false, OF_PLATEAUS(run_ratio, MOST, "layer0", "none")},
    {{"P3-123", "section 4, Figure 5b", true}, CLP, "match given: no plateau is left", "smooth",
     false, OF_PLATEAUS(run_ratio, ALL, "match", "none")},
    {{"P3-124", "section 4, Figure 5b", true}, CLP, "layer 0 and copy given: no plateau is left",
     "smooth", false, OF_PLATEAUS(run_ratio, ALL, "layer0_copy", "none")},
    {{"P3-125", "section 4, Figure 5b", false}, CLP, "copy given: learned sooner", "as a curve",
     false,
     OF_LEARNED(run_sooner, 0, "copy", "none")},
    {{"P3-126", "section 4, Figure 5b", false}, CLP,
     "previous-token attention given: learned sooner",
     "as a curve", false, OF_LEARNED(run_sooner, 0, "previous", "none")},
    {{"P3-127", "section 4, Figure 5b", false}, CLP, "layer 0 given: learned sooner", "as a curve",
     false, OF_LEARNED(run_sooner, 0, "layer0", "none")},
    {{"P3-128", "section 4, Figure 5b", false}, CLP, "match given: learned sooner", "as a curve",
     false,
     OF_LEARNED(run_sooner, 0, "match", "none")},
    {{"P3-129", "section 4, Figure 5b", false}, CLP, "layer 0 and copy given: learned sooner",
     "as a curve", false, OF_LEARNED(run_sooner, 0, "layer0_copy", "none")},
    {{"P3-131", "appendix, Figure 8", false}, PRV, "all heads clamped learn later than one",
     "values lose their route", false,
     OF_LEARNED(run_sooner, 0, "previous", "previous_all")},
    {{"P3-132", "appendix, Figure 8", false}, PRV, "which one is clamped does not matter",
     "heads 2 and 6 alike", false,
     {READ("within 1.25 times", run_within, 1.25, "learned", "previous_other", "previous"),
      READ("within 1.5 times", run_within, 1.5, "learned", "previous_other", "previous")}},
    {{"P3-133", "appendix, Figure 8", false}, PRV, "three clamped heads are as good as one",
     "heads 1 2 5 and 2 alike", false,
     {READ("within 1.25 times", run_within, 1.25, "learned", "previous_three", "previous"),
      READ("within 1.5 times", run_within, 1.5, "learned", "previous_three", "previous")}},
    {{"P3-141", "section 5, Figure 6", true}, SWP, "more classes delay learning", "50 < 100 < 200",
     false, OF_LEARNED(run_ordered, 0, "classes50", "classes100", "classes200")},
    {{"P3-142", "section 5, Figure 6", true}, SWP, "more classes delay B more than C", "through B",
     false,
     OF_LEARNED(run_more_through, 0, "classes50_B", "classes200_B", "classes50_C",
                "classes200_C")},
    {{"P3-143", "section 5, Figure 6", true}, SWP, "more labels delay learning", "5 < 10 < 15",
     false, OF_LEARNED(run_ordered, 0, "classes50", "labels10", "labels15")},
    {{"P3-144", "section 5, Figure 6", true}, SWP, "more labels delay C more than B", "through C",
     false,
     OF_LEARNED(run_more_through, 0, "classes50_C", "labels15_C", "classes50_B",
                "labels15_B")},
    {{"P3-151", "appendix, Figure 15", false}, MAT, "a weaker match is learned later",
     "strengths 1, 0.8, 0.6", false,
     OF_LEARNED(run_ordered, 0, "match_1.00", "match_0.80", "match_0.60")},
    {{"P3-152", "appendix, Figure 15", false}, MAT, "an inverted match is learned later",
     "as a curve",
     false, OF_LEARNED(run_sooner, 0, "match_1.00", "match_0.00")},
    {{"P3-153", "appendix, Figure 15", false}, MAT, "strength 0.5 cannot be learned from context",
     "flat", false,
     {READ("loss never < 0.4 ln 2", run_never, 0, "learned", "match_0.50"),
      READ("accuracy never >= 0.9", run_never, 0, "learned_accuracy", "match_0.50")}},
    {{"P3-161", "appendix, Figure 7", false}, GRF, "layer 0 of a trained model: learned sooner",
     "as curves", false, OF_LEARNED(run_sooner, 0, "graft5", "unclamped")},
    {{"P3-162", "appendix, Figure 7", false}, GRF, "layer 0 of another seed changes the time",
     "as curves", false, OF_LEARNED(run_apart, 1.1, "graft5", "graft6", "graft7")},
    {{"P3-171", "section 4, Figure 5a", false}, TOY, "one factor given: a shorter plateau",
     "as a curve",
     false,
     {READ("steps near the loss of an estimate of 0, at most half", toy_ordered, MOST, "plateau",
      "c",
           "none"),
      READ("0.4 times that loss, sooner", toy_ordered, 0.999, "learned", "c", "none"),
      READ("half of the initial loss, sooner", toy_ordered, 0.999, "half", "c", "none")}},
    {{"P3-172", "section 4, Figure 5a", false}, TOY, "two factors given: no plateau", "exponential",
     false,
     {READ("steps near the loss of an estimate of 0, at most a tenth", toy_ordered, ALL, "plateau",
           "bc", "none"),
      READ("0.4 times that loss, sooner than with one", toy_ordered, 0.999, "learned", "bc", "c"),
      READ("half of the initial loss, sooner than with one", toy_ordered, 0.999, "half", "bc",
           "c")}},
    {.group = NULL}};
/* clang-format on */
