// SPDX-License-Identifier: LGPL-2.1-or-later
/// From item to item and from generation to generation, until the publisher is gone.
#include "base/log.h"
#include "subscriber/connector.h"

namespace cuframes::core {

using std::chrono::milliseconds;

Result<bool> Connector::take() {
    // Read before looking for an item: one that is published after the look is not passed over, nor left behind.
    const StreamState stream = generation_->stream_state();
    const uint64_t last_sequence = generation_->last_sequence();
    waits_ = false;
    auto found = content_.take(*generation_);
    if (!found) {
        return found.error();
    }
    switch (found->what) {
    case Found::What::item:
        deliver(*found);
        return true;
    case Found::What::waits:
        waits_ = true;
        return false;
    case Found::What::no_room:
        no_room_ = true;
        return content_.no_room();
    case Found::What::part_missing:
        return without_part();
    case Found::What::end:
        pass(generation_->tell_end());
        return tell_end();
    case Found::What::nothing:
        break;
    }
    return at_end_of_generation(stream, last_sequence);
}

void Connector::deliver(const Found& found) {
    generation_->wake_up();
    end_reported_ = false;
    const uint64_t missed = found.missed + std::exchange(missed_between_, 0);
    const bool strict = options_.mode == CUFRAMES_MODE_STRICT;
    const bool discontinuity = std::exchange(first_from_publisher_, false) || (strict && missed > 0);
    content_.keep({missed, discontinuity});
    std::lock_guard lock(mutex_);
    stats_.received += 1;
    (strict ? stats_.lost : stats_.skipped) += found.missed;
    stats_.last_sequence = found.sequence;
    stats_.epoch = generation_->epoch();
    generation_->tell_counters(stats_.received, stats_.skipped, stats_.lost);
}

/// An item lies in memory that is not mapped here: that is to be asked for.
Result<bool> Connector::without_part() {
    const uint32_t before = generation_->parts_added();
    hear();
    if (!damage_ && generation_->parts_added() > before) {
        return take();
    }
    if (damage_ || phase_ == Phase::draining) {
        return advance_after_damage();
    }
    ask_for_more();
    waits_ = true;
    return false;
}

/// Of this generation, or the next one: whatever the publisher has and has not sent. Answered, if it has, by a message.
void Connector::ask_for_more() {
    if (needs_) {
        return;
    }
    Need message = {};
    message.epoch = received_epoch_;
    needs_ = link_->connection.send(message) == Sent::yes;
    if (!needs_) {
        retry_->fire_in(milliseconds(10)); // And then the step that needs it comes here again.
    }
}

/// What came of it is reported, and the next attempt begins anew.
Result<bool> Connector::advance_after_damage() {
    if (!damage_) {
        damage_ = Error{CUFRAMES_ERROR_PUBLISHER_GONE,
                        text("the publisher of \"", options_.key, "\" went while its ring grew")};
    }
    auto advanced = advance_link();
    return advanced ? Result<bool>(false) : advanced.error();
}

/// No item is left: is there something that follows?
Result<bool> Connector::at_end_of_generation(StreamState stream, uint64_t last_sequence) {
    if (stream == StreamState::superseded && !announced_) {
        hear(); // What follows may be here.
        if (damage_) {
            return advance_after_damage();
        }
    }
    if (announced_) {
        generation_->wake_up();
        if (auto adopted = adopt_announced(); !adopted) {
            return adopted.error();
        }
        return take();
    }
    if (phase_ == Phase::draining) {
        if (auto ended = end_of_link(last_sequence); !ended) {
            return ended.error();
        }
    } else if (stream == StreamState::superseded) {
        ask_for_more();
    }
    return false;
}

Result<> Connector::adopt_next() {
    const Announcement announced = std::move(*announced_);
    announced_.reset();
    if (options_.mode == CUFRAMES_MODE_NEWEST && AdoptedGeneration::is_superseded(announced.generation)) {
        passed_over_ = true;
        auto passed = AdoptedGeneration::pass_over(announced.generation);
        ask_for_more();
        return passed;
    }
    auto opened = content_.open(link_, announced.generation);
    if (!opened) {
        return opened.error();
    }
    for (const Datagram& part : announced.parts) {
        if (auto added = (*opened)->add_part(part); !added) {
            return added;
        }
    }
    if (generation_) {
        pass(generation_->pass_to((*opened)->first_sequence() - 1));
    }
    generation_ = std::move(*opened);
    count(0);
    content_.adopt(generation_);
    set_state(CUFRAMES_STATE_ATTACHED, generation_->epoch());
    return {};
}

/// The stream ended here; items may follow it already.
Error Connector::tell_end() {
    end_reported_ = true;
    set_state(CUFRAMES_STATE_ENDED, generation_ ? generation_->epoch() : 0);
    return {CUFRAMES_ERROR_EOS, text("the publisher of \"", options_.key, "\" ended its stream")};
}

/// The publisher is gone and its last item taken: the search for the next begins.
Result<> Connector::end_of_link(uint64_t last_sequence) {
    const uint64_t epoch = generation_ ? generation_->epoch() : 0;
    const int32_t pid = link_->publisher_pid;
    if (generation_) {
        count(generation_->pass_to(last_sequence));
    }
    if (!end_reported_) {
        set_state(CUFRAMES_STATE_GONE, epoch);
    }
    log(CUFRAMES_LOG_INFO, text("the publisher of \"", options_.key, "\" (pid ", pid, ") is gone",
                                end_reported_ ? ", and had ended its stream" : ""));
    enter(Phase::waiting);
    set_state(CUFRAMES_STATE_WAITING, 0);
    if (options_.end_when_gone) {
        return Error{CUFRAMES_ERROR_PUBLISHER_GONE,
                     text("the publisher of \"", options_.key, "\" (pid ", pid, ") is gone")};
    }
    return {};
}

/// Of items that nobody takes, before one of the same publisher that is told of them.
void Connector::pass(uint64_t missed) {
    missed_between_ += missed;
    count(missed);
}

/// Of items that nobody takes.
void Connector::count(uint64_t missed) {
    std::lock_guard lock(mutex_);
    (options_.mode == CUFRAMES_MODE_STRICT ? stats_.lost : stats_.skipped) += missed;
    generation_->tell_counters(stats_.received, stats_.skipped, stats_.lost);
}

} // namespace cuframes::core
