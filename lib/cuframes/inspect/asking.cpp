// SPDX-License-Identifier: LGPL-2.1-or-later
#include "inspect/asking.h"

#include "base/utf8.h"
#include "ipc/rendezvous.h"
#include "ipc/seqpacket.h"
#include "ipc/shared_memory.h"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>

namespace cuframes::core {

namespace {

using std::chrono::milliseconds;

/// Connections at a time: few descriptors, and yet one that does not answer holds up nobody.
constexpr size_t at_once = 128;
/// Where a publisher has too many callers, or we have no descriptors.
constexpr milliseconds again_after{10};

/// One publisher that is being asked.
class Question {
public:
    explicit Question(Place place) { answer_.place = std::move(place); }

    bool done() const { return done_; }
    /// -1: it is to begin() again in a moment.
    int fd() const { return done_ ? -1 : connection_.fd(); }
    /// Empty: there is no publisher, nor its socket, any more.
    std::optional<Answer> take() && { return gone_ ? std::nullopt : std::optional(std::move(answer_)); }

    void begin() {
        const Place& place = answer_.place;
        if (auto sound = check_directory(place.directory, place.usual); !sound) {
            return end(CUFRAMES_RING_REFUSED, sound.error().message);
        }
        const std::string path = socket_path(place.directory, place.key);
        auto connection = connect_to(path);
        if (connection) {
            return ask(std::move(*connection));
        }
        const Error& error = connection.error();
        answer_.message = error.message;
        if (error.code == CUFRAMES_ERROR_PUBLISHER_GONE) {
            gone_ = !FileIdentity::of(path);
            end(CUFRAMES_RING_DEAD, text("nobody listens at ", path,
                                         ": its publisher was killed; the next one of the "
                                         "key takes its place"));
        } else if (error.code != CUFRAMES_ERROR_TIMEOUT) {
            end(CUFRAMES_RING_REFUSED, error.message);
        }
    }

    void hear(Inbox& inbox) {
        for (const Datagram& datagram : inbox.receive(connection_)) {
            if (done_ || datagram.kind == Datagram::Kind::nothing_yet) {
                break;
            }
            hear(datagram);
        }
        inbox.clear();
    }

    void give_up() {
        if (answer_.message.empty()) {
            answer_.message = "its publisher does not answer: it is stopped, or under a debugger";
        }
        end(CUFRAMES_RING_SILENT, answer_.message);
    }

private:
    void ask(Connection connection) {
        connection_ = std::move(connection);
        answer_.publisher = peer_credentials(connection_.fd());
        answer_.message.clear();
        if (auto sound = check_publisher(answer_.place.directory, answer_.place.usual, answer_.publisher); !sound) {
            return end(CUFRAMES_RING_REFUSED, sound.error().message);
        }
        Inspect message = {};
        message.version = protocol_version;
        if (connection_.send(message) != Sent::yes) {
            end(CUFRAMES_RING_REFUSED, "it could not be asked");
        }
    }

    void hear(const Datagram& datagram) {
        Inspection inspection;
        Refused refused;
        if (datagram.as(inspection, 1)) {
            read(datagram.fds[0], inspection.size);
        } else if (datagram.as(refused, 0)) {
            end(CUFRAMES_RING_REFUSED,
                valid_utf8({refused.message, ::strnlen(refused.message, sizeof(refused.message))},
                           sizeof(refused.message)));
        } else if (datagram.kind == Datagram::Kind::hang_up) {
            gone_ = !FileIdentity::of(socket_path(answer_.place.directory, answer_.place.key));
            end(CUFRAMES_RING_REFUSED, "its publisher hung up: it ends, or its cuframes is an older one");
        } else {
            end(CUFRAMES_RING_REFUSED, "what its publisher answers is not understood");
        }
    }

    void read(const ForeignFd& fd, uint64_t size) {
        if (size > max_report_size) {
            return end(CUFRAMES_RING_REFUSED, "its publisher's report is too large");
        }
        // Copied, as whoever has it may write there meanwhile.
        auto bytes = copy_of(fd, size);
        auto report = bytes ? read_report(*bytes) : Result<ReadReport>(bytes.error());
        if (!report) {
            return end(CUFRAMES_RING_REFUSED, report.error().message);
        }
        const auto stream = static_cast<ReportedStream>(report->facts.stream);
        answer_.report = std::move(*report);
        end(stream == ReportedStream::ended  ? CUFRAMES_RING_ENDED
            : stream == ReportedStream::live ? CUFRAMES_RING_LIVE
                                             : CUFRAMES_RING_WAITING,
            "");
    }

    static Result<std::vector<std::byte>> copy_of(const ForeignFd& fd, uint64_t size) {
        auto mapping = map_shared_memory(fd, size, Access::read_only);
        if (!mapping) {
            return mapping.error();
        }
        return std::vector<std::byte>(mapping->data(), mapping->data() + size);
    }

    void end(cuframes_ring_state state, std::string message) {
        answer_.state = state;
        answer_.message = std::move(message);
        connection_.close();
        done_ = true;
    }

    Answer answer_;
    Connection connection_;
    bool done_ = false;
    bool gone_ = false;
};

/// One round: who is ready is heard, who could not be connected to is tried again.
void go_on(std::span<Question> questions, const Deadline& deadline, Inbox& inbox) {
    auto open = static_cast<size_t>(std::count_if(questions.begin(), questions.end(), [](const Question& question) {
        return !question.done() && question.fd() >= 0;
    }));
    bool some_wait = false;
    std::vector<pollfd> polled;
    for (Question& question : questions) {
        if (!question.done() && question.fd() < 0 && open < at_once) {
            question.begin();
            open += question.fd() >= 0 ? 1 : 0;
        }
        some_wait = some_wait || (!question.done() && question.fd() < 0);
        polled.push_back({question.fd(), POLLIN, 0}); // poll() passes over -1.
    }
    if (!some_wait && open == 0) {
        return;
    }
    const Deadline soon = std::chrono::steady_clock::now() + again_after;
    ::poll(polled.data(), polled.size(), poll_timeout(some_wait && (!deadline || *soon < *deadline) ? soon : deadline));
    for (size_t i = 0; i < polled.size(); ++i) {
        if (polled[i].revents != 0) {
            questions[i].hear(inbox);
        }
    }
}

bool is_over(const Deadline& deadline) { return deadline && std::chrono::steady_clock::now() >= *deadline; }

} // namespace

Place place_of(const std::string& key, const char* directory) {
    return {key, directory ? directory : directory_to_read(key), !directory};
}

Result<std::vector<Place>> places(const char* directory) {
    std::map<std::string, Place> found;
    for (const std::string& one : directory ? std::vector<std::string>{directory} : directories_to_read()) {
        auto keys = keys_in(one);
        if (!keys) {
            return keys.error();
        }
        for (const std::string& key : *keys) {
            found.try_emplace(key, Place{key, one, !directory});
        }
    }
    std::vector<Place> out;
    for (auto& [key, place] : found) {
        out.push_back(std::move(place));
    }
    return out;
}

std::vector<Answer> ask(std::vector<Place> places, const Deadline& deadline) {
    std::vector<Question> questions;
    for (Place& place : places) {
        questions.emplace_back(std::move(place));
    }
    const auto inbox = std::make_unique<Inbox>();
    const auto all_done = [&] { return std::all_of(questions.begin(), questions.end(), std::mem_fn(&Question::done)); };
    do {
        go_on(questions, deadline, *inbox);
    } while (!all_done() && !is_over(deadline));
    std::vector<Answer> answers;
    for (Question& question : questions) {
        if (!question.done()) {
            question.give_up();
        }
        if (auto answer = std::move(question).take()) {
            answers.push_back(std::move(*answer));
        }
    }
    return answers;
}

} // namespace cuframes::core
