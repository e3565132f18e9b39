#include "report/provenance.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"

#include <archive.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <xxhash.h>

/* What a shell would need quotes for has them. */
static void add_word(struct text *text, const char *word)
{
  char shown[4096];
  const char *quote = *word && !strpbrk(word, " \t\n\"'\\$&;|<>()*?[]#~`!") ? "" : "'";
  text_escape(shown, sizeof shown, word);
  text_add(text, " %s%s%s", quote, shown, quote);
}

static json_t *command_json(int argc, char *const *argv)
{
  struct text text = {0};
  text_add(&text, "attest");
  for (int i = 0; i < argc; i++)
    add_word(&text, argv[i]);
  if (text.data)
    text_hide_users(text.data);
  json_t *json = text.failed ? NULL : json_string(text.data);
  text_free(&text);
  return json;
}

/* "" where the system does not say. */
static void read_cpu(char *out, size_t capacity)
{
  char line[512];
  FILE *file = fopen("/proc/cpuinfo", "r");
  *out = 0;
  while (file && !*out && fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    if (colon && strncmp(line, "model name", 10) == 0)
      text_one_line(out, capacity, colon + 1);
  }
  if (file)
    fclose(file);
}

static json_t *libraries_json(void)
{
  char curl[64], xxhash[64];
  unsigned v = XXH_versionNumber();
  /* without those of what it was built with, which a static program lacks */
  snprintf(curl, sizeof curl, "libcurl/%s", curl_version_info(CURLVERSION_NOW)->version);
  snprintf(xxhash, sizeof xxhash, "xxHash %u.%u.%u", v / 10000, v / 100 % 100, v % 100);
  return json_pack("{s:s, s:s, s:s, s:s, s:s}", "jansson", jansson_version_str(), "curl", curl,
                   "libarchive", archive_version_string(), "OpenSSL",
                   OpenSSL_version(OPENSSL_VERSION), "xxHash", xxhash);
}

static int format_date(time_t seconds, char date[PROVENANCE_DATE], struct error *error)
{
  struct tm day;
  if (gmtime_r(&seconds, &day) && strftime(date, PROVENANCE_DATE, "%Y-%m-%d", &day))
    return 0;
  return error_set(error, EXIT_RUN, "the clock has no date");
}

int provenance_date_set(char date[PROVENANCE_DATE], struct error *error)
{
  const char *given = getenv("SOURCE_DATE_EPOCH");
  uint64_t seconds;
  *date = 0;
  if (!given || !*given)
    return 0;
  if (!text_to_u64(given, strlen(given), &seconds) || seconds > INT32_MAX)
    return error_set(error, EXIT_INPUT, "SOURCE_DATE_EPOCH=%s: must be seconds since 1970",
                     text_shown(given).text);
  return format_date((time_t)seconds, date, error);
}

/* Of a run: when it was. */
static int date_of_run(char date[PROVENANCE_DATE], struct error *error)
{
  if (provenance_date_set(date, error))
    return error->code;
  return *date ? 0 : format_date(time(NULL), date, error);
}

json_t *provenance_json(const struct runtime *runtime, int argc, char *const *argv,
                        struct error *error)
{
  struct blob blob;
  struct digest digest;
  char cpu[256], date[PROVENANCE_DATE], path[PATH_MAX];
  /* without /proc, the name that it was started by; of a program that was replaced, /proc has it */
  const char *started =
      file_exists("/proc/self/exe") ? "/proc/self/exe" : (const char *)getauxval(AT_EXECFN);
  if (date_of_run(date, error) || file_map(path_of_program(path) ? path : started, &blob, error))
    return NULL;
  int status = digest_of(blob.data, blob.size, &digest, error);
  blob_free(&blob);
  if (status)
    return NULL;
  read_cpu(cpu, sizeof cpu);
  return json_pack("{s:o, s:s, s:s, s:s, s:I, s:o}", "command", command_json(argc, argv), "date",
                   date, "binary_sha256", digest.sha256, "cpu", cpu, "threads",
                   (json_int_t)threads_count(runtime->threads), "libraries", libraries_json());
}
