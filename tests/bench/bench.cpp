// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bench.h"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>

namespace bench {

int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

int64_t cpu_ns() {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    auto nanoseconds = [](const timeval& time) { return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1'000LL; };
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

Command poll_command() {
    pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (poll(&input, 1, 0) <= 0) {
        return Command::None;
    }
    char letter = 'q';
    if (read(STDIN_FILENO, &letter, 1) <= 0) {
        return Command::Quit;
    }
    return letter == 'g' ? Command::Go : letter == 'q' ? Command::Quit : Command::None;
}

void report(std::string_view event, std::string_view fields) {
    std::string line = "{\"event\":\"" + std::string(event) + '"';
    if (!fields.empty()) {
        line.append(",").append(fields);
    }
    line += "}\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

std::string json_array(std::string_view name, const std::vector<int64_t>& values) {
    std::string text = '"' + std::string(name) + "\":[";
    for (size_t i = 0; i < values.size(); i++) {
        text.append(i ? "," : "").append(std::to_string(values[i]));
    }
    return text + ']';
}

std::string json_namespaces() {
    std::string text;
    for (const char* kind : {"pid", "ipc", "mnt", "net"}) {
        std::error_code error;
        auto target = std::filesystem::read_symlink(std::string("/proc/self/ns/") + kind, error);
        text.append(text.empty() ? "\"" : ",\"").append(target.string()).append("\"");
    }
    return "\"namespaces\":[" + text + ']';
}

GstPtr<GstElement> make_pipeline(const std::string& description, GstElement** element) {
    GError* error = nullptr;
    *element = gst_parse_launch_full(description.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (!*element) {
        std::fprintf(stderr, "%s: %s\n", description.c_str(), error->message);
        g_clear_error(&error);
        return nullptr;
    }
    GstPtr<GstElement> pipeline(gst_pipeline_new(nullptr));
    gst_bin_add(GST_BIN(pipeline.get()), *element);
    return pipeline;
}

bool report_error(GstElement* pipeline) {
    GstPtr<GstBus> bus(gst_element_get_bus(pipeline));
    GstMessage* message = gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR);
    if (!message) {
        return false;
    }
    GError* error = nullptr;
    gchar* debug = nullptr;
    gst_message_parse_error(message, &error, &debug);
    std::fprintf(stderr, "%s: %s\n%s\n", GST_MESSAGE_SRC_NAME(message), error->message, debug ? debug : "");
    g_clear_error(&error);
    g_free(debug);
    gst_message_unref(message);
    return true;
}

} // namespace bench
