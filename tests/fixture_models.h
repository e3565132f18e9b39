/* The small models with reference results that tests go over, by directory. */
#ifndef ATTEST_TESTS_FIXTURE_MODELS_H
#define ATTEST_TESTS_FIXTURE_MODELS_H

#define CONFORMANCE "tests/fixtures/conformance/"

static const char *const conformance_models[] = {
    "gpt_neox-parallel-f16",
    "gpt_neox-parallel-f32",
    "gpt_neox-sequential-f32",
    "gpt_neox-smooth-f32",
    "olmo-clip-f32",
    "olmo-f32",
    "olmo-smooth-f32",
    "olmo-tied-bf16",
    "olmoe-bf16",
    "olmoe-f32",
    "olmoe-smooth-f32",
};
#define CONFORMANCE_MODELS (sizeof conformance_models / sizeof *conformance_models)

/* Of the families beyond the first paper's. */
#define FAMILIES "tests/fixtures/families.tar.zst:"

static const char *const family_models[] = {
    "llama-llama3-bf16", "llama-smooth-f32", "mistral-window-f16", "mistral-smooth-f32",
    "qwen2-tied-bf16",   "qwen2-smooth-f32", "qwen3-f32",          "qwen3-smooth-bf16",
    "gpt2-f32",          "gpt2-smooth-f16",  "olmo2-bf16",         "olmo2-smooth-f32",
    "phi-f32",           "phi-smooth-f16",   "stablelm-f32",       "stablelm-smooth-f32",
};
#define FAMILY_MODELS (sizeof family_models / sizeof *family_models)

#endif
