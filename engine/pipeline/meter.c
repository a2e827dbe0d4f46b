/* SPDX-License-Identifier: MIT */
#include "pipeline/meter.h"

static uint64_t read_figure(const _Atomic(uint64_t) *figure)
{
    return atomic_load_explicit(figure, memory_order_relaxed);
}

static void add_to(_Atomic(uint64_t) *figure, uint64_t bytes)
{
    atomic_fetch_add_explicit(figure, bytes, memory_order_relaxed);
}

void imgz_meter_init(struct imgz_meter *meter, const struct imgz_meter_config *config)
{
    *meter = (struct imgz_meter){.config = *config};
    if (meter->config.zero_cost == 0)
        meter->config.zero_cost = IMGZ_METER_COST_HOLE;
    imgz_meter_set_total(meter, IMGZ_SIZE_UNKNOWN);
    atomic_store_explicit(&meter->blank_bytes_ahead, IMGZ_SIZE_UNKNOWN, memory_order_relaxed);
}

/* At most UINT64_MAX / 2 of each, so that the sum does not overflow. */
uint64_t imgz_meter_weigh(const struct imgz_meter *meter, uint64_t data_bytes, uint64_t zero_bytes)
{
    const uint64_t cost = meter->config.zero_cost;

    return data_bytes + zero_bytes / IMGZ_METER_COST_UNIT * cost +
           zero_bytes % IMGZ_METER_COST_UNIT * cost / IMGZ_METER_COST_UNIT;
}

static uint64_t weigh_item(const struct imgz_meter *meter, const struct imgz_slot *slot)
{
    if (meter->config.by_stored)
        return slot->stored_bytes;
    return slot->fed_zero ? imgz_meter_weigh(meter, 0, slot->raw_bytes)
                          : imgz_meter_weigh(meter, slot->raw_bytes, 0);
}

void imgz_meter_set_total(struct imgz_meter *meter, uint64_t work_bytes)
{
    atomic_store_explicit(&meter->work_bytes_total, work_bytes, memory_order_relaxed);
}

void imgz_meter_reduce_total(struct imgz_meter *meter, uint64_t work_bytes)
{
    atomic_fetch_sub_explicit(&meter->work_bytes_total, work_bytes, memory_order_relaxed);
}

static void add_blank(struct imgz_meter *meter, const struct imgz_slot *slot)
{
    const uint64_t total = read_figure(&meter->work_bytes_total);
    const uint64_t done = read_figure(&meter->work_bytes_done);
    uint64_t ahead = IMGZ_SIZE_UNKNOWN;

    if (!slot->fed_zero) {
        imgz_blanks_pass(&meter->blanks, slot);
        if (slot->kind == IMGZ_SLOT_ZERO)
            add_to(&meter->blank_bytes_done, slot->raw_bytes);
    }
    if (total != IMGZ_SIZE_UNKNOWN)
        ahead = imgz_blanks_estimate(&meter->blanks, total > done ? total - done : 0);
    atomic_store_explicit(&meter->blank_bytes_ahead, ahead, memory_order_relaxed);
}

void imgz_meter_add(struct imgz_meter *meter, const struct imgz_slot *slot)
{
    add_to(&meter->raw_bytes_done, slot->raw_bytes);
    if (slot->kind == IMGZ_SLOT_ZERO)
        add_to(&meter->zero_bytes_done, slot->raw_bytes);
    add_to(&meter->work_bytes_done, weigh_item(meter, slot));
    if (!meter->config.by_stored)
        add_blank(meter, slot);
}

void imgz_meter_take_over(struct imgz_meter *meter, uint64_t work_bytes)
{
    add_to(&meter->work_bytes_taken_over, work_bytes);
    add_to(&meter->work_bytes_done, work_bytes);
}

void imgz_meter_take_over_item(struct imgz_meter *meter, const struct imgz_slot *slot)
{
    add_to(&meter->work_bytes_taken_over, weigh_item(meter, slot));
}

void imgz_meter_read(const struct imgz_meter *meter, struct imgz_progress *progress)
{
    /* Read in the order that keeps each at most as large as the next. */
    progress->blank_bytes_ahead = read_figure(&meter->blank_bytes_ahead);
    progress->blank_bytes_done = read_figure(&meter->blank_bytes_done);
    progress->work_bytes_taken_over = read_figure(&meter->work_bytes_taken_over);
    progress->work_bytes_done = read_figure(&meter->work_bytes_done);
    progress->work_bytes_total = read_figure(&meter->work_bytes_total);
    progress->zero_bytes_done = read_figure(&meter->zero_bytes_done);
    progress->raw_bytes_done = read_figure(&meter->raw_bytes_done);
    progress->image_bytes_done = read_figure(&meter->image_bytes_done);
    if (progress->work_bytes_total != IMGZ_SIZE_UNKNOWN || meter->config.by_stored ||
        progress->raw_bytes_total == IMGZ_SIZE_UNKNOWN ||
        progress->raw_bytes_total < progress->raw_bytes_done)
        return;
    progress->work_bytes_total =
        progress->work_bytes_done + (progress->raw_bytes_total - progress->raw_bytes_done);
}
