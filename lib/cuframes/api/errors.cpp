// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/api.h"
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

#define CUFRAMES_ERROR_TEXT(name, sentence)                                                                            \
    ErrorText { name, #name, sentence }
constexpr ErrorText error_texts[] = {
    CUFRAMES_ERROR_TEXT(CUFRAMES_OK, "No error."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_INVALID_ARGUMENT,
                        "An argument is missing, out of range or contradicts another."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_INVALID_KEY,
                        "The key is empty, too long or has a character that is not allowed."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_DIRECTORY, "The socket directory cannot be made, written or trusted."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_PATH_TOO_LONG, "Directory and key do not fit a Unix socket address."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_KEY_IN_USE, "A live publisher holds the key."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_ACCESS_DENIED, "The publisher's access rule does not admit this user."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_VERSION_MISMATCH, "The peer speaks another protocol version."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_RING_FULL,
                        "Granting the asked leases would starve the ring; it needs more slots."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_TOO_MANY_SUBSCRIBERS, "The publisher has as many subscribers as it allows."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_NO_FREE_SLOT, "Every slot is leased by a reader or held by the producer."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_TIMEOUT, "Nothing arrived in the time given."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_INTERRUPTED, "The handle was set interrupted by another thread."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_EOS, "The publisher ended its stream and every frame before was delivered."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_PUBLISHER_GONE, "The publisher died or closed without ending its stream."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_LEASES_EXHAUSTED, "All granted leases are held."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_NO_DRIVER, "The CUDA driver cannot be loaded or has no device."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_UNKNOWN_DEVICE, "There is no such GPU in this process."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_NO_GPU_SHARING, "GPU memory cannot be shared between processes here."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_DEVICE_MISMATCH, "The ring lies on a GPU that this one cannot read."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_CUDA, "The CUDA driver refused a call."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_NO_MEMORY, "Host or GPU memory could not be had."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_PROTOCOL, "The peer sent something malformed."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_SYSTEM, "A system call failed."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_FORKED, "The handle was made in another process, before fork()."),
    CUFRAMES_ERROR_TEXT(CUFRAMES_ERROR_INVALID_STATE, "The call does not fit the handle's state."),
};
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
