// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber_role.h"

#include <poll.h>

#include <chrono>
#include <cstring>
#include <thread>

namespace cuframes::test {
namespace {

Message ok() { return Message("ok"); }

constexpr uint64_t sequence_of(uint64_t number) { return number & 0xff'ffff'ffff; }
constexpr uint64_t incarnation_of(uint64_t number) { return number >> 40; }

void expect(bool condition, const std::string& what) {
    if (!condition) {
        throw std::runtime_error(what);
    }
}

/// What PublisherRole::publish_slot() sent along with frame `sequence`.
void expect_info(const cuframes_frame_view& info, uint64_t sequence) {
    expect(info.flags == static_cast<uint32_t>(sequence * 3), "flags did not arrive");
    expect(info.pts == sequence * 1'000'000 && info.dts == info.pts - 1, "timestamps did not arrive");
    expect(info.duration == sequence * 7, "the duration did not arrive");
    expect(info.offset == sequence * 11 && info.offset_end == info.offset + 1, "offsets did not arrive");
    const auto* metadata = static_cast<const char*>(info.metadata);
    for (size_t i = 0; i < info.metadata_size; ++i) {
        expect(metadata[i] == static_cast<char>('a' + sequence % 26), "the metadata is another frame's");
    }
}

bool same_layout(const cuframes_geometry& a, const cuframes_geometry& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

} // namespace

void Tally::add(const cuframes_frame_view& view, uint64_t number, Position& position) {
    if (!position.any || incarnation_of(number) != position.incarnation) {
        ++publishers;
        expect(view.discontinuity, "the first frame of a publisher is not marked");
    } else {
        expect(view.sequence > position.sequence,
               "frame " + std::to_string(view.sequence) + " came after " + std::to_string(position.sequence));
        expect(view.missed == view.sequence - position.sequence - 1,
               "between " + std::to_string(position.sequence) + " and " + std::to_string(view.sequence) +
                   " it says that " + std::to_string(view.missed) + " are missing");
    }
    missed += view.missed;
    generations += !position.any || view.epoch != position.epoch;
    position = {true, view.sequence, incarnation_of(number), view.epoch};
    first = received == 0 ? view.sequence : first;
    last = view.sequence;
    discontinuities += view.discontinuity;
    metadata += view.metadata_size;
    ++received;
}

Message& Tally::report(Message& reply) const {
    return reply.set("received", received)
        .set("missed", missed)
        .set("discontinuities", discontinuities)
        .set("publishers", publishers)
        .set("generations", generations)
        .set("first", first)
        .set("last", last)
        .set("metadata", metadata);
}

SubscriberRole::~SubscriberRole() {
    for (const Held& held : held_) {
        cuframes_frame_unref(held.frame);
    }
    cuframes_subscriber_destroy(subscriber_);
}

void SubscriberRole::add_verbs(Verbs& verbs) {
    const auto add = [&](const char* verb, auto method) { add_verb(verbs, verb, this, method); };
    add("subscriber", &SubscriberRole::create);
    add("next", &SubscriberRole::next);
    add("read", &SubscriberRole::read);
    add("check", &SubscriberRole::check);
    add("release", &SubscriberRole::release);
    add("subscriber_stats", &SubscriberRole::stats);
    add("states", &SubscriberRole::states);
    add("poll", &SubscriberRole::poll);
    add("destroy_subscriber", &SubscriberRole::destroy);
    add("cycle", &SubscriberRole::cycle);
    verbs["connect"] = [this](const Message& request) {
        must(cuframes_subscriber_connect(subscriber_, request.number("timeout", 20'000)));
        return ok();
    };
    verbs["read_into"] = [this](const Message& request) {
        const cuframes_frame* frame = oldest_frame();
        cuframes_image image = picture_of(frame).image();
        // The first plane's; the memory is as large as ever.
        image.rows[0] = static_cast<uint32_t>(request.number("rows"));
        must(cuframes_frame_read(frame, &image));
        return ok();
    };
    verbs["wait_lease"] = [this](const Message& request) {
        must(cuframes_subscriber_wait_lease(subscriber_, request.number("timeout", 20'000)));
        return ok();
    };
}

void SubscriberRole::interrupt(bool on) {
    if (subscriber_) {
        cuframes_subscriber_set_interrupted(subscriber_, on);
    }
}

Message SubscriberRole::create(const Message& request) {
    const std::string key = request.text("key", "cam");
    const std::string directory = request.text("dir");
    const std::string name = request.text("name", "reader");
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.key = key.c_str();
    options.directory = directory.empty() ? nullptr : directory.c_str();
    options.name = name.c_str();
    options.mode = request.text("mode", "strict") == "newest" ? CUFRAMES_MODE_NEWEST : CUFRAMES_MODE_STRICT;
    options.max_held = static_cast<uint32_t>(request.number("max_held"));
    options.connect_timeout_ms = request.number("connect_timeout");
    options.end_when_gone = request.number("end_when_gone") != 0;
    options.cuda_device = cuframes_some(static_cast<uint64_t>(request.number("device", -1)));
    options.on_state = state_changed;
    options.user_data = this;
    states_.clear();
    position_ = {};
    in_place_ = request.number("in_place") != 0;
    cuframes_subscriber* subscriber = nullptr;
    must(cuframes_subscriber_create(&options, &subscriber));
    subscriber_ = subscriber;
    return ok();
}

Picture& SubscriberRole::picture_of(const cuframes_frame* frame) {
    const cuframes_frame_view* view = cuframes_frame_get(frame);
    if (!picture_ || !same_layout(picture_->geometry(), *view->geometry)) {
        picture_.emplace(*view->geometry);
    }
    if (in_place_ && view->memory == CUFRAMES_MEMORY_HOST) {
        picture_->copy_from_slot(view->data);
    } else {
        const cuframes_image image = picture_->image();
        must(cuframes_frame_read(frame, &image));
    }
    return *picture_;
}

uint64_t SubscriberRole::examine(const cuframes_frame* frame) {
    const cuframes_frame_view* view = cuframes_frame_get(frame);
    const std::optional<uint64_t> number = picture_of(frame).number();
    expect(number.has_value(), "frame " + std::to_string(view->sequence) + " is torn: its planes disagree");
    expect(sequence_of(*number) == view->sequence,
           "frame " + std::to_string(view->sequence) + " has the pixels of " + std::to_string(sequence_of(*number)));
    expect_info(*view, view->sequence);
    return *number;
}

void SubscriberRole::check_every_pixel(const Held& held) {
    const std::string difference = picture_of(held.frame).difference(held.number);
    expect(difference.empty(), "a held frame was changed: " + difference);
    expect_info(*cuframes_frame_get(held.frame), sequence_of(held.number));
}

void SubscriberRole::let_go(size_t keep) {
    while (held_.size() > keep) {
        check_every_pixel(held_.front());
        cuframes_frame_unref(held_.front().frame);
        held_.pop_front();
    }
}

void SubscriberRole::take(cuframes_frame* frame, Tally& tally) {
    held_.push_back({frame, 0});
    held_.back().number = examine(frame);
    tally.add(*cuframes_frame_get(frame), held_.back().number, position_);
}

Message SubscriberRole::next(const Message& request) {
    cuframes_frame* frame = nullptr;
    must(cuframes_subscriber_next(subscriber_, request.number("timeout", 20'000), &frame));
    Tally tally;
    take(frame, tally);
    const cuframes_frame_view* view = cuframes_frame_get(frame);
    return ok()
        .set("sequence", view->sequence)
        .set("incarnation", incarnation_of(held_.back().number))
        .set("epoch", view->epoch)
        .set("slot", view->slot)
        .set("missed", view->missed)
        .set("discontinuity", static_cast<int>(view->discontinuity))
        .set("metadata", view->metadata_size)
        .set("device", view->cuda_device)
        .set("caps", view->caps)
        .set("format", view->geometry->format)
        .set("width", view->geometry->width);
}

Message SubscriberRole::read(const Message& request) {
    // Ends after `count` frames, or with the event that `until` names (eos, gone), or when interrupted.
    const auto count = static_cast<uint64_t>(request.number("count"));
    const std::string until = request.text("until");
    const auto keep = static_cast<size_t>(request.number("hold"));
    const std::chrono::microseconds pause(request.number("pause_us"));
    Tally tally;
    int ended = CUFRAMES_OK;
    int64_t ends = 0; // That it read on after.
    while (ended == CUFRAMES_OK && (count == 0 || tally.received < count)) {
        cuframes_frame* frame = nullptr;
        const int result = cuframes_subscriber_next(subscriber_, request.number("timeout", 20'000), &frame);
        if (result == CUFRAMES_OK) {
            take(frame, tally);
            if (pause.count() > 0) {
                std::this_thread::sleep_for(pause);
            }
            let_go(keep);
        } else if (result == CUFRAMES_ERROR_INTERRUPTED || (result == CUFRAMES_ERROR_EOS && until == "eos") ||
                   (result == CUFRAMES_ERROR_PUBLISHER_GONE && until == "gone")) {
            ended = result;
        } else if (result == CUFRAMES_ERROR_EOS) {
            ++ends;
        } else {
            must(result);
        }
    }
    let_go(request.number("keep") ? keep : 0);
    Message reply = ok().set("ended", ended).set("ends", ends);
    return tally.report(reply);
}

Message SubscriberRole::check(const Message&) {
    for (const Held& held : held_) {
        check_every_pixel(held);
    }
    return ok().set("held", held_.size());
}

Message SubscriberRole::release(const Message& request) {
    const auto count = static_cast<size_t>(request.number("count", static_cast<int64_t>(held_.size())));
    let_go(held_.size() - std::min(count, held_.size()));
    return ok().set("held", held_.size());
}

Message SubscriberRole::stats(const Message&) {
    cuframes_subscriber_stats stats;
    CUFRAMES_INIT(stats);
    must(cuframes_subscriber_get_stats(subscriber_, &stats));
    return answer_of(stats);
}

void SubscriberRole::state_changed(cuframes_subscriber_state state, uint64_t, int32_t pid, void* self) {
    auto& role = *static_cast<SubscriberRole*>(self);
    role.states_.add(state);
    role.last_pid_ = pid;
}

Message SubscriberRole::states(const Message&) { return ok().set("list", states_.list()).set("pid", last_pid_); }

Message SubscriberRole::poll(const Message& request) {
    pollfd waiting = {cuframes_subscriber_fd(subscriber_), POLLIN, 0};
    const int ready =
        ::poll(&waiting, 1, static_cast<int>(scaled(milliseconds(request.number("timeout", 20'000))).count()));
    return ok().set("readable", ready);
}

void SubscriberRole::close() { cuframes_subscriber_destroy(subscriber_.exchange(nullptr)); }

Message SubscriberRole::destroy(const Message&) {
    close();
    return ok();
}

Message SubscriberRole::cycle(const Message& request) {
    // Attach, take a frame, detach; in every other round the frame outlives its subscriber.
    for (int64_t round = request.number("count"); round > 0; --round) {
        create(request);
        next(Message());
        if (round % 2) {
            let_go(0);
        }
        cuframes_subscriber_destroy(subscriber_.exchange(nullptr));
        let_go(0);
    }
    return ok();
}

} // namespace cuframes::test
