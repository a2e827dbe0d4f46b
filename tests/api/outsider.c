/* SPDX-License-Identifier: MIT */
/*
 * A program that uses libimgz as an outsider would: only the installed header, only the installed
 * library. It captures the file named on its command line in the folder it runs in, restores and
 * verifies it, looks at the image, provokes failures, and stops jobs half-way.
 *
 *   outsider DISK
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <imgz/imgz.h>

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(int holds, const char *condition, int line)
{
    if (holds)
        return;
    fprintf(stderr, "outsider.c:%d: does not hold: %s\n", line, condition);
    exit(1);
}

static void check_done(int rc, const struct imgz_error *error, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %d: %s (%s, %s)\n", what, rc, error->text, error->path,
            imgz_stage_name(error->stage));
    exit(1);
}

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- The jobs ------------------------------------------------------------------------------- */

struct seen {
    uint64_t calls;
    uint64_t done_bytes;
    uint64_t stop_after_bytes;
    int finished;
};

static int on_progress(const struct imgz_progress *progress, void *context)
{
    struct seen *seen = (struct seen *)context;

    CHECK(progress->raw_bytes_done >= seen->done_bytes);
    seen->calls += 1;
    seen->done_bytes = progress->raw_bytes_done;
    if (progress->phase == IMGZ_PHASE_FINISH)
        seen->finished = 1;
    return progress->raw_bytes_done >= seen->stop_after_bytes;
}

static void on_log(const char *line, void *context)
{
    unsigned *count = (unsigned *)context;

    CHECK(strchr(line, '\n') == NULL);
    *count += 1;
}

static void run_jobs(const char *disk, char root_hash[33])
{
    struct imgz_options options;
    struct imgz_report report = {.struct_bytes = sizeof(report)};
    struct imgz_report again = {.struct_bytes = sizeof(again)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct seen seen = {.stop_after_bytes = UINT64_MAX};
    unsigned log_count = 0;

    imgz_options_init(&options, sizeof(options));
    options.digests = "sha256";
    options.thread_count = 2;
    options.progress = on_progress;
    options.progress_context = &seen;
    options.log = on_log;
    options.log_context = &log_count;
    check_done(imgz_capture(disk, "image.gz", &options, &report, &error), &error, "capture");
    CHECK(seen.finished && seen.calls > 0 && seen.done_bytes == report.raw_bytes);
    CHECK(log_count > 0);
    CHECK(strlen(report.root_hash) == 32);
    CHECK(strcmp(report.root_hash_text, report.root_hash) == 0);
    CHECK(report.chunk_hash == IMGZ_CHUNK_HASH_XXH3);
    CHECK(report.crc32_known == 1);
    CHECK(report.digest_count == 1 && strcmp(report.digests[0].name, "sha256") == 0);
    CHECK(report.thread_count == 2 && report.chunk_bytes == IMGZ_CHUNK_BYTES_DEFAULT);
    CHECK(report.io_name[0] != '\0');
    memcpy(root_hash, report.root_hash, 33);

    /* Options, report and error may all be left out. */
    CHECK(imgz_restore("image.gz", "restored", NULL, NULL, NULL) == 0);
    check_done(imgz_verify("image.gz", NULL, NULL, &again, &error), &error, "verify");
    CHECK(strcmp(again.root_hash, root_hash) == 0 && again.bad_chunk_count == 0);
    check_done(imgz_verify("image.gz", "restored", NULL, &again, &error), &error, "compare");
    check_done(imgz_hash("restored", NULL, &again, &error), &error, "hash of the disk");
    CHECK(strcmp(again.root_hash, root_hash) == 0 && again.crc32_known == 0);
    check_done(imgz_hash("image.gz", NULL, &again, &error), &error, "hash of the image");
    CHECK(strcmp(again.root_hash, root_hash) == 0);
    CHECK(again.crc32_known == 1 && again.crc32 == report.crc32);
}

/* ---- Looking ------------------------------------------------------------------------------- */

static void look_at_image(const char *root_hash)
{
    struct imgz_image *image = NULL;
    struct imgz_devices *disks = NULL;
    struct imgz_device disk = {.struct_bytes = sizeof(disk)};
    struct imgz_image_info info = {.struct_bytes = sizeof(info)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    const char *key, *value, *previous = "";

    check_done(imgz_image_open("image.gz", &image, &error), &error, "open");
    imgz_image_get_info(image, &info);
    CHECK(info.format_version >= 1);
    CHECK(info.chunk_bytes == IMGZ_CHUNK_BYTES_DEFAULT);
    CHECK(strcmp(info.root_hash, root_hash) == 0);
    CHECK(info.meta_count > 0);
    for (uint32_t i = 0; i < info.meta_count; i++) {
        imgz_image_get_meta(image, i, &key, &value);
        CHECK(key != NULL && value != NULL && strcmp(previous, key) < 0);
        previous = key;
    }
    CHECK(imgz_image_get_meta(image, info.meta_count, &key, &value) == -EINVAL);
    CHECK(imgz_image_disk(image, &disks) == 0);
    CHECK(imgz_devices_count(disks) == 1 && imgz_devices_get(disks, 0, &disk) == 0);
    CHECK(disk.size_bytes == info.raw_bytes && disk.partition_count == 0);
    CHECK(imgz_devices_get(disks, 1, &disk) == -EINVAL);
    imgz_devices_free(disks);
    imgz_image_close(image);
    imgz_image_close(NULL);
}

static void look_at_devices(void)
{
    struct imgz_devices *devices = NULL;
    struct imgz_device device = {.struct_bytes = sizeof(device)};
    char previous[sizeof(device.path)] = "";
    struct imgz_error error = {.struct_bytes = sizeof(error)};

    check_done(imgz_devices_list(&devices, &error), &error, "devices");
    for (size_t i = 0; i < imgz_devices_count(devices); i++) {
        CHECK(imgz_devices_get(devices, i, &device) == 0);
        CHECK(strncmp(device.path, "/dev/", 5) == 0);
        CHECK(device.size_bytes > 0);
        CHECK(strcmp(previous, device.path) != 0);
        memcpy(previous, device.path, sizeof(previous));
    }
    imgz_devices_free(devices);
    imgz_devices_free(NULL);
}

static void look_at_topology(void)
{
    struct imgz_topology *topology = NULL;
    struct imgz_topology_info info = {.struct_bytes = sizeof(info)};
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    uint32_t workers = 0;
    uint32_t i;

    imgz_options_init(&options, sizeof(options));
    options.thread_count = 3;
    check_done(imgz_topology_open(&options, &topology, &error), &error, "topology");
    imgz_topology_get_info(topology, &info);
    CHECK(info.worker_count == 3);
    CHECK(info.memory_bytes == info.slot_count * info.slot_bytes);
    for (i = 0; i < info.allowed_node_count; i++) {
        struct imgz_topology_node node = {.struct_bytes = sizeof(node)};

        imgz_topology_get_node(topology, i, &node);
        workers += node.worker_count;
    }
    CHECK(workers == 3);
    for (i = 0; i < info.worker_count; i++) {
        struct imgz_topology_worker worker = {.struct_bytes = sizeof(worker)};

        imgz_topology_get_worker(topology, i, &worker);
        CHECK(worker.node_index < info.allowed_node_count);
        CHECK((worker.processors[0] == '\0') == (info.binding == IMGZ_BINDING_NONE));
    }
    imgz_topology_close(topology);
    imgz_topology_close(NULL);
    topology = NULL;
    options.thread_count = IMGZ_THREADS_MAX + 1;
    CHECK(imgz_topology_open(&options, &topology, &error) == -EINVAL);
    CHECK(topology == NULL && error.code == -EINVAL && error.text[0] != '\0');
}

/* ---- Failing ------------------------------------------------------------------------------- */

/* A named pipe that holds the first 'size' bytes of 'from' and then neither more nor its end. Gives
 * the descriptor that keeps it so. */
static int make_stuck_pipe(const char *path, const char *from, size_t size)
{
    static char bytes[IMGZ_CHUNK_BYTES_MIN]; /* no more than a pipe holds */
    FILE *file = fopen(from, "rb");
    int fd;

    CHECK(file != NULL && size <= sizeof(bytes) && fread(bytes, size, 1, file) == 1);
    fclose(file);
    CHECK(mkfifo(path, 0600) == 0);
    fd = open(path, O_RDWR);
    CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    return fd;
}

static void check_cancelled(int rc, const struct imgz_error *error)
{
    CHECK(rc == -ECANCELED && error->code == -ECANCELED && error->text[0] != '\0');
    CHECK(!exists("cancelled") && !exists("cancelled.partial"));
}

static void cancel(const char *disk)
{
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct seen seen = {.stop_after_bytes = 1}; /* a chunk came, the end did not */
    int middle_fd = make_stuck_pipe("stuck-middle", disk, IMGZ_CHUNK_BYTES_MIN);
    int raw_fd = make_stuck_pipe("stuck-disk", disk, 20000);
    int image_fd = make_stuck_pipe("stuck-image", "image.gz", 20000);
    /* One for each: what a job has read of a pipe, the next does not see. */
    int again_fd = make_stuck_pipe("stuck-again", "image.gz", 20000);

    imgz_options_init(&options, sizeof(options));
    options.progress = on_progress;
    options.progress_context = &seen;
    options.progress_interval_ms = 1;
    options.thread_count = 1;
    options.chunk_bytes = IMGZ_CHUNK_BYTES_MIN;
    check_cancelled(imgz_capture("stuck-middle", "cancelled", &options, NULL, &error), &error);
    seen = (struct seen){.stop_after_bytes = 0}; /* at the first call, while the job waits */
    check_cancelled(imgz_capture("stuck-disk", "cancelled", &options, NULL, &error), &error);
    seen = (struct seen){.stop_after_bytes = 0};
    check_cancelled(imgz_hash("stuck-disk", &options, NULL, &error), &error);
    seen = (struct seen){.stop_after_bytes = 0};
    check_cancelled(imgz_restore("stuck-image", "cancelled", &options, NULL, &error), &error);
    seen = (struct seen){.stop_after_bytes = 0};
    check_cancelled(imgz_verify("stuck-again", NULL, &options, NULL, &error), &error);
    seen = (struct seen){.stop_after_bytes = 0};
    check_cancelled(imgz_verify("image.gz", "stuck-disk", &options, NULL, &error), &error);
    close(middle_fd);
    close(raw_fd);
    close(image_fd);
    close(again_fd);
}

static void measure(const char *disk)
{
    struct imgz_options options;
    struct imgz_bench_result result = {.struct_bytes = sizeof(result)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct seen seen = {.stop_after_bytes = UINT64_MAX};

    imgz_options_init(&options, sizeof(options));
    options.bench_ms = 1;
    options.chunk_bytes = IMGZ_CHUNK_BYTES_MIN;
    options.progress = on_progress;
    options.progress_context = &seen;
    check_done(imgz_bench(disk, &options, &result, &error), &error, "bench");
    CHECK(seen.finished && result.done_count == result.row_count);
    CHECK(result.row_count > IMGZ_LEVEL_MAX && result.row_count <= IMGZ_BENCH_ROWS_MAX);
    CHECK(result.source_bytes > 0 && result.sample_bytes > 0 && result.elapsed_ns > 0);
    CHECK(result.rows[0].kind == IMGZ_BENCH_READ_DIRECT ||
          result.rows[0].kind == IMGZ_BENCH_READ_CACHED);
    CHECK(result.rows[result.row_count - 1].kind == IMGZ_BENCH_DECODE);

    /* A program that was built when the result ended behind 'done_count'. */
    result.struct_bytes = offsetof(struct imgz_bench_result, rows);
    result.rows[0].bytes = 12345;
    seen = (struct seen){.stop_after_bytes = 1}; /* behind the first row, before the last */
    CHECK(imgz_bench(disk, &options, &result, &error) == -ECANCELED);
    CHECK(result.done_count > 0 && result.done_count < result.row_count && !seen.finished);
    CHECK(result.struct_bytes == offsetof(struct imgz_bench_result, rows));
    CHECK(result.rows[0].bytes == 12345);

    CHECK(imgz_bench("no-such-disk", &options, NULL, &error) == -ENOENT);
    result.struct_bytes = sizeof(result);
    CHECK(imgz_bench("no-such-disk", &options, &result, &error) == -ENOENT);
    CHECK(result.read_row == -1 && result.level_kept_up == IMGZ_BENCH_LEVEL_NONE);
    CHECK(imgz_bench("/dev/null", &options, NULL, &error) == -EINVAL);
}

static void fail(const char *disk)
{
    struct imgz_options options;
    struct imgz_report report = {.struct_bytes = sizeof(report)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_image *image = NULL;

    CHECK(imgz_capture("no-such-disk", "new", NULL, &report, &error) == -ENOENT);
    CHECK(error.code == -ENOENT && error.stage == IMGZ_STAGE_READ_SOURCE);
    CHECK(strcmp(error.path, "no-such-disk") == 0 && error.text[0] != '\0');
    CHECK(!exists("new") && !exists("new.partial"));

    CHECK(imgz_restore("image.gz", "restored", NULL, NULL, &error) == -EEXIST);
    CHECK(error.stage == IMGZ_STAGE_WRITE_TARGET && strcmp(error.path, "restored") == 0);

    CHECK(imgz_verify(disk, NULL, NULL, NULL, &error) == -EBADMSG); /* no image at all */
    CHECK(error.stage == IMGZ_STAGE_READ_IMAGE && strcmp(error.path, disk) == 0);
    CHECK(imgz_image_open(disk, &image, &error) == -EBADMSG && image == NULL);
    CHECK(imgz_image_open("no-such-image", &image, NULL) == -ENOENT && image == NULL);

    imgz_options_init(&options, sizeof(options));
    options.level = IMGZ_LEVEL_MAX + 1;
    CHECK(imgz_capture(disk, "new", &options, NULL, &error) == -EINVAL);
    imgz_options_init(&options, sizeof(options));
    options.chunk_bytes = 12345;
    CHECK(imgz_capture(disk, "new", &options, NULL, &error) == -EINVAL);
    imgz_options_init(&options, sizeof(options));
    options.thread_count = IMGZ_THREADS_MAX + 1;
    CHECK(imgz_capture(disk, "new", &options, NULL, &error) == -EINVAL);
    imgz_options_init(&options, sizeof(options));
    options.digests = "sha257";
    CHECK(imgz_hash(disk, &options, NULL, &error) == -EINVAL);
    CHECK(error.text[0] != '\0' && strchr(error.text, '\n') == NULL);
    CHECK(!exists("new") && !exists("new.partial"));
}

static unsigned count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    CHECK(directory != NULL);
    while (readdir(directory) != NULL)
        count += 1;
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    const unsigned descriptors_before = count_descriptors();
    char root_hash[33];

    CHECK(argc == 2);
    run_jobs(argv[1], root_hash);
    look_at_image(root_hash);
    look_at_devices();
    measure(argv[1]);
    look_at_topology();
    cancel(argv[1]);
    fail(argv[1]);
    CHECK(count_descriptors() == descriptors_before);
    printf("%s %s\n", imgz_version(), root_hash);
    return 0;
}
