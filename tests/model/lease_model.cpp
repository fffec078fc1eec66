// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lease_model.h"

#include <cstring>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace cuframes::test {
namespace {

static_assert(std::has_unique_object_representations_v<State>, "states are hashed by their bytes");

struct HashState {
    size_t operator()(const State& state) const {
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(&state), sizeof(state)});
    }
};

constexpr uint8_t being_written = 0xff;

class Search {
public:
    Search(Protocol protocol, const Size& size) : protocol_(protocol), slots_(size.slots), frames_(size.frames) {}

    Outcome run() {
        visit(State());
        while (!pending_.empty() && !outcome_.torn_read && !outcome_.lost_slot) {
            const State state = pending_.back();
            pending_.pop_back();
            examine(state);
            step_publisher(state);
            for (size_t i = 0; i < subscriber_count; ++i) {
                step_subscriber(state, i);
            }
        }
        outcome_.states = visited_.size();
        return outcome_;
    }

private:
    bool counting() const {
        return protocol_ == Protocol::counters_reset || protocol_ == Protocol::counters_left_alone;
    }

    void visit(const State& state) {
        if (visited_.insert(state).second) {
            pending_.push_back(state);
        }
    }

    void examine(const State& state) {
        bool all_retired = true;
        for (const SubscriberState& subscriber : state.subscribers) {
            all_retired = all_retired && subscriber.step == SubscriberStep::retired;
            outcome_.every_frame_was_read |= subscriber.taken == frames_;
        }
        for (size_t slot = 0; all_retired && slot < slots_; ++slot) {
            outcome_.lost_slot |= leased(state, slot);
        }
    }

    bool leased(const State& state, size_t slot) const {
        for (const uint8_t lease : state.lease) {
            if (lease == slot + 1) {
                return true;
            }
        }
        return state.count[slot] > 0;
    }

    void step_publisher(State next) {
        // A publisher's crash at any step is the same as its never being scheduled again: its words stay as they are
        // and only it could change them. The search contains that without a state of its own.
        switch (next.publisher) {
        case PublisherStep::choose:
            choose_slot(next);
            return;
        case PublisherStep::invalidate_late:
            next.sequence[next.publisher_slot] = 0;
            next.publisher = PublisherStep::begin_write;
            break;
        case PublisherStep::scan:
            scan(next);
            return;
        case PublisherStep::begin_write:
            next.pixels[next.publisher_slot] = being_written;
            next.publisher = PublisherStep::end_write;
            break;
        case PublisherStep::end_write:
            next.pixels[next.publisher_slot] = next.publisher_frame;
            next.publisher = PublisherStep::validate;
            break;
        case PublisherStep::validate:
            next.sequence[next.publisher_slot] = next.publisher_frame;
            next.publisher = PublisherStep::announce;
            break;
        case PublisherStep::announce:
            next.latest_sequence = next.publisher_frame;
            next.latest_slot = next.publisher_slot;
            next.publisher_frame += 1;
            next.publisher = next.publisher_frame > frames_ ? PublisherStep::ended : PublisherStep::choose;
            next.publisher_slot = next.publisher_old = 0;
            break;
        case PublisherStep::ended:
            return;
        }
        visit(next);
    }

    /// Any slot but the latest frame's: what the choice goes by does not matter to safety.
    void choose_slot(const State& state) {
        for (size_t slot = 0; slot < slots_; ++slot) {
            if (state.latest_sequence != 0 && slot == state.latest_slot) {
                continue;
            }
            State next = state;
            next.publisher_slot = static_cast<uint8_t>(slot);
            next.publisher_old = state.sequence[slot];
            if (protocol_ != Protocol::no_invalidation && protocol_ != Protocol::invalidation_late) {
                next.sequence[slot] = 0;
            }
            next.publisher_scan = 0;
            next.publisher = PublisherStep::scan;
            visit(next);
        }
    }

    /// One lease word a step; a counter is one word for all.
    void scan(State next) {
        const uint8_t slot = next.publisher_slot;
        const bool taken = counting() ? next.count[slot] > 0 : next.lease[next.publisher_scan] == slot + 1;
        if (taken) {
            next.sequence[slot] = next.publisher_old;
            next.publisher = PublisherStep::choose;
            next.publisher_slot = next.publisher_old = next.publisher_scan = 0;
        } else if (counting() || ++next.publisher_scan == subscriber_count) {
            next.publisher_scan = 0;
            next.publisher =
                protocol_ == Protocol::invalidation_late ? PublisherStep::invalidate_late : PublisherStep::begin_write;
        }
        visit(next);
    }

    void step_subscriber(const State& state, size_t who) {
        State next = state;
        SubscriberState& self = next.subscribers[who];
        if (self.step < SubscriberStep::dead) {
            State crashed = state;
            crashed.subscribers[who] = {SubscriberStep::dead, 0, 0, 0};
            visit(crashed);
        }
        switch (self.step) {
        case SubscriberStep::look:
            if (next.latest_sequence <= self.taken) {
                return;
            }
            self.sequence = next.latest_sequence;
            self.slot = next.latest_slot;
            self.step = SubscriberStep::lease;
            break;
        case SubscriberStep::lease:
            take_lease(next, who);
            self.step = protocol_ == Protocol::no_second_look ? SubscriberStep::read_head : SubscriberStep::look_again;
            break;
        case SubscriberStep::look_again:
            self.step =
                next.sequence[self.slot] == self.sequence ? SubscriberStep::read_head : SubscriberStep::withdraw;
            break;
        case SubscriberStep::read_head:
        case SubscriberStep::read_tail:
            outcome_.torn_read |= next.pixels[self.slot] != self.sequence;
            self.step = self.step == SubscriberStep::read_head ? SubscriberStep::read_tail : SubscriberStep::give_back;
            break;
        case SubscriberStep::give_back:
            self.taken = self.sequence;
            [[fallthrough]];
        case SubscriberStep::withdraw:
            end_lease(next, who);
            self.slot = self.sequence = 0;
            self.step = SubscriberStep::look;
            break;
        case SubscriberStep::dead:
            retire(next, who);
            self.step = SubscriberStep::retired;
            break;
        case SubscriberStep::retired:
            return;
        }
        visit(next);
    }

    void take_lease(State& state, size_t who) const {
        const uint8_t slot = state.subscribers[who].slot;
        if (counting()) {
            state.count[slot] += 1;
        } else {
            state.lease[who] = static_cast<uint8_t>(slot + 1);
        }
    }

    /// A counter that was reset under a reader must not wrap: the double is not to blame for what that would show.
    void end_lease(State& state, size_t who) const {
        const uint8_t slot = state.subscribers[who].slot;
        if (!counting()) {
            state.lease[who] = 0;
        } else if (state.count[slot] > 0) {
            state.count[slot] -= 1;
        }
    }

    /// What the publisher does when the kernel reports a death.
    void retire(State& state, size_t who) const {
        state.lease[who] = 0;
        if (protocol_ == Protocol::counters_reset) {
            state.count = {};
        }
    }

    const Protocol protocol_;
    const size_t slots_;
    const size_t frames_;
    Outcome outcome_;
    std::unordered_set<State, HashState> visited_;
    std::vector<State> pending_;
};

} // namespace

Outcome search(Protocol protocol, const Size& size) { return Search(protocol, size).run(); }

} // namespace cuframes::test
