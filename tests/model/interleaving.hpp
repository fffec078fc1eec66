// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

namespace cuframes::test {

/// Runs pieces of code in threads of their own, but one access to shared memory at a time, in a chosen order.
class Interleaving {
public:
    /// `choices[i]`: which of the parties that can go on makes the i-th access; beyond its end always the first.
    explicit Interleaving(std::vector<size_t> choices) : choices_(std::move(choices)) {}

    void run(const std::vector<std::function<void()>>& bodies) {
        std::vector<std::unique_ptr<Party>> parties;
        for (const auto& body : bodies) {
            parties.push_back(std::make_unique<Party>());
            Party* party = parties.back().get();
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

private:
    struct Party {
        std::binary_semaphore go{0}, stopped{0};
        bool done = false;
        std::thread thread;
    };

    bool step_one(const std::vector<std::unique_ptr<Party>>& parties, size_t turn) {
        std::vector<Party*> able;
        for (const auto& party : parties) {
            if (!party->done) {
                able.push_back(party.get());
            }
        }
        if (able.empty()) {
            return false;
        }
        alternatives_.push_back(able.size());
        Party* chosen = able[turn < choices_.size() ? choices_[turn] : 0];
        chosen->go.release();
        chosen->stopped.acquire();
        return true;
    }

    static inline thread_local Party* current_ = nullptr;
    std::vector<size_t> choices_;
    std::vector<size_t> alternatives_; ///< How many parties could go on at each turn.
};

/// A word of shared memory whose every access is a turn. It takes the place of std::atomic in the ring's templates.
template <class T>
class Word {
public:
    explicit Word(T value) : value_(value) {}

    void store(T value, std::memory_order) {
        Interleaving::access();
        value_ = value;
    }
    T load(std::memory_order) const {
        Interleaving::access();
        return value_;
    }
    /// After the run: no turn.
    T final_value() const { return value_; }

private:
    T value_;
};

} // namespace cuframes::test
