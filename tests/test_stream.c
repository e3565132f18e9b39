/* attest reproduce --stream: one revision after another is fetched from a server, screened and
 * deleted. Whatever happens in between, the figures are those of checkpoints that lie on the disk.
 */
#define _GNU_SOURCE
#include "streaming.h"

#include <sys/mman.h>
#include <unistd.h>

#define LINE "reproduce %s --stream --base http://127.0.0.1:%d --work %s --allow-uncompared "

/* What the server's processes note for the test. */
struct seen {
  int requests[REVISIONS]; /* by revision */
  int crowded;             /* requests at whose time another revision was on the disk */
  char stream[600];        /* the folder to look at; "" = none */
};

static struct server server;
static volatile struct seen *seen;

/* Revisions other than this one that have anything in the stream's folder. */
static void look(const char *target)
{
  const char *place = strstr(target, "/resolve/");
  size_t which = REVISIONS;
  for (size_t i = 0; place && i < REVISIONS; i++)
    if (strncmp(place + 9, names[i], strlen(names[i])) == 0 && place[9 + strlen(names[i])] == '/')
      which = i;
  if (which == REVISIONS)
    return;
  __atomic_add_fetch(&seen->requests[which], 1, __ATOMIC_SEQ_CST);
  for (size_t i = 0; i < REVISIONS && *seen->stream; i++) {
    char path[700];
    snprintf(path, sizeof path, "%s/nursery-olmo/%s", (const char *)(uintptr_t)seen->stream,
             names[i]);
    if (i != which && file_exists(path))
      __atomic_add_fetch(&seen->crowded, 1, __ATOMIC_SEQ_CST);
  }
}

static int requests(void)
{
  int sum = 0;
  for (size_t i = 0; i < REVISIONS; i++)
    sum += seen->requests[i];
  return sum;
}

static void forget_requests(void)
{
  for (size_t i = 0; i < REVISIONS; i++)
    seen->requests[i] = 0;
  seen->crowded = 0;
}

/* Puts the three revisions on the server as they are pinned. */
static void publish(void)
{
  for (size_t i = 0; i < REVISIONS; i++)
    workshop_shell("mkdir -p %s/%s && cp %s/nursery-olmo/%s/* %s/%s", server.folder, names[i],
                   workshop_path("checkpoints"), names[i], server.folder, names[i]);
}

/* A fresh work folder, which the server watches. */
static const char *work_at(const char *name)
{
  const char *work = workshop_path(name);
  workshop_shell("rm -rf %s", work);
  snprintf((char *)(uintptr_t)seen->stream, sizeof seen->stream, "%s/nursery-olmo/stream", work);
  forget_requests();
  return work;
}

static void assert_no_stream(const char *work)
{
  workshop_shell("test ! -e %s/nursery-olmo/stream", work);
}

/* Runs to the end, with the figures expected; frees them. */
static void complete(const char *manifest, const char *work, char *want, const char *more)
{
  char *got =
      hashes(workshop_run(EXIT_HELD, LINE "--json - %s", manifest, server.port, work, more));
  assert_string_equal(got, want);
  assert_no_stream(work);
  assert_int_equal(seen->crowded, 0);
  free(got);
  free(want);
}

static void test_figures_are_those_of_the_disk(void **state)
{
  (void)state;
  const char *manifest = save("m.json", manifest_of(20, PINNED)), *work = work_at("work");
  complete(manifest, work, expected(manifest), "");
  for (size_t i = 0; i < REVISIONS; i++)
    assert_int_equal(seen->requests[i], 2); /* each file once */
  char *text = workshop_run(EXIT_HELD, LINE, manifest, server.port, work);
  workshop_contains(text, "all files have their pinned size, SHA-256 and XXH3-128");
  workshop_contains(text, "equal to our own first run");
  free(text);
}

/* The folder of a revision may be the root, and its name nested: nothing stays of any. */
static void test_nothing_stays_of_any_folder(void **state)
{
  static const char *const folders[] = {"", "a", "a/b/c"};
  (void)state;
  json_t *manifest = manifest_of(20, PINNED), *revisions = json_object_get(manifest, "revisions");
  for (size_t i = 0; i < REVISIONS; i++)
    json_object_set_new(json_array_get(revisions, i), "directory", json_string(folders[i]));
  const char *path = save("folders.json", manifest), *work = work_at("work-folders");
  free(workshop_run(EXIT_HELD, LINE "--quiet", path, server.port, work));
  assert_no_stream(work);
}

/* The second revision lies below the first and is half there: the next run, which resumes the
 * first, leaves that alone and continues with it. */
static void test_half_fetched_below_another(void **state)
{
  static const char *const folders[] = {"", "a", "b"};
  (void)state;
  json_t *manifest = manifest_of(20, PINNED), *revisions = json_object_get(manifest, "revisions");
  char *want = expected(save("m.json", manifest_of(20, PINNED)));
  for (size_t i = 0; i < REVISIONS; i++)
    json_object_set_new(json_array_get(revisions, i), "directory", json_string(folders[i]));
  const char *path = save("folders.json", manifest), *work = work_at("work-half");
  workshop_shell("rm %s/step60/model.safetensors", server.folder);
  for (int run = 0; run < 3; run++) {
    free(workshop_refuse(EXIT_INPUT, "resolve/step60/model.safetensors: not on the server",
                         LINE "--quiet", path, server.port, work));
    workshop_shell("cd %s/nursery-olmo/stream && test -e a/config.json && test ! -e config.json",
                   work);
  }
  publish();
  forget_requests();
  complete(path, work, want, "");
  assert_int_equal(seen->requests[0], 0);
}

static void test_wrong_bytes(void **state)
{
  (void)state;
  const char *manifest = save("wrong.json", manifest_of(20, PINNED)), *work = work_at("work-wrong");
  flip(server.folder, "step60");
  free(workshop_refuse(EXIT_CHECK, "resolve/step60/model.safetensors: SHA-256 is ", LINE "--quiet",
                       manifest, server.port, work));
  assert_int_equal(seen->requests[2], 0);
  workshop_shell("test -z \"$(find %s -name 'model*')\" && test ! -e %s/nursery-olmo/first", work,
                 work);
  publish();
  forget_requests();
  complete(manifest, work, expected(manifest), "");
  assert_int_equal(seen->requests[0], 0); /* finished before */
}

/* Faults in the stream's folder are not findings: wrong files there are replaced, strange ones are
 * not read. */
static void test_remains_of_another_run(void **state)
{
  (void)state;
  const char *manifest = save("left.json", manifest_of(20, PINNED)), *work = work_at("work-left");
  workshop_shell("mkdir -p %s/nursery-olmo/stream/nursery-olmo/step0 && echo {} >"
                 "%s/nursery-olmo/stream/nursery-olmo/step0/config.json",
                 work, work);
  complete(manifest, work, expected(manifest), "");
}

static void test_missing_files(void **state)
{
  (void)state;
  const char *manifest = save("404.json", manifest_of(20, PINNED)), *work = work_at("work-404");
  workshop_shell("rm %s/step60/config.json", server.folder);
  free(workshop_refuse(EXIT_INPUT, "resolve/step60/config.json: not on the server (HTTP 404)",
                       LINE "--quiet", manifest, server.port, work));
  publish();
  forget_requests();
  complete(manifest, work, expected(manifest), "");
  assert_int_equal(seen->requests[0], 0);
}

static void test_unpinned(void **state)
{
  (void)state;
  const char *manifest = save("un.json", manifest_of(20, UNPINNED)), *work = work_at("work-un");
  char *text = workshop_run(EXIT_CHECK, LINE, manifest, server.port, work);
  workshop_contains(text, "revision \"step60\" is UNPINNED: 2 of 2 files");
  free(text);
  assert_int_equal(requests(), 0);
  text = workshop_run(EXIT_HELD, LINE "--allow-unpinned", manifest, server.port, work);
  workshop_contains(text, "UNPINNED: 6 files; nobody vouches for what was read");
  workshop_contains(text, "not kept as a first run");
  free(text);
  assert_no_stream(work);
  complete(manifest, work, expected(save("m.json", manifest_of(20, PINNED))), "--allow-unpinned");
}

static void test_usage(void **state)
{
  (void)state;
  json_t *plain = manifest_of(20, PINNED), *archive = workshop_json("manifests/nursery-olmo.json");
  const char *manifest = save("m.json", manifest_of(20, PINNED)), *work = work_at("work-usage");
  json_object_del(plain, "repository");
  json_object_set_new(archive, "repository", json_string("some-one/the-model"));
  const char *without = save("without.json", plain), *packed = save("packed.json", archive);
  free(workshop_refuse(EXIT_INPUT, "cannot be combined", LINE "--checkpoints %s", manifest,
                       server.port, work, workshop_path("checkpoints")));
  free(workshop_refuse(EXIT_INPUT, "needs a manifest", "reproduce --stream"));
  free(workshop_refuse(EXIT_INPUT, "--base needs --stream",
                       "reproduce %s --base http://127.0.0.1:%d --work %s", manifest, server.port,
                       work)); /* it would be ignored */
  free(workshop_refuse(EXIT_INPUT, "--base needs --stream", "reproduce --base http://a"));
  free(workshop_refuse(EXIT_INPUT, "names no repository", LINE, without, server.port, work));
  free(workshop_refuse(EXIT_INPUT, "names no repository", LINE, packed, server.port, work));
  free(workshop_refuse(EXIT_INPUT, "--base ftp://a",
                       "reproduce %s --stream --base ftp://a --quiet "
                       "--work %s",
                       manifest, work));
  assert_int_equal(requests(), 0);
}

/* In the middle of the second revision's weights. */
static void test_killed_while_fetching(void **state)
{
  (void)state;
  const char *manifest = save("m.json", manifest_of(20, PINNED)), *work = work_at("work-fetch");
  char *want = expected(manifest);
  server.shared->slow = 10000;
  pid_t child = start(LINE "--quiet", manifest, server.port, work);
  await(child, work, "stream/nursery-olmo/step60/model.safetensors.part.json");
  for (int64_t target = server.shared->served + 100000; server.shared->served < target;)
    nap();
  end(child, SIGKILL);
  server.shared->slow = 0;
  assert_int_equal(seen->requests[0], 2);
  int ranges = server.shared->ranges;
  complete(manifest, work, want, "");
  assert_int_equal(seen->requests[0], 2);
  assert_in_range(seen->requests[1], 3, 4); /* the small file may have been torn as well */
  assert_true(server.shared->ranges > ranges);
}

/* In the middle of the second revision's screen: its files are there and are not fetched again. */
static void test_killed_while_screening(void **state)
{
  (void)state;
  const char *manifest = save("long.json", manifest_of(150, PINNED)),
             *work = work_at("work-screen");
  char *want = expected(manifest);
  pid_t child = start(LINE "--quiet " SLOWLY, manifest, server.port, work);
  await(child, work, "current/step0.csv");
  await(child, work, "stream/nursery-olmo/step60/model.safetensors");
  nanosleep(&(struct timespec){0, 50000000}, NULL);
  end(child, SIGKILL);
  assert_int_equal(seen->requests[0], 2);
  assert_int_equal(seen->requests[1], 2);
  assert_int_equal(seen->requests[2], 0);
  complete(manifest, work, want, "");
  assert_int_equal(requests(), 6);
}

/* ^C keeps the chunks of a verified revision, and the next run resumes after them. */
static void test_interrupted_while_screening(void **state)
{
  char *out, *err, line[2048], partial[600];
  (void)state;
  const char *manifest = save("long.json", manifest_of(150, PINNED)), *work = work_at("work-int");
  char *want = expected(manifest);
  snprintf(partial, sizeof partial, "%s/nursery-olmo/current/step60.partial", work);
  for (long pause = 50000000; !file_exists(partial);
       pause *= 2) { /* until it has begun to screen */
    assert_true(pause < 1000000000);
    pid_t child = start(LINE "--quiet " SLOWLY, manifest, server.port, work);
    await(child, work, "current/step0.csv");
    await(child, work, "stream/nursery-olmo/step60/model.safetensors");
    nanosleep(&(struct timespec){0, pause}, NULL);
    end(child, SIGINT);
  }
  snprintf(line, sizeof line, LINE "--json - " SLOWLY, manifest, server.port, work);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_HELD);
  workshop_contains(err, "resuming after ");
  free(err);
  char *got = hashes(out);
  assert_string_equal(got, want);
  assert_int_equal(requests(), 6);
  assert_no_stream(work);
  free(got);
  free(want);
}

/* The server ends in the middle of the second revision; another one takes over. */
static void test_server_gone(void **state)
{
  int status;
  (void)state;
  const char *manifest = save("m.json", manifest_of(20, PINNED)), *work = work_at("work-gone");
  char *want = expected(manifest);
  server.shared->slow = 10000;
  pid_t child = start(LINE "--quiet", manifest, server.port, work);
  await(child, work, "stream/nursery-olmo/step60/model.safetensors.part.json");
  server_stop(&server);
  kill(child, SIGTERM); /* instead of half a minute of retries */
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RUN);
  server_start(&server);
  complete(manifest, work, want, "");
  assert_int_equal(seen->requests[0], 2);
}

static int setup(void **state)
{
  (void)state;
  prepare();
  publish();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_figures_are_those_of_the_disk),
      cmocka_unit_test(test_nothing_stays_of_any_folder),
      cmocka_unit_test(test_half_fetched_below_another),
      cmocka_unit_test(test_wrong_bytes),
      cmocka_unit_test(test_remains_of_another_run),
      cmocka_unit_test(test_missing_files),
      cmocka_unit_test(test_unpinned),
      cmocka_unit_test(test_usage),
      cmocka_unit_test(test_killed_while_fetching),
      cmocka_unit_test(test_killed_while_screening),
      cmocka_unit_test(test_interrupted_while_screening),
      cmocka_unit_test(test_server_gone),
  };
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  unsetenv("ALL_PROXY");
  if (support_emulated())
    return 0; /* the child is the emulator, and a screen takes it minutes */
  seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (seen == MAP_FAILED)
    return 1;
  server.folder = workshop_path("hub");
  server.look = look;
  server_start(&server);
  int failed = cmocka_run_group_tests(tests, setup, NULL);
  server_stop(&server);
  return failed;
}
