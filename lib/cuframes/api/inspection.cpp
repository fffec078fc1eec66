// SPDX-License-Identifier: LGPL-2.1-or-later
/// Asking publishers without attaching to them.
#include "api/api.h"
#include "inspect/asking.h"
#include "ipc/rendezvous.h"
#include "protocol/validate.h"

#include <memory>
#include <vector>

using namespace cuframes::core;

/// Answers, and what is told of them, which points into them.
struct cuframes_inspection {
    explicit cuframes_inspection(std::vector<Answer> given) : answers(std::move(given)) {
        for (const Answer& answer : answers) {
            rings.push_back(std::make_unique<Ring>(answer));
        }
    }

    struct Ring {
        explicit Ring(const Answer& answer);

        std::string path;
        std::vector<const cuframes_subscriber_info*> subscribers;
        cuframes_ring_info info = {};
    };

    const std::vector<Answer> answers;
    std::vector<std::unique_ptr<Ring>> rings;
};

namespace {

template <class T>
const T* pointer_to(const std::optional<T>& value) {
    return value ? &*value : nullptr;
}

void tell(const ReadReport& report, cuframes_ring_info& info) {
    info.program = report.program.c_str();
    info.content = static_cast<cuframes_content>(report.facts.content);
    info.policy = static_cast<cuframes_policy>(report.facts.policy);
    info.caps = report.caps.c_str();
    info.memory = static_cast<cuframes_memory>(report.facts.memory);
    std::copy(report.facts.gpu_uuid.begin(), report.facts.gpu_uuid.end(), info.gpu_uuid);
    info.rate = static_cast<double>(report.facts.rate) / 1000;
    info.newest_time = report.facts.newest_time;
    info.stats = pointer_to(report.stats);
    info.geometry = pointer_to(report.geometry);
    info.window = pointer_to(report.window);
}

int give(std::vector<Place> places, int64_t timeout_ms, cuframes_inspection** inspection) {
    *inspection = new cuframes_inspection(ask(std::move(places), deadline_in(timeout_ms)));
    return CUFRAMES_OK;
}

} // namespace

cuframes_inspection::Ring::Ring(const Answer& answer) : path(socket_path(answer.place.directory, answer.place.key)) {
    info.struct_size = sizeof(info);
    info.state = answer.state;
    info.key = answer.place.key.c_str();
    info.path = path.c_str();
    info.message = answer.message.c_str();
    info.pid = answer.publisher.pid;
    info.uid = answer.publisher.uid;
    info.program = info.caps = "";
    info.newest_time = CUFRAMES_TIME_NONE;
    if (answer.report) {
        tell(*answer.report, info);
        for (const cuframes_subscriber_info& subscriber : answer.report->subscribers) {
            subscribers.push_back(&subscriber);
        }
    }
    info.subscriber_count = subscribers.size();
    info.subscribers = subscribers.data();
}

extern "C" {

int cuframes_list(const char* directory, int64_t timeout_ms, cuframes_inspection** inspection) {
    return api::guarded([&] {
        if (!inspection) {
            return api::fail(api::null_error("inspection"));
        }
        *inspection = nullptr;
        auto all = places(directory);
        return all ? give(std::move(*all), timeout_ms, inspection) : api::fail(all.error());
    });
}

int cuframes_inspect(const char* key, const char* directory, int64_t timeout_ms, cuframes_inspection** inspection) {
    return api::guarded([&] {
        if (!inspection) {
            return api::fail(api::null_error("inspection"));
        }
        *inspection = nullptr;
        if (auto sound = check_key(key); !sound) {
            return api::fail(sound.error());
        }
        const Place place = place_of(key, directory);
        const int result = give({place}, timeout_ms, inspection);
        if ((*inspection)->answers.empty()) {
            cuframes_inspection_free(std::exchange(*inspection, nullptr));
            return api::fail({CUFRAMES_ERROR_PUBLISHER_GONE, text("\"", key, "\" has no publisher: there is no ",
                                                                  socket_path(place.directory, place.key))});
        }
        return result;
    });
}

size_t cuframes_inspection_size(const cuframes_inspection* inspection) {
    return inspection ? inspection->rings.size() : 0;
}

const cuframes_ring_info* cuframes_inspection_get(const cuframes_inspection* inspection, size_t index) {
    return index < cuframes_inspection_size(inspection) ? &inspection->rings[index]->info : nullptr;
}

void cuframes_inspection_free(cuframes_inspection* inspection) { delete inspection; }

} // extern "C"
