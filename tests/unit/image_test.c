/* SPDX-License-Identifier: MIT */
/* Loading an image: whole, cut anywhere, with bytes changed anywhere, with something behind it; and
 * what is no image. All in memory, so that every place can be tried. */
#include "image/image.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "checksum/checksum.h"
#include "fixture.h"
#include "format/carrier.h"
#include "image_maker.h"
#include "memory_source.h"

#define CHUNK ((uint64_t)IMGZ_MAKER_CHUNK)

/* Behind an image: more than is searched at once. */
#define PADDING_BYTES ((uint64_t)1 << 20)

static const struct imgz_maker_piece pieces[] = {
    {IMGZ_SAMPLE_TEXT, 1},
    {IMGZ_SAMPLE_ZERO, 40},
    {IMGZ_SAMPLE_RECORDS, 2},
};

/* An image of each chunk hash, with room for padding behind it. */
struct made {
    struct imgz_image_maker maker;
    unsigned char *data;
    uint64_t bytes;
    struct imgz_frame_end end;
    uint64_t tail_offset;
};

static struct imgz_fixture fixture;
static struct made made[2];

static void make(struct made *result, enum imgz_hash_kind hash, const struct imgz_meta *meta)
{
    const struct imgz_maker_disk disk = {pieces, 3, 1000, hash, meta};
    const uint32_t tail_bytes = imgz_frame_tail_bytes(hash);

    imgz_image_maker_open(&result->maker, &disk, fixture.latch, &fixture.log);
    IMGZ_ASSERT(imgz_image_maker_run(&result->maker) == 0);
    imgz_image_maker_close(&result->maker);
    result->bytes = result->maker.memory.bytes;
    result->data = calloc(1, result->bytes + PADDING_BYTES);
    IMGZ_ASSERT(result->data != NULL);
    memcpy(result->data, result->maker.memory.data, result->bytes);
    result->tail_offset = result->bytes - tail_bytes;
    IMGZ_ASSERT(imgz_frame_decode_tail(hash, result->data + result->tail_offset, &result->end) ==
                0);
}

static int set_up(void **state)
{
    struct imgz_meta meta;

    (void)state;
    imgz_fixture_init(&fixture);
    imgz_meta_init(&meta);
    IMGZ_ASSERT(imgz_meta_add(&meta, "source.path", "/dev/sda") == 0);
    make(&made[0], IMGZ_HASH_XXH3, &meta);
    make(&made[1], IMGZ_HASH_SHA256, &meta);
    imgz_meta_fini(&meta);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        free(made[i].data);
        free(made[i].maker.memory.data);
    }
    imgz_fixture_fini(&fixture);
    return 0;
}

/* Loads what 'memory' holds, with a latch of its own; its error goes to '*error', if wanted. */
static int load(struct imgz_memory_source *memory, enum imgz_image_parts parts,
                struct imgz_error *error)
{
    struct imgz_image image = {.source = imgz_memory_source_open(memory)};
    int rc;

    imgz_fixture_renew_stop(&fixture);
    rc = imgz_image_load(&image, parts, fixture.latch, &fixture.log);
    if (rc == 0 && image.seekable)
        assert_int_equal(imgz_image_raw_bytes(&image), made[0].end.raw_bytes);
    imgz_image_fini(&image);
    assert_true(memory->closed);
    assert_int_equal(imgz_latch_error(fixture.latch)->code, rc);
    if (error != NULL)
        *error = *imgz_latch_error(fixture.latch);
    return rc;
}

static int load_bytes(const unsigned char *data, uint64_t bytes)
{
    struct imgz_memory_source memory = {.data = data, .bytes = bytes};

    return load(&memory, IMGZ_IMAGE_ALL, NULL);
}

/* ---- Whole -------------------------------------------------------------------------------- */

static void check_loaded(const struct imgz_image *image, const struct made *wanted)
{
    assert_true(image->seekable);
    assert_int_equal(image->image_bytes, wanted->bytes);
    assert_int_equal(image->header.chunk_bytes, CHUNK);
    assert_int_equal(image->header.raw_bytes, 43 * CHUNK - 1000);
    assert_int_equal(image->end.raw_bytes, 43 * CHUNK - 1000);
    assert_int_equal(image->end.raw_crc32, wanted->maker.sum.crc32);
    assert_true(imgz_hash_equal(&image->end.root_hash, &wanted->maker.sum.root_hash));
    assert_int_equal(image->index.entry_count, 4);
    assert_int_equal(image->index.hash_count, 3);
    assert_int_equal(image->data_bytes_max, CHUNK);
    assert_int_equal(imgz_image_tail_offset(image), wanted->tail_offset);
    assert_string_equal(imgz_meta_find(&image->meta, "source.path"), "/dev/sda");
}

static void a_file_is_loaded(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct imgz_fixture_path path = imgz_fixture_path(&fixture, "image");
        struct imgz_image image;

        imgz_fixture_write(&fixture, "image", made[i].data, made[i].bytes);
        assert_int_equal(imgz_image_init(path.text, NULL, fixture.latch, &fixture.log, &image), 0);
        check_loaded(&image, &made[i]);
        imgz_image_fini(&image);
        imgz_fixture_renew_stop(&fixture);
        memset(&image, 0xee, sizeof(image));
        assert_int_equal(imgz_image_init(imgz_fixture_path(&fixture, "none").text, NULL,
                                         fixture.latch, &fixture.log, &image),
                         -ENOENT);
        assert_null(image.source);
        imgz_fixture_renew_stop(&fixture);
    }
}

static void any_source_is_loaded(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct imgz_memory_source memory = {.data = made[i].data, .bytes = made[i].bytes};
        struct imgz_image image = {.source = imgz_memory_source_open(&memory)};

        assert_int_equal(imgz_image_load(&image, IMGZ_IMAGE_ALL, fixture.latch, &fixture.log), 0);
        check_loaded(&image, &made[i]);
        assert_non_null(image.index.hashes);
        imgz_image_fini(&image);
        image = (struct imgz_image){.source = imgz_memory_source_open(&memory)};
        assert_int_equal(imgz_image_load(&image, IMGZ_IMAGE_SIZES, fixture.latch, &fixture.log), 0);
        check_loaded(&image, &made[i]);
        assert_null(image.index.hashes);
        imgz_image_fini(&image);
    }
}

/* Of a stream only the header is read: the rest is the feeder's. */
static void a_stream_is_begun(void **state)
{
    struct imgz_memory_source memory = {.data = made[1].data,
                                        .bytes = made[1].bytes,
                                        .stream = true};
    struct imgz_image image = {.source = imgz_memory_source_open(&memory)};

    (void)state;
    assert_int_equal(imgz_image_load(&image, IMGZ_IMAGE_ALL, fixture.latch, &fixture.log), 0);
    assert_false(image.seekable);
    assert_int_equal(image.header.hash, IMGZ_HASH_SHA256);
    assert_int_equal(imgz_image_raw_bytes(&image), 43 * CHUNK - 1000);
    assert_int_equal(imgz_image_data_bytes_max(&image), CHUNK);
    assert_int_equal(memory.read_at, IMGZ_FRAME_HEADER_BYTES);
    imgz_image_fini(&image);
}

/* ---- What is an image --------------------------------------------------------------------- */

static void an_image_is_recognized(void **state)
{
    static const unsigned char gzip[40] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0};
    static const unsigned char other[40] = "no image";
    static unsigned char newer[IMGZ_FRAME_HEADER_BYTES];
    static unsigned char bad[IMGZ_FRAME_HEADER_BYTES];
    const struct {
        const unsigned char *data;
        uint64_t bytes;
        bool is_image;
        uint32_t chunk_bytes; /* 0: the header cannot be read */
    } cases[] = {
        {made[0].data, made[0].bytes, true, CHUNK},
        {made[1].data, IMGZ_FRAME_HEADER_BYTES, true, CHUNK},
        {made[0].data, IMGZ_FRAME_HEADER_BYTES - 1, true, 0},
        {newer, sizeof(newer), true, 0},
        {bad, sizeof(bad), true, 0},
        {gzip, sizeof(gzip), false, 0},
        {other, sizeof(other), false, 0},
        {made[0].data, 2, false, 0},
        {made[0].data, 0, false, 0},
    };

    (void)state;
    memcpy(newer, made[0].data, sizeof(newer));
    newer[16] = 77; /* FORMAT.md: the version */
    memcpy(bad, made[0].data, sizeof(bad));
    bad[22] ^= 1; /* the disk's size */
    for (size_t i = 0; i < 2 * IMGZ_COUNT_OF(cases); i++) {
        const size_t n = i / 2;
        struct imgz_memory_source memory = {.data = cases[n].data,
                                            .bytes = cases[n].bytes,
                                            .stream = i % 2 != 0};
        struct imgz_source *source = imgz_memory_source_open(&memory);
        struct imgz_frame_header header;
        bool is_image = !cases[n].is_image;

        imgz_fixture_renew_stop(&fixture);
        assert_int_equal(imgz_image_recognize(source, fixture.latch, &is_image, &header), 0);
        assert_int_equal(is_image, cases[n].is_image);
        assert_int_equal(header.chunk_bytes, cases[n].chunk_bytes);
        assert_false(imgz_latch_raised(fixture.latch));
        /* Loaded, it is one only if all of it is right. */
        memory.closed = false;
        memory.read_at = 0;
        assert_int_equal(load(&memory, IMGZ_IMAGE_ALL, NULL),
                         n == 0 || (n == 1 && memory.stream) ? 0 : -EBADMSG);
    }
}

static void a_device_is_no_image(void **state)
{
    struct imgz_memory_source memory = {.data = made[0].data, .bytes = made[0].bytes};
    struct imgz_source *source = imgz_memory_source_open(&memory);
    struct imgz_frame_header header;
    bool is_image = true;

    (void)state;
    source->traits |= IMGZ_SOURCE_DEVICE;
    assert_int_equal(imgz_image_recognize(source, fixture.latch, &is_image, &header), 0);
    assert_false(is_image);
}

/* ---- Cut, and followed by something ------------------------------------------------------- */

/* What is no longer all there is refused, with its end as the place, or what is there before. */
static void what_is_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t bytes = 0; bytes < made[i].bytes; bytes++) {
            struct imgz_memory_source memory = {.data = made[i].data, .bytes = bytes};
            struct imgz_error error;

            /* Segments are long, and every place in them is alike. */
            if (bytes > 2000 && bytes < made[i].end.index_offset - 2000 && bytes % 997 != 0)
                continue;
            assert_int_equal(load(&memory, IMGZ_IMAGE_ALL, &error), -EBADMSG);
            assert_true(error.offset <= bytes);
            if (bytes >= IMGZ_FRAME_HEADER_BYTES)
                assert_non_null(strstr(error.text, "the input ended early"));
        }
    }
}

static void zeros_behind_it_are_padding(void **state)
{
    static const uint64_t paddings[] = {1, 8, 512, 65537, PADDING_BYTES};

    (void)state;
    for (size_t i = 0; i < 2 * IMGZ_COUNT_OF(paddings); i++) {
        struct made *image_made = &made[i % 2];
        const uint64_t padding = paddings[i / 2];
        const uint64_t bytes = image_made->bytes + padding;
        struct imgz_memory_source memory = {.data = image_made->data, .bytes = bytes};
        struct imgz_image image = {.source = imgz_memory_source_open(&memory)};

        imgz_fixture_renew_stop(&fixture);
        assert_int_equal(imgz_image_load(&image, IMGZ_IMAGE_ALL, fixture.latch, &fixture.log), 0);
        check_loaded(&image, image_made);
        imgz_image_fini(&image);
        /* One other byte, at either end or in the middle, and it is not. */
        for (uint64_t at = 0; at < padding; at += imgz_max(padding / 2, 1)) {
            image_made->data[image_made->bytes + at] = 1;
            assert_int_equal(load_bytes(image_made->data, bytes), -EBADMSG);
            assert_int_equal(imgz_latch_error(fixture.latch)->offset, image_made->bytes);
            image_made->data[image_made->bytes + at] = 0;
        }
        image_made->data[bytes - 1] = 0x80;
        assert_int_equal(load_bytes(image_made->data, bytes), -EBADMSG);
        image_made->data[bytes - 1] = 0;
    }
}

/* gunzip would unpack both disks. */
static void a_second_image_behind_it_is_refused(void **state)
{
    unsigned char *twice = malloc(2 * made[0].bytes);
    struct imgz_memory_source memory = {.data = twice, .bytes = 2 * made[0].bytes};
    struct imgz_error error;

    (void)state;
    assert_non_null(twice);
    memcpy(twice, made[0].data, made[0].bytes);
    memcpy(twice + made[0].bytes, made[0].data, made[0].bytes);
    assert_int_equal(load(&memory, IMGZ_IMAGE_ALL, &error), -EBADMSG);
    assert_int_equal(error.offset, made[0].bytes);
    assert_non_null(strstr(error.text, "'head -c "));
    free(twice);
}

/* ---- Damaged ------------------------------------------------------------------------------ */

/* Every bit of 'bytes' at 'offset' is refused when it is flipped. */
static void refuse_flips(struct made *image, uint64_t offset, uint64_t bytes)
{
    for (uint64_t bit = 0; bit < 8 * bytes; bit++) {
        unsigned char *at = image->data + offset + bit / 8;
        const unsigned char before = *at;

        *at ^= (unsigned char)(1 << bit % 8);
        if (load_bytes(image->data, image->bytes) != -EBADMSG)
            fail_msg("bit %u of byte %lu was not missed", (unsigned)(bit % 8),
                     (unsigned long)(offset + bit / 8));
        *at = before;
    }
}

static void flipped_bits_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        refuse_flips(&made[i], 0, IMGZ_FRAME_HEADER_BYTES);
        refuse_flips(&made[i], made[i].end.index_offset, made[i].bytes - made[i].end.index_offset);
    }
}

/* Items are checked when they are read: loading does not look at them. */
static void items_are_not_looked_at(void **state)
{
    struct made *image = &made[0];

    (void)state;
    image->data[IMGZ_FRAME_HEADER_BYTES + 5] ^= 1;
    image->data[image->end.index_offset - 1] ^= 1;
    assert_int_equal(load_bytes(image->data, image->bytes), 0);
    image->data[IMGZ_FRAME_HEADER_BYTES + 5] ^= 1;
    image->data[image->end.index_offset - 1] ^= 1;
}

/* Without the table of hashes, damage to it alone does no harm. */
static void sizes_need_no_hashes(void **state)
{
    struct imgz_memory_source memory = {.data = made[0].data, .bytes = made[0].bytes};
    unsigned char *at = made[0].data + made[0].end.hashes_offset + IMGZ_NOTE_CARRIER_BYTES + 3;

    (void)state;
    *at ^= 1;
    assert_int_equal(load(&memory, IMGZ_IMAGE_SIZES, NULL), 0);
    assert_int_equal(load(&memory, IMGZ_IMAGE_ALL, NULL), -EBADMSG);
    *at ^= 1;
}

/* ---- Lies: all sums are right --------------------------------------------------------------- */

static void put_end(struct made *image, const struct imgz_frame_end *end)
{
    imgz_frame_encode_tail(end, image->data + image->tail_offset);
}

static void an_end_that_lies_is_refused(void **state)
{
    static const uint64_t lies[] = {1, 5, CHUNK, (uint64_t)1 << 40, UINT64_MAX - 1, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < 6 * IMGZ_COUNT_OF(lies); i++) {
        struct imgz_frame_end end = made[0].end;
        uint64_t *const fields[] = {&end.raw_bytes,     &end.entry_count, &end.index_offset,
                                    &end.hashes_offset, &end.meta_offset, NULL};

        if (fields[i % 6] != NULL)
            *fields[i % 6] += lies[i / 6];
        else
            end.chunk_bytes *= 2;
        put_end(&made[0], &end);
        assert_int_equal(load_bytes(made[0].data, made[0].bytes), -EBADMSG);
    }
    put_end(&made[0], &made[0].end);
    assert_int_equal(load_bytes(made[0].data, made[0].bytes), 0);
}

/* Writes a note and what follows it as if 'bytes' did. */
static void put_note(struct made *image, enum imgz_note_kind kind, uint64_t offset, uint32_t bytes)
{
    const struct imgz_note note = {.kind = kind, .payload_bytes = bytes};

    imgz_note_encode(&note, image->data + offset);
}

/* So much more than the process has may be allocated; 0: any. */
static void limit_memory(uint64_t bytes)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : pages * (uint64_t)sysconf(_SC_PAGESIZE) + bytes;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* A section that says it has 4 GiB, in a file of less than 100 KiB: nothing is allocated for it. */
static void a_section_that_lies_about_its_length_is_refused(void **state)
{
    static const uint32_t lengths[] = {0, 4, 12, 20, 1 << 20, UINT32_MAX - 3, UINT32_MAX};
    const struct {
        enum imgz_note_kind kind;
        uint64_t offset;
        uint64_t end;
    } sections[] = {
        {IMGZ_NOTE_INDEX, made[0].end.index_offset, made[0].end.hashes_offset},
        {IMGZ_NOTE_HASHES, made[0].end.hashes_offset, made[0].end.meta_offset},
        {IMGZ_NOTE_META, made[0].end.meta_offset, made[0].tail_offset},
    };
    unsigned char before[IMGZ_NOTE_CARRIER_BYTES];

    (void)state;
    limit_memory((uint64_t)256 << 20);
    for (size_t i = 0; i < 3 * IMGZ_COUNT_OF(lengths); i++) {
        const uint64_t offset = sections[i % 3].offset;

        memcpy(before, made[0].data + offset, sizeof(before));
        put_note(&made[0], sections[i % 3].kind, offset, lengths[i / 3]);
        assert_int_equal(load_bytes(made[0].data, made[0].bytes), -EBADMSG);
        /* By its metadata an image is known to end where it does: that is missed first. */
        if (sections[i % 3].kind != IMGZ_NOTE_META)
            assert_int_equal(imgz_latch_error(fixture.latch)->offset, offset);
        memcpy(made[0].data + offset, before, sizeof(before));
    }
    limit_memory(0);
}

/* An index whose entries do not add up to the file or the disk, all its sums being right. */
static void an_index_that_lies_is_refused(void **state)
{
    const uint64_t offset = made[0].end.index_offset;
    const uint64_t section_bytes = made[0].end.hashes_offset - offset;
    unsigned char *before = malloc(section_bytes);
    unsigned char entries[4 * IMGZ_INDEX_ENTRY_BYTES];
    static const uint32_t lies[] = {0, 1, 2000, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff};

    (void)state;
    assert_non_null(before);
    memcpy(before, made[0].data + offset, section_bytes);
    for (size_t i = 0; i < 4 * IMGZ_COUNT_OF(lies); i++) {
        struct imgz_note note = {.kind = IMGZ_NOTE_INDEX, .payload_bytes = sizeof(entries)};

        assert_int_equal(
            imgz_carrier_decode(before + IMGZ_NOTE_CARRIER_BYTES, sizeof(entries), entries), 0);
        imgz_put_le32(entries + i % 4 * IMGZ_INDEX_ENTRY_BYTES, lies[i / 4]);
        note.payload_xxh3 = imgz_xxh3_64(entries, sizeof(entries));
        imgz_note_encode(&note, made[0].data + offset);
        imgz_carrier_encode(entries, sizeof(entries),
                            made[0].data + offset + IMGZ_NOTE_CARRIER_BYTES);
        assert_int_equal(load_bytes(made[0].data, made[0].bytes), -EBADMSG);
        assert_int_equal(imgz_latch_error(fixture.latch)->offset, offset);
    }
    memcpy(made[0].data + offset, before, section_bytes);
    assert_int_equal(load_bytes(made[0].data, made[0].bytes), 0);
    free(before);
}

/* ---- What cannot be read ------------------------------------------------------------------ */

/* A sector that cannot be read is an error of the system, or is not needed. */
static void a_failing_read_is_raised(void **state)
{
    uint32_t failed_count = 0;

    (void)state;
    for (uint64_t at = 0; at < made[0].bytes; at += 100) {
        struct imgz_memory_source memory = {.data = made[0].data,
                                            .bytes = made[0].bytes,
                                            .bad = {at, 100}};
        struct imgz_error error;
        int rc = load(&memory, IMGZ_IMAGE_ALL, &error);

        if (rc == 0)
            continue;
        failed_count += 1;
        assert_int_equal(rc, -EIO);
        /* There, or where the read of a section begins; of the first block the header is wanted. */
        assert_true((error.offset >= at && error.offset < at + 100) ||
                    (at < IMGZ_BLOCK_BYTES && error.offset == IMGZ_FRAME_HEADER_BYTES));
        assert_string_equal(error.path, "memory");
        assert_non_null(strstr(error.text, "reading memory"));
    }
    /* All that is loaded; of the rest only the block that the header is in. */
    assert_true(failed_count >= (made[0].bytes - made[0].end.index_offset) / 100);
    assert_true(failed_count <=
                (made[0].bytes - made[0].end.index_offset) / 100 + IMGZ_BLOCK_BYTES / 100 + 3);
}

/* It has become shorter: the end, which is read first, tells. */
static void a_file_that_ends_early_is_refused(void **state)
{
    (void)state;
    for (uint64_t at = made[0].end.index_offset; at < made[0].bytes; at += 10) {
        struct imgz_memory_source memory = {.data = made[0].data,
                                            .bytes = made[0].bytes,
                                            .ends_at = at};
        struct imgz_error error;

        assert_int_equal(load(&memory, IMGZ_IMAGE_ALL, &error), -EBADMSG);
        assert_int_equal(error.offset, imgz_max(at, made[0].tail_offset));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_loaded),
        cmocka_unit_test(any_source_is_loaded),
        cmocka_unit_test(a_stream_is_begun),
        cmocka_unit_test(an_image_is_recognized),
        cmocka_unit_test(a_device_is_no_image),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(zeros_behind_it_are_padding),
        cmocka_unit_test(a_second_image_behind_it_is_refused),
        cmocka_unit_test(flipped_bits_are_found),
        cmocka_unit_test(items_are_not_looked_at),
        cmocka_unit_test(sizes_need_no_hashes),
        cmocka_unit_test(an_end_that_lies_is_refused),
        cmocka_unit_test(a_section_that_lies_about_its_length_is_refused),
        cmocka_unit_test(an_index_that_lies_is_refused),
        cmocka_unit_test(a_failing_read_is_raised),
        cmocka_unit_test(a_file_that_ends_early_is_refused),
    };

    return cmocka_run_group_tests_name("image", tests, set_up, tear_down);
}
