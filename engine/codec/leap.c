/* SPDX-License-Identifier: MIT */
/*
 * A walk is a chain: where the next symbol is, is known only when this one has been looked up. The
 * processor waits for each load, 8 cycles a lookup, and could do four times the work meanwhile. So
 * four walks run at once, interleaved. One starts at the place that is known to be right. The
 * others start LEG_BITS further on each, wherever that may be: likely inside a symbol.
 *
 * That helps because such a walk soon falls into step. What a walk does next depends on its place
 * alone (the bit, and which table is next), so once it comes to any place the right walk comes to,
 * the two are one from there on; and Huffman codes being what they are, that takes some 20 symbols.
 * Then all it did since is right, whatever it did before.
 *
 * So walk 0 goes to where walk 1 began, and a little further, to a place where both have been. With
 * that, walk 0 may leap to wherever walk 1 has come to meanwhile; there it is on walk 2's ground,
 * and so on. If they do not meet, the walk that was right goes on, and nothing but time is lost: no
 * guess is ever trusted.
 *
 * To find a meeting place each walk leaves a trail of where it was every STEPS_PER_BATCH steps. The
 * walk behind is brought up on the other's trail, always the one of the two that is behind takes a
 * step, until they meet.
 *
 * Inside a batch there are no branches at all. An entry that stops skips nothing and keeps to its
 * table, so a walk that is stopped marks time; between batches it is helped over the symbol, or if
 * that ends the block, stays there.
 */
#include "codec/leap.h"

#include "base/bytes.h"

/* Four walks hide the chain's latency; six were no faster for want of registers. */
#define WALK_COUNT 4u

/* Longer legs spend less on meeting; but blocks of 10 to 30 KiB are not to end in the first leg. */
#define LEG_BITS 8192u

/* Two lookups for each load of 57 bits or more. */
#define STEPS_PER_BATCH 8u
#define STEP_BITS_MAX   (2 * IMGZ_SKIPTABLE_SKIP_MAX)
_Static_assert(STEP_BITS_MAX <= 57, "two lookups for each load");

/* What a batch, and help over one symbol behind it (28 bits), may read behind a walk's place. */
#define BATCH_READ_BYTES (STEPS_PER_BATCH * STEP_BITS_MAX / 8 + 4 + 8)

/* A step takes 20 bits or so: some 50 batches to a leg. A leg of few bits a step ends sooner. */
#define TRAIL_COUNT 96u

/* Walks that have not met after so many steps do so too late to be worth it. */
#define MEET_STEPS_MAX 200u

struct walk {
    uint64_t bit_index;
    uint32_t entry; /* the last one: tells the next table, and whether the walk is stopped */
};

struct group {
    const struct imgz_skiptable *table;
    struct imgz_leap_stream stream;
    uint32_t live_count; /* walks that count: none behind one that is at the end of the block */
    bool ended;          /* the last live walk cannot go on */
    struct walk walks[WALK_COUNT];
    uint32_t trail_count;
    struct walk trails[TRAIL_COUNT][WALK_COUNT];
};

static uint64_t load_bits(const unsigned char *data, uint64_t bit_index)
{
    return imgz_get_le64(data + bit_index / 8) >> bit_index % 8;
}

static uint32_t lookup(const uint16_t *entries, uint32_t entry, uint64_t bits)
{
    return entries[(entry & IMGZ_SKIPTABLE_DISTANCE) + (bits & (IMGZ_SKIPTABLE_INDEX_COUNT - 1))];
}

static inline void step(const uint16_t *entries, const unsigned char *data, struct walk *walk)
{
    uint64_t bits = load_bits(data, walk->bit_index);
    uint32_t first = lookup(entries, walk->entry, bits);
    uint32_t second = lookup(entries, first, bits >> (first & IMGZ_SKIPTABLE_SKIP_MASK));

    walk->bit_index += first & IMGZ_SKIPTABLE_SKIP_MASK;
    walk->bit_index += second & IMGZ_SKIPTABLE_SKIP_MASK;
    walk->entry = second;
}

/* Named one by one, so that each is kept in registers. */
static void run_batch(struct group *group)
{
    const uint16_t *entries = group->table->entries;
    const unsigned char *data = group->stream.data;
    struct walk a = group->walks[0];
    struct walk b = group->walks[1];
    struct walk c = group->walks[2];
    struct walk d = group->walks[3];

    _Static_assert(WALK_COUNT == 4, "each walk has a name");
    for (uint32_t i = 0; i < STEPS_PER_BATCH; i++) {
        step(entries, data, &a);
        step(entries, data, &b);
        step(entries, data, &c);
        step(entries, data, &d);
    }
    group->walks[0] = a;
    group->walks[1] = b;
    group->walks[2] = c;
    group->walks[3] = d;
}

/* Moves a walk over one symbol, however rare. False: it ends the block or is not valid. */
static bool step_over(const struct group *group, struct walk *walk)
{
    enum imgz_skiptable_next next = walk->entry & IMGZ_SKIPTABLE_DISTANCE
                                        ? IMGZ_SKIPTABLE_NEXT_DISTANCE
                                        : IMGZ_SKIPTABLE_NEXT_LITLEN;
    uint64_t bits = load_bits(group->stream.data, walk->bit_index);
    uint32_t skip_bits;

    if (imgz_skiptable_find(group->table, bits, &skip_bits, &next) < 0 ||
        next == IMGZ_SKIPTABLE_NEXT_HEADER)
        return false;
    walk->bit_index += skip_bits;
    walk->entry = next == IMGZ_SKIPTABLE_NEXT_DISTANCE ? IMGZ_SKIPTABLE_DISTANCE : 0;
    return true;
}

/* Moves a walk on by one lookup. False as above. */
static bool advance(const struct group *group, struct walk *walk)
{
    uint64_t bits = load_bits(group->stream.data, walk->bit_index);
    uint32_t entry = lookup(group->table->entries, walk->entry, bits);

    if (entry & IMGZ_SKIPTABLE_STOP)
        return step_over(group, walk);
    walk->bit_index += entry & IMGZ_SKIPTABLE_SKIP_MASK;
    walk->entry = entry;
    return true;
}

static void help_stopped(struct group *group)
{
    for (uint32_t i = 0; i < group->live_count; i++) {
        bool last = i + 1 == group->live_count;

        if (!(group->walks[i].entry & IMGZ_SKIPTABLE_STOP) || (last && group->ended))
            continue;
        if (step_over(group, &group->walks[i]))
            continue;
        /* Those ahead are of no use now. They stay here with this one. */
        for (uint32_t ahead = i + 1; ahead < WALK_COUNT; ahead++)
            group->walks[ahead] = group->walks[i];
        group->live_count = i + 1;
        group->ended = true;
    }
}

static bool is_inside(const struct group *group)
{
    uint64_t bit_index = 0;

    for (uint32_t i = 0; i < WALK_COUNT; i++)
        bit_index = imgz_max(bit_index, group->walks[i].bit_index);
    return bit_index / 8 + BATCH_READ_BYTES <= group->stream.stream_bytes;
}

/* True if each walk has come to where the next one began, or could not go on. */
static bool is_done(const struct group *group)
{
    if (group->live_count == 1)
        return group->ended;
    for (uint32_t i = 0; i + 1 < group->live_count; i++) {
        if (group->walks[i].bit_index < group->trails[0][i + 1].bit_index)
            return false;
    }
    return true;
}

static void run_group(struct group *group)
{
    group->trail_count = 0;
    while (group->trail_count < TRAIL_COUNT && is_inside(group)) {
        for (uint32_t i = 0; i < WALK_COUNT; i++)
            group->trails[group->trail_count][i] = group->walks[i];
        group->trail_count += 1;
        run_batch(group);
        help_stopped(group);
        if (is_done(group))
            break;
    }
}

/* The last place on a walk's trail that is not beyond 'bit_index'; the first is not. */
static struct walk find_on_trail(const struct group *group, uint32_t walk_index, uint64_t bit_index)
{
    uint32_t low = 0;
    uint32_t high = group->trail_count;

    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (group->trails[middle][walk_index].bit_index <= bit_index)
            low = middle;
        else
            high = middle;
    }
    return group->trails[low][walk_index];
}

static bool is_same_place(const struct walk *a, const struct walk *b)
{
    return a->bit_index == b->bit_index && ((a->entry ^ b->entry) & IMGZ_SKIPTABLE_DISTANCE) == 0;
}

/* Moves 'right' on until it is at a place where walk 'walk_index' has been, too. */
static bool meet(const struct group *group, uint32_t walk_index, struct walk *right)
{
    const struct walk *ahead = &group->walks[walk_index];
    struct walk other;

    if (right->bit_index < group->trails[0][walk_index].bit_index)
        return false;
    other = find_on_trail(group, walk_index, right->bit_index);
    for (uint32_t i = 0; i < MEET_STEPS_MAX; i++) {
        if (is_same_place(right, &other))
            return true;
        if (right->bit_index >= ahead->bit_index && other.bit_index >= ahead->bit_index)
            return false;
        if (!advance(group, right->bit_index <= other.bit_index ? right : &other))
            return false;
    }
    return false;
}

/* Moves 'right' to the farthest place that is proved right. True if the block ends there. */
static bool join_group(const struct group *group, struct walk *right)
{
    *right = group->walks[0];
    for (uint32_t i = 1; i < group->live_count; i++) {
        if (!meet(group, i, right))
            return false;
        *right = group->walks[i];
    }
    return group->ended;
}

void imgz_leap_walk(const struct imgz_skiptable *table, const struct imgz_leap_stream *stream,
                    struct imgz_leap_place *place)
{
    struct group group;
    struct walk right = {.bit_index = place->bit_index};

    if (place->next == IMGZ_SKIPTABLE_NEXT_DISTANCE)
        right.entry = IMGZ_SKIPTABLE_DISTANCE;
    group.table = table;
    group.stream = *stream;
    do {
        group.live_count = WALK_COUNT;
        group.ended = false;
        group.walks[0] = right;
        for (uint32_t i = 1; i < WALK_COUNT; i++)
            group.walks[i] = (struct walk){.bit_index = right.bit_index + i * LEG_BITS};
        if (!is_inside(&group))
            break;
        run_group(&group);
    } while (!join_group(&group, &right));
    place->bit_index = right.bit_index;
    place->next = right.entry & IMGZ_SKIPTABLE_DISTANCE ? IMGZ_SKIPTABLE_NEXT_DISTANCE
                                                        : IMGZ_SKIPTABLE_NEXT_LITLEN;
}
