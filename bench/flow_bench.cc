/* SPDX-License-Identifier: MIT */
/*
 * Handing slots on: what the queue and the order cost per item, without and with a second thread.
 * A slot is a chunk of 1 MiB or more, so a million items a second is a terabyte a second.
 */
#include <memory>
#include <thread>

#include "bench.h"
#include "engine.h"

namespace bench
{
namespace
{

constexpr uint32_t slot_count = 12;      /* as a job of two workers has */
constexpr uint64_t handed_count = 20000; /* per iteration */

using Pool = std::unique_ptr<imgz_pool, void (*)(imgz_pool *)>;
using Queue = std::unique_ptr<imgz_queue, void (*)(imgz_queue *)>;
using Order = std::unique_ptr<imgz_order, void (*)(imgz_order *)>;

Pool make_pool()
{
    const imgz_pool_config config = {slot_count, 0, IMGZ_BLOCK_BYTES};
    imgz_pool *pool = nullptr;

    return {imgz_pool_create(&config, &pool) == 0 ? pool : nullptr, imgz_pool_destroy};
}

Queue make_queue()
{
    imgz_queue *queue = nullptr;

    return {imgz_queue_create(slot_count, &queue) == 0 ? queue : nullptr, imgz_queue_destroy};
}

Order make_order()
{
    imgz_order *order = nullptr;

    return {imgz_order_create(slot_count, &order) == 0 ? order : nullptr, imgz_order_destroy};
}

/* Gives 'count' slots from the pool to the queue, numbered from 0, and ends it. */
void give_all(imgz_pool *pool, imgz_queue *queue, uint64_t count)
{
    for (uint64_t seq = 0; seq < count; seq++) {
        imgz_slot *slot = nullptr;

        if (imgz_pool_take(pool, &slot) < 0)
            return;
        slot->seq = seq;
        if (imgz_queue_give(queue, &slot) < 0)
            return;
    }
    imgz_queue_end(queue);
}

/* Takes slots until the queue ends. How many, or 0 if they did not come in order. */
uint64_t take_all(imgz_pool *pool, imgz_queue *queue)
{
    imgz_slot *slot = nullptr;
    uint64_t count = 0;
    bool ordered = true;

    while (imgz_queue_take(queue, &slot) == 0) {
        ordered = ordered && slot->seq == count;
        count += 1;
        imgz_pool_give(pool, &slot);
    }
    return ordered ? count : 0;
}

/* One thread gives, this one takes. */
uint64_t hand_over(imgz_pool *pool, uint64_t count)
{
    const Queue queue = make_queue();
    std::thread giver(give_all, pool, queue.get(), count);
    const uint64_t taken_count = take_all(pool, queue.get());

    giver.join();
    return taken_count;
}

void queue_two_threads(benchmark::State &state)
{
    const Pool pool = make_pool();

    if (!check(state, hand_over(pool.get(), 1000) == 1000, "slots are lost or out of order"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(hand_over(pool.get(), handed_count));
    count_items(state, handed_count);
}

/* Give and take by the same thread: what the locks cost when nobody else wants them. */
uint64_t pass_through(imgz_pool *pool, imgz_queue *queue, uint64_t count)
{
    uint64_t right_count = 0;

    for (uint64_t seq = 0; seq < count; seq++) {
        imgz_slot *slot = nullptr;

        if (imgz_pool_take(pool, &slot) < 0)
            return 0;
        slot->seq = seq;
        if (imgz_queue_give(queue, &slot) < 0 || imgz_queue_take(queue, &slot) < 0)
            return 0;
        right_count += slot->seq == seq;
        imgz_pool_give(pool, &slot);
    }
    return right_count;
}

void queue_one_thread(benchmark::State &state)
{
    const Pool pool = make_pool();
    const Queue queue = make_queue();

    if (!check(state, pass_through(pool.get(), queue.get(), 1000) == 1000, "slots are lost"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(pass_through(pool.get(), queue.get(), handed_count));
    count_items(state, handed_count);
}

/* Slots come in backwards, a window at a time, and go out in order. How many did. */
uint64_t put_in_order(imgz_pool *pool, uint64_t window_total)
{
    const Order order = make_order();
    imgz_slot *slots[slot_count];
    uint64_t taken_count = 0;

    for (uint64_t window = 0; window < window_total; window++) {
        for (imgz_slot *&slot : slots) {
            if (imgz_pool_take(pool, &slot) < 0)
                return 0;
        }
        for (uint32_t i = slot_count; i-- > 0;) {
            slots[i]->seq = window * slot_count + i;
            if (imgz_order_give(order.get(), &slots[i]) < 0)
                return 0;
        }
        for (uint32_t i = 0; i < slot_count; i++) {
            imgz_slot *slot = nullptr;

            if (imgz_order_take(order.get(), &slot) < 0)
                return 0;
            taken_count += slot->seq == window * slot_count + i;
            imgz_pool_give(pool, &slot);
        }
    }
    return taken_count;
}

void order_one_thread(benchmark::State &state)
{
    const uint64_t window_total = handed_count / slot_count;
    const Pool pool = make_pool();

    if (!check(state, put_in_order(pool.get(), 10) == 10 * slot_count, "slots are out of order"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(put_in_order(pool.get(), window_total));
    count_items(state, window_total * slot_count);
}

} // namespace

void add_flow_benchmarks()
{
    add("queue/one_thread", queue_one_thread);
    add("queue/two_threads", queue_two_threads)->UseRealTime();
    add("order/one_thread", order_one_thread);
}

} // namespace bench
