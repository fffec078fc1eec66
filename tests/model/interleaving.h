// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

namespace cuframes::test {

/// Runs pieces of code in threads of their own, but one access to shared memory at a time, in a chosen order.
///
/// With `Stores::delayed` each party's stores wait in a buffer of its own, as they do in a processor: the party sees them at
/// once, the others when a turn lets them out. They come out in any order, but those of one word in theirs, and a store
/// with release after all before it. A party's fence() lets all of its own out. So code that leaves out a fence, or a
/// release, goes wrong here in some order, whatever machine the test runs on.
class Interleaving {
public:
    enum class Stores { at_once, delayed };

    /// `choices[i]`: which of the steps that are possible comes i-th; beyond its end always the first.
    explicit Interleaving(std::vector<size_t> choices, Stores stores = Stores::at_once)
        : choices_(std::move(choices)), stores_(stores) {}

    void run(const std::vector<std::function<void()>>& bodies) {
        std::vector<std::unique_ptr<Party>> parties;
        for (const auto& body : bodies) {
            parties.push_back(std::make_unique<Party>());
            Party* party = parties.back().get();
            party->delays = stores_ == Stores::delayed;
            party->thread = std::thread([party, &body] {
                current_ = party;
                access();
                body();
                party->done = true;
                party->stopped.release();
            });
            party->stopped.acquire();
        }
        for (size_t turn = 0; step_one(parties, turn); ++turn) {
        }
        for (const auto& party : parties) {
            party->thread.join();
        }
    }

    /// The next order to try, in the order of a depth-first search; empty when all were tried.
    std::vector<size_t> successor() const {
        std::vector<size_t> next = choices_;
        next.resize(alternatives_.size());
        while (!next.empty() && next.back() + 1 == alternatives_[next.size() - 1]) {
            next.pop_back();
        }
        if (!next.empty()) {
            next.back() += 1;
        }
        return next;
    }

    /// Called by a party before each access: waits for its turn.
    static void access() {
        Party* self = current_;
        self->stopped.release();
        self->go.acquire();
    }

    /// The stores of the calling party are seen by all from here on.
    static void fence() {
        access();
        for (const Store& store : current_->buffer) {
            store.perform();
        }
        current_->buffer.clear();
    }

    /// A store of the calling party. Into its buffer it is no turn: nobody else can tell when it comes.
    template <class T>
    static void store(T& word, T value, std::memory_order order) {
        if (current_->delays) {
            current_->buffer.push_back({&word, static_cast<uint64_t>(value), order == std::memory_order_release,
                                        [&word, value] { word = value; }});
        } else {
            access();
            word = value;
        }
    }

    /// What the calling party sees in a word.
    template <class T>
    static T load(const T& word) {
        access();
        T value = word;
        for (const Store& store : current_->buffer) {
            value = store.word == &word ? static_cast<T>(store.value) : value;
        }
        return value;
    }

private:
    struct Store {
        const void* word;
        uint64_t value;
        bool release;
        std::function<void()> perform;
    };

    struct Party {
        std::binary_semaphore go{0}, stopped{0};
        bool done = false, delays = false;
        std::vector<Store> buffer; ///< Oldest first.
        std::thread thread;

        bool may_come_out(size_t index) const {
            for (size_t before = 0; before < index; ++before) {
                if (buffer[index].release || buffer[before].word == buffer[index].word) {
                    return false;
                }
            }
            return true;
        }
    };

    static void let_out(Party& party, size_t index) {
        party.buffer[index].perform();
        party.buffer.erase(party.buffer.begin() + static_cast<ptrdiff_t>(index));
    }

    static void go_on(Party& party) {
        party.go.release();
        party.stopped.acquire();
    }

    bool step_one(const std::vector<std::unique_ptr<Party>>& parties, size_t turn) {
        std::vector<std::function<void()>> steps;
        for (const auto& owner : parties) {
            Party* party = owner.get();
            if (!party->done) {
                steps.push_back([party] { go_on(*party); });
            }
            for (size_t index = 0; index < party->buffer.size(); ++index) {
                if (party->may_come_out(index)) {
                    steps.push_back([party, index] { let_out(*party, index); });
                }
            }
        }
        if (steps.empty()) {
            return false;
        }
        alternatives_.push_back(steps.size());
        steps[turn < choices_.size() ? choices_[turn] : 0]();
        return true;
    }

    static inline thread_local Party* current_ = nullptr;
    std::vector<size_t> choices_;
    std::vector<size_t> alternatives_; ///< How many steps were possible at each turn.
    Stores stores_;
};

/// A word of shared memory whose every access is a turn. It takes the place of std::atomic in the ring's templates.
template <class T>
class Word {
public:
    explicit Word(T value) : value_(value) {}

    void store(T value, std::memory_order order) { Interleaving::store(value_, value, order); }
    T load(std::memory_order) const { return Interleaving::load(value_); }
    /// After the run: no turn.
    T final_value() const { return value_; }

private:
    T value_;
};

/// The ring's own fence, in such a run.
struct ModelFence {
    static void full() { Interleaving::fence(); }
};

/// A fence that was forgotten.
struct NoFence {
    static void full() {}
};

} // namespace cuframes::test
