/* SPDX-License-Identifier: MIT */
/*
 * Whole jobs on an unkind kernel, by thousands of seeds. Every request of reader and writers goes
 * to a fake (fake_io.h) on the real files: it comes up short, is interrupted, overtaken, refused,
 * lost or fails, as the seed has it. A naive model says what must come of it: the right bytes, or
 * the right error at the right place and nothing left.
 *
 * The linker puts __wrap_imgz_aio_create() in place of imgz_aio_create() (CMakeLists.txt).
 */
#include <errno.h>
#include <fcntl.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "../unit/fixture.h"
#include "../unit/sample.h"
#include "fake_io.h"
#include "loopdev.h"
#include "trial.h"

#define CHUNK        ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_BYTES   (14 * CHUNK + 1234)
#define DEVICE_BYTES (15 * CHUNK)
#define SEEDS        1000u
#define FAKES_MAX    8u
#define OLD_BYTE     0xee /* what a device held before */

enum trouble {
    NONE,
    MISFIT,       /* direct I/O is refused now and then */
    ZERO_REFUSED, /* the device cannot zero a range */
    READ_ONCE,    /* the ring fails to read, the worker's own read does not */
    BAD_SECTORS,  /* from some place on nothing can be read */
    WRITE_ERROR,
    FULL,
    LOSS, /* writes are acknowledged and forgotten */
    READER_BREAKS,
    WRITER_BREAKS,
    TROUBLE_COUNT,
};

static struct {
    struct imgz_fixture fixture;
    struct imgz_options options;
    struct imgz_loopdev loop;
    unsigned char *disk;
    unsigned char *image;
    size_t image_bytes;

    /* Of the run at hand. */
    uint64_t seed;
    enum trouble trouble;
    uint64_t offset; /* where the trouble is */
    uint64_t bytes;
    int error;
    struct imgz_fake fakes[FAKES_MAX];
    atomic_uint fake_count;
    struct imgz_report report;
    struct imgz_error told;

    /* Of all. */
    uint64_t short_count;
    uint64_t interrupt_count;
    uint64_t overtaken_count;
    uint64_t failed_count;
    uint64_t resumed_count;
} world;

static struct imgz_fixture_path path(const char *name)
{
    return imgz_fixture_path(&world.fixture, name);
}

/* ---- The fakes ---------------------------------------------------------------------------------
 */

int __real_imgz_aio_create(const struct imgz_aio_config *config, struct imgz_aio **result);
int __wrap_imgz_aio_create(const struct imgz_aio_config *config, struct imgz_aio **result);

static void trouble_reader(struct imgz_fake *fake)
{
    if (world.trouble == READ_ONCE || world.trouble == BAD_SECTORS)
        fake->fault =
            (struct imgz_fake_fault){IMGZ_AIO_READ, world.offset, world.bytes, world.error};
    if (world.trouble == READER_BREAKS)
        fake->breaks_after = 1 + world.seed % 9;
}

static void trouble_writer(struct imgz_fake *fake)
{
    const struct imgz_fake_fault fault = {IMGZ_AIO_WRITE, world.offset, world.bytes, world.error};

    if (world.trouble == MISFIT)
        fake->misfit_percent = 50;
    if (world.trouble == ZERO_REFUSED)
        fake->fault = (struct imgz_fake_fault){IMGZ_AIO_ZERO, 0, UINT64_MAX, -EOPNOTSUPP};
    if (world.trouble == WRITE_ERROR)
        fake->fault = fault;
    if (world.trouble == LOSS)
        fake->loss = fault;
    if (world.trouble == FULL)
        fake->capacity_bytes = world.offset;
    if (world.trouble == WRITER_BREAKS)
        fake->breaks_after = 1 + world.seed % 9;
}

int __wrap_imgz_aio_create(const struct imgz_aio_config *config, struct imgz_aio **result)
{
    const unsigned index = atomic_fetch_add(&world.fake_count, 1);
    const bool reads = (fcntl(config->fds[0], F_GETFL) & O_ACCMODE) == O_RDONLY;
    struct imgz_aio_config changed = *config;
    struct imgz_fake *fake = &world.fakes[index];

    IMGZ_ASSERT(index < FAKES_MAX);
    *fake = (struct imgz_fake){
        .random = world.seed * 2 + reads,
        .capacity_bytes = UINT64_MAX,
        .short_percent = (uint32_t)(world.seed % 4 * 30),
        .interrupt_percent = (uint32_t)(world.seed % 3 * 30),
        .late_percent = 50,
        .reorder = world.seed % 5 != 0,
    };
    if (reads)
        trouble_reader(fake);
    else
        trouble_writer(fake);
    imgz_fake_install(fake);
    changed.backend = &imgz_aio_fake;
    return __real_imgz_aio_create(&changed, result);
}

/* ---- The world ---------------------------------------------------------------------------------
 */

/* Text, noise and zeros, in pieces that end anywhere, written out so that nothing is a hole. */
static void fill_disk(void)
{
    world.disk = calloc(1, DISK_BYTES);
    assert_non_null(world.disk);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, world.disk, 3 * CHUNK + 77);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 2, world.disk + 6 * CHUNK, CHUNK);
    imgz_sample_fill(IMGZ_SAMPLE_MIXED, 3, world.disk + 8 * CHUNK, CHUNK);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 4, world.disk + 9 * CHUNK + 20000, 5000);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 5, world.disk + 13 * CHUNK, CHUNK + 1234);
    imgz_fixture_write(&world.fixture, "disk", world.disk, DISK_BYTES);
}

static void attach_device(void)
{
    unsigned char *old = malloc(DEVICE_BYTES);

    assert_non_null(old);
    memset(old, OLD_BYTE, DEVICE_BYTES);
    imgz_fixture_write(&world.fixture, "backing", old, DEVICE_BYTES);
    free(old);
    imgz_loopdev_attach(&world.loop, "", path("backing").text);
}

static int set_up(void **state)
{
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};

    (void)state;
    imgz_fixture_init(&world.fixture);
    fill_disk();
    attach_device();
    imgz_options_init(&world.options, sizeof(world.options));
    world.report.struct_bytes = sizeof(world.report);
    world.told.struct_bytes = sizeof(world.told);
    world.options.chunk_bytes = CHUNK;
    world.options.thread_count = 2;
    world.options.direct = IMGZ_DIRECT_ON;
    options = world.options;
    options.flags = IMGZ_FLAG_REPRODUCIBLE;
    if (imgz_capture(path("disk").text, path("image").text, &options, NULL, &error) < 0) {
        print_error("%s\n", error.text);
        return -1;
    }
    world.image = imgz_fixture_read(&world.fixture, "image", &world.image_bytes);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    imgz_loopdev_detach(&world.loop);
    free(world.disk);
    free(world.image);
    imgz_fixture_fini(&world.fixture);
    return 0;
}

/* ---- The jobs ----------------------------------------------------------------------------------
 */

struct job {
    int (*run)(void);
    bool (*holds)(void);                              /* the output is right */
    bool (*touches)(uint64_t offset, uint64_t bytes); /* something must be written there */
    uint64_t (*output_bytes)(void);
    bool makes_file;
};

static int capture(void)
{
    struct imgz_options options = world.options;

    options.flags |= IMGZ_FLAG_REPRODUCIBLE;
    return imgz_capture(path("disk").text, path("out").text, &options, &world.report, &world.told);
}

static bool holds_image(void)
{
    return imgz_fixture_holds(&world.fixture, "out", world.image, world.image_bytes);
}

static uint64_t image_bytes(void)
{
    return world.image_bytes;
}

static bool touches_image(uint64_t offset, uint64_t bytes)
{
    return bytes > 0 && offset < world.image_bytes;
}

static int restore(void)
{
    return imgz_restore(path("image").text, path("out").text, &world.options, &world.report,
                        &world.told);
}

static bool holds_disk(void)
{
    return imgz_fixture_holds(&world.fixture, "out", world.disk, DISK_BYTES);
}

static uint64_t disk_bytes(void)
{
    return DISK_BYTES;
}

/* The first block of the range that is not all zeros; the disk's end if there is none. */
static uint64_t first_data(uint64_t offset, uint64_t bytes)
{
    static const unsigned char zeros[IMGZ_BLOCK_BYTES];
    const uint64_t end =
        bytes > DISK_BYTES - imgz_min(offset, DISK_BYTES) ? DISK_BYTES : offset + bytes;

    for (uint64_t at = imgz_align_down(offset, IMGZ_BLOCK_BYTES); at < end;
         at += IMGZ_BLOCK_BYTES) {
        if (memcmp(world.disk + at, zeros, imgz_min(IMGZ_BLOCK_BYTES, DISK_BYTES - at)) != 0)
            return at;
    }
    return DISK_BYTES;
}

static bool touches_data(uint64_t offset, uint64_t bytes)
{
    return first_data(offset, bytes) < DISK_BYTES;
}

/* On a device that holds something old, and some of the disk already. */
static int restore_device(void)
{
    return imgz_restore(path("image").text, world.loop.path, &world.options, &world.report,
                        &world.told);
}

static void age_device(void)
{
    unsigned char *old = malloc(DEVICE_BYTES);
    int fd = open(world.loop.path, O_WRONLY | O_CLOEXEC);

    assert_non_null(old);
    assert_true(fd >= 0);
    memset(old, OLD_BYTE, DEVICE_BYTES);
    /* Only chunks that the trouble is not in may be left alone. */
    if ((world.options.flags & IMGZ_FLAG_ONLY_CHANGED) != 0 && world.trouble == NONE)
        memcpy(old + world.seed % 12 * CHUNK, world.disk + world.seed % 12 * CHUNK, CHUNK);
    assert_int_equal(syscall(SYS_pwrite64, fd, old, DEVICE_BYTES, 0), DEVICE_BYTES);
    close(fd);
    free(old);
}

static bool holds_device(void)
{
    unsigned char *found = malloc(DEVICE_BYTES);
    int fd = open(world.loop.path, O_RDONLY | O_CLOEXEC);
    bool right;

    assert_non_null(found);
    assert_int_equal(syscall(SYS_pread64, fd, found, DEVICE_BYTES, 0), DEVICE_BYTES);
    right = memcmp(found, world.disk, DISK_BYTES) == 0 && found[DISK_BYTES] == OLD_BYTE &&
            memcmp(found + DISK_BYTES, found + DISK_BYTES + 1, DEVICE_BYTES - DISK_BYTES - 1) == 0;
    close(fd);
    free(found);
    return right;
}

static const struct job capturing = {capture, holds_image, touches_image, image_bytes, true};
static const struct job restoring = {restore, holds_disk, touches_data, disk_bytes, true};
static const struct job flashing = {restore_device, holds_device, touches_data, disk_bytes, false};

/* ---- What must come of it ----------------------------------------------------------------------
 */

static bool reads_back(void)
{
    return (world.options.flags & IMGZ_FLAG_READ_BACK) != 0;
}

static void plan_trouble(const struct job *job)
{
    static const int errors[] = {-EIO, -ENOSPC, -EDQUOT, -EFBIG, -EROFS};
    uint64_t random = world.seed * 31 + 7;

    world.trouble = (enum trouble)(world.seed % TROUBLE_COUNT);
    /* Not told from a drive that keeps everything. */
    if (world.trouble == LOSS && !reads_back())
        world.trouble = NONE;
    /* The image is read by the same calls. */
    if (world.trouble == BAD_SECTORS && job != &capturing)
        world.trouble = NONE;
    world.error = world.trouble == READ_ONCE || world.trouble == BAD_SECTORS
                      ? -EIO
                      : errors[imgz_sample_random(&random) % IMGZ_COUNT_OF(errors)];
    world.bytes = (1 + imgz_sample_random(&random) % 40) * IMGZ_BLOCK_BYTES;
    world.offset =
        imgz_sample_random(&random) % (world.trouble == READ_ONCE || world.trouble == BAD_SECTORS
                                           ? DISK_BYTES
                                           : job->output_bytes());
    world.offset = imgz_align_down(world.offset, IMGZ_BLOCK_BYTES);
    if (world.trouble == BAD_SECTORS) {
        world.offset = imgz_max(world.offset, IMGZ_BLOCK_BYTES);
        world.bytes = DISK_BYTES - world.offset;
    }
    if (world.trouble == FULL)
        world.bytes = UINT64_MAX;
}

/* The code that the job must return; 'may' if it may also succeed. */
static int predict(const struct job *job, bool *may)
{
    const bool touched = job->touches(world.offset, world.bytes);

    *may = false;
    switch (world.trouble) {
    case NONE:
    case MISFIT:
    case ZERO_REFUSED:
    case READ_ONCE:
    case TROUBLE_COUNT:
        break;
    case BAD_SECTORS:
        return -EIO;
    case WRITE_ERROR:
    case FULL:
        /* A device also gets zeros. */
        *may = job == &flashing && !touched;
        return touched || *may ? world.trouble == FULL ? -ENOSPC : world.error : 0;
    case LOSS:
        return touched || job == &flashing ? -EBADMSG : 0;
    case READER_BREAKS:
    case WRITER_BREAKS:
        *may = true;
        return -EIO;
    }
    return 0;
}

static void check_place(const struct job *job)
{
    const struct imgz_error *told = &world.told;

    if (world.trouble == BAD_SECTORS) {
        assert_int_equal(told->stage, IMGZ_STAGE_READ_SOURCE);
        assert_int_equal(told->offset, world.offset);
    } else if (world.trouble == WRITE_ERROR || world.trouble == FULL) {
        assert_int_equal(told->stage,
                         job == &capturing ? IMGZ_STAGE_WRITE_IMAGE : IMGZ_STAGE_WRITE_TARGET);
        /* A range that a device is to zero fails as a whole, and is named by its start. */
        assert_true(told->offset >= world.offset || job == &flashing);
        assert_true(told->offset < world.offset || told->offset - world.offset < world.bytes);
    } else if (world.trouble == LOSS) {
        const uint64_t lost =
            job == &flashing ? world.offset : first_data(world.offset, world.bytes);

        assert_int_equal(told->stage, IMGZ_STAGE_COMPARE);
        assert_int_equal(told->offset, imgz_align_down(lost, CHUNK));
    }
    if (!job->makes_file)
        assert_non_null(strstr(told->text, " is incomplete"));
    else if (imgz_fixture_exists(&world.fixture, "out.partial"))
        assert_non_null(strstr(told->text, "out.partial is kept"));
    else
        assert_non_null(strstr(told->text, "; nothing is left of "));
}

static int run_once(const struct job *job, struct imgz_trial *trial)
{
    const struct imgz_intercept plan = {
        .flush_skipped = true,
        .bad_read_offset = world.trouble == BAD_SECTORS ? world.offset : 0,
    };
    int rc;

    if (job == &flashing)
        age_device();
    atomic_store(&world.fake_count, 0);
    imgz_trial_begin(trial, &plan);
    rc = job->run();
    imgz_trial_end(trial);
    for (unsigned i = 0; i < atomic_load(&world.fake_count); i++) {
        const struct imgz_fake *fake = &world.fakes[i];

        assert_true(fake->closed);
        assert_true(fake->left_count == 0 || fake->breaks_after > 0);
        world.short_count += fake->short_count;
        world.interrupt_count += fake->interrupt_count;
        world.overtaken_count += fake->overtaken_count;
    }
    return rc;
}

static void remove_if_there(const char *name)
{
    if (imgz_fixture_exists(&world.fixture, name))
        assert_int_equal(remove(path(name).text), 0);
}

/* Runs it, a second time if memory seems to leak. */
static int run_settled(const struct job *job)
{
    struct imgz_trial trial;
    int rc = run_once(job, &trial);

    if (trial.memory_grown != 0) {
        remove_if_there("out");
        remove_if_there("out.partial");
        rc = run_once(job, &trial);
    }
    if (trial.memory_grown != 0 || trial.fds_grown != 0)
        fail_msg("seed %llu: %lld allocations and %d descriptors leak",
                 (unsigned long long)world.seed, (long long)trial.memory_grown, trial.fds_grown);
    assert_int_equal(world.told.code, rc);
    return rc;
}

static void check_held(const struct job *job)
{
    if (!job->holds())
        fail_msg("seed %llu, trouble %d: wrong bytes", (unsigned long long)world.seed,
                 (int)world.trouble);
}

/* What was kept becomes what it should have been, without the trouble. */
static void go_on(const struct job *job)
{
    struct imgz_trial trial;

    if (!imgz_fixture_exists(&world.fixture, "out.partial"))
        return;
    world.trouble = NONE;
    world.resumed_count += 1;
    world.options.flags |= IMGZ_FLAG_RESUME;
    if (run_once(job, &trial) != 0)
        fail_msg("seed %llu: it does not go on: %s", (unsigned long long)world.seed,
                 world.told.text);
    check_held(job);
}

static void run_seed(const struct job *job)
{
    const unsigned files_before = imgz_fixture_count(&world.fixture);
    bool may;
    int wanted;
    int rc;

    plan_trouble(job);
    wanted = predict(job, &may);
    rc = run_settled(job);
    if (rc != wanted && !(may && rc == 0))
        fail_msg("seed %llu, trouble %d at %llu: %d instead of %d: %s",
                 (unsigned long long)world.seed, (int)world.trouble,
                 (unsigned long long)world.offset, rc, wanted, world.told.text);
    if (rc == 0) {
        check_held(job);
    } else {
        world.failed_count += 1;
        check_place(job);
        go_on(job);
    }
    remove_if_there("out");
    assert_int_equal(imgz_fixture_count(&world.fixture), files_before);
}

/* All seeds; the counts show that the fake was as unkind as it was meant to be. */
static void run_seeds(const struct job *job, bool read_back_too)
{
    world.short_count = 0;
    world.interrupt_count = 0;
    world.overtaken_count = 0;
    world.failed_count = 0;
    world.resumed_count = 0;
    for (world.seed = 1; world.seed <= SEEDS; world.seed++) {
        world.options.flags = 0;
        if (read_back_too && world.seed / TROUBLE_COUNT % 2 != 0)
            world.options.flags |= IMGZ_FLAG_READ_BACK;
        if (job == &flashing && world.seed / TROUBLE_COUNT % 3 == 0)
            world.options.flags |= IMGZ_FLAG_ONLY_CHANGED;
        if (job->makes_file && world.seed / TROUBLE_COUNT / 2 % 2 != 0)
            world.options.flags |= IMGZ_FLAG_RESUME;
        run_seed(job);
    }
    print_message("%llu short, %llu interrupted, %llu overtaken; %llu of %u failed as they must, "
                  "%llu went on\n",
                  (unsigned long long)world.short_count, (unsigned long long)world.interrupt_count,
                  (unsigned long long)world.overtaken_count, (unsigned long long)world.failed_count,
                  SEEDS, (unsigned long long)world.resumed_count);
    assert_true(world.resumed_count > 50 || !job->makes_file);
    assert_true(world.short_count > 1000 && world.interrupt_count > 1000);
    assert_true(world.overtaken_count > 1000 && world.failed_count > SEEDS / 10);
}

static void captures_come_out_right_or_not_at_all(void **state)
{
    (void)state;
    run_seeds(&capturing, false);
}

static void restores_come_out_right_or_not_at_all(void **state)
{
    (void)state;
    run_seeds(&restoring, true);
}

static void devices_come_out_right_or_are_called_incomplete(void **state)
{
    (void)state;
    if (world.loop.path[0] == '\0')
        skip();
    run_seeds(&flashing, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_come_out_right_or_not_at_all),
        cmocka_unit_test(restores_come_out_right_or_not_at_all),
        cmocka_unit_test(devices_come_out_right_or_are_called_incomplete),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
