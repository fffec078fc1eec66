// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/api.h"
#include "base/error_list.h"
#include "ipc/rendezvous.h"
#include "memory/frame_store.h"
#include "protocol/layout.h"

namespace cuframes::core::api {

namespace {

thread_local std::string last_message;

struct ErrorText {
    int code;
    const char* name;
    const char* sentence;
};

#define CUFRAMES_ERROR_TEXT(name, python, sentence) {CUFRAMES_ERROR_##name, "CUFRAMES_ERROR_" #name, sentence},
constexpr ErrorText error_texts[] = {{CUFRAMES_OK, "CUFRAMES_OK", "No error."},
                                     CUFRAMES_ERROR_LIST(CUFRAMES_ERROR_TEXT)};
#undef CUFRAMES_ERROR_TEXT

const ErrorText* find(int code) {
    for (const ErrorText& entry : error_texts) {
        if (entry.code == code) {
            return &entry;
        }
    }
    return nullptr;
}

} // namespace

int fail(const Error& error) {
    last_message = error.message;
    return error.code;
}

} // namespace cuframes::core::api

using namespace cuframes::core;

extern "C" {

const char* cuframes_error_string(int error) {
    const auto* entry = api::find(error);
    return entry ? entry->sentence : "Unknown error value.";
}

const char* cuframes_error_name(int error) {
    const auto* entry = api::find(error);
    return entry ? entry->name : "unknown";
}

const char* cuframes_last_error_message(void) { return api::last_message.c_str(); }

const char* cuframes_version_string(void) { return CUFRAMES_VERSION_STRING; }

uint32_t cuframes_protocol_version(void) { return protocol_version; }

int cuframes_default_directory(char* buffer, size_t size) {
    return api::guarded([&] {
        const std::string directory = default_directory();
        if (!buffer || directory.size() >= size) {
            return api::fail(
                {CUFRAMES_ERROR_INVALID_ARGUMENT, text("the buffer of ", size, " bytes is too small for ", directory)});
        }
        std::memcpy(buffer, directory.c_str(), directory.size() + 1);
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_cuda_self_test(int32_t device) {
    return api::guarded([&] { return api::finish(test_gpu_sharing(device)); });
}

} // extern "C"
