// SPDX-License-Identifier: LGPL-2.1-or-later
/// How two sides that never wait for each other do not miss each other.
///
/// Each makes a change and then looks at what the other changes (Dekker's shape). With a sequentially consistent fence in
/// between, at least one of the two sees the other's change; without it both changes may still be on their way out of a
/// processor while both sides look, on any machine. Three handshakes are of that kind besides the lease (lease.h):
///
///   sleeping          reader: says that it sleeps, looks for something new
///                     publisher: publishes, looks who sleeps
///   publisher waits   publisher: says that it waits, looks for a slot
///                     reader: gives back, looks whether it waits
///   adopted           reader: says that it took a generation up, looks whether that was superseded, and asks for the next
///                     publisher: supersedes it, looks who took it up, and sends those the next
///
/// Nothing here makes a system call. The functions are templates on the words and the fence, so that tests/model runs this
/// very code in every order, with stores that are delayed past later loads.
#pragma once

#include <atomic>
#include <utility>

namespace cuframes::core::ring {

/// Between own store and foreign load. A template parameter of the functions for the sake of the tests.
struct HardwareFence {
    static void full() { std::atomic_thread_fence(std::memory_order_seq_cst); }
};

/// `change` stores words that the other side looks at, `look` loads those that it stores. What `look` returns.
template <class Fence = HardwareFence, class Change, class Look>
decltype(auto) change_then_look(Change&& change, Look&& look) {
    std::forward<Change>(change)();
    Fence::full();
    return std::forward<Look>(look)();
}

/// Reader: whether it may sleep, being woken for what comes from now on. `number` is another one for each sleep, and not 0;
/// `is_there` looks for what would have woken it.
template <class Fence = HardwareFence, class SleepWord, class IsThere>
bool may_sleep(SleepWord& sleeping, uint32_t number, IsThere&& is_there) {
    return change_then_look<Fence>([&] { sleeping.store(number, std::memory_order_relaxed); },
                                   [&] { return !is_there(); });
}

/// Publisher, after it has made something visible: the sleep that a reader is in, or 0. One fence serves all readers: call
/// it from the `look` of change_then_look().
template <class SleepWord>
uint32_t sleep_of(const SleepWord& sleeping) {
    return sleeping.load(std::memory_order_relaxed);
}

/// Publisher: says that it waits for readers, and what `try_again` then finds.
template <class Fence = HardwareFence, class WaitWord, class TryAgain>
decltype(auto) wait_for_readers(WaitWord& waits, TryAgain&& try_again) {
    return change_then_look<Fence>([&] { waits.store(1, std::memory_order_relaxed); },
                                   std::forward<TryAgain>(try_again));
}

/// Reader: gives something back. True: the publisher waits for it, and is to be told.
template <class Fence = HardwareFence, class WaitWord, class GiveBack>
bool give_back(const WaitWord& waits, GiveBack&& back) {
    return change_then_look<Fence>(std::forward<GiveBack>(back),
                                   [&] { return waits.load(std::memory_order_relaxed) != 0; });
}

/// Reader: says that it has taken a generation up. Whether that was superseded is to be looked for after this.
template <class Fence = HardwareFence, class AdoptedWord>
void adopt(AdoptedWord& adopted) {
    adopted.store(1, std::memory_order_release);
    Fence::full();
}

} // namespace cuframes::core::ring
