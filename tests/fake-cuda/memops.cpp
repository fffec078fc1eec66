// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"
#include "graph.h"
#include "transfer.h"

#include <atomic>
#include <mutex>

// Stream memory operations: a word written, or waited for, at its place in the stream.
using namespace fake_cuda;

namespace {

template <typename Word>
bool is_word(CUdeviceptr address, int device, Access access) {
    return address != 0 && address % sizeof(Word) == 0 && accessible(address, sizeof(Word), device, access);
}

template <typename Word>
Word& word_at(CUdeviceptr address) {
    return *reinterpret_cast<Word*>(bytes_at(address));
}

// Readers may sit in another process, on the same page: the word is one atomic store, and what the
// stream did before it is visible to who reads it.
template <typename Word>
CUresult write_word(CUdeviceptr address, Word value, int device) {
    std::shared_lock lock(address_map().mutex);
    if (!is_word<Word>(address, device, Access::write)) {
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
    std::atomic_ref<Word>(word_at<Word>(address)).store(value, std::memory_order_release);
    return CUDA_SUCCESS;
}

template <typename Word>
bool satisfied(Word current, Word value, unsigned int condition) {
    switch (condition) {
    case CU_STREAM_WAIT_VALUE_GEQ:
        return static_cast<std::make_signed_t<Word>>(current - value) >= 0;
    case CU_STREAM_WAIT_VALUE_EQ:
        return current == value;
    case CU_STREAM_WAIT_VALUE_AND:
        return (current & value) != 0;
    default:
        return static_cast<Word>(~(current | value)) != 0;
    }
}

bool still_wanted(const ContextRef& context) {
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    return !d.stopping && context->alive;
}

// Polls, as the hardware does. The end of the context or of the process ends the wait.
template <typename Word>
CUresult await_word(CUdeviceptr address, Word value, unsigned int condition, const ContextRef& context) {
    constexpr auto pause = std::chrono::microseconds(50);
    for (; still_wanted(context); std::this_thread::sleep_for(pause)) {
        std::shared_lock lock(address_map().mutex);
        if (!is_word<Word>(address, context->device, Access::read)) {
            return CUDA_ERROR_ILLEGAL_ADDRESS;
        }
        const std::atomic_ref<Word> word(word_at<Word>(address));
        if (satisfied(word.load(std::memory_order_acquire), value, condition)) {
            break;
        }
    }
    return CUDA_SUCCESS;
}

template <typename Word>
CUresult launch(const char* call, CUstream handle, CUdeviceptr address, Access access, unsigned int flags,
                unsigned int known_flags, Effect (*effect)(CUdeviceptr, Word, unsigned int, const ContextRef&),
                Word value) {
    return in_context(call, [&](const ContextRef& context) -> CUresult {
        if (config().no_memops) {
            return CUDA_ERROR_NOT_SUPPORTED;
        }
        const StreamRef stream = find_stream(handle, context);
        if (!stream) {
            return CUDA_ERROR_INVALID_HANDLE;
        }
        if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
            return conflict;
        }
        if ((flags & ~known_flags) != 0) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        {
            std::shared_lock lock(address_map().mutex);
            if (!is_word<Word>(address, stream->context->device, access)) {
                return CUDA_ERROR_INVALID_VALUE;
            }
        }
        submit(stream, {effect(address, value, flags, stream->context), {}, {}});
        return CUDA_SUCCESS;
    });
}

template <typename Word>
CUresult write(const char* call, CUstream stream, CUdeviceptr address, Word value, unsigned int flags) {
    const auto effect = [](CUdeviceptr a, Word v, unsigned int, const ContextRef& c) -> Effect {
        return [a, v, device = c->device] { return write_word<Word>(a, v, device); };
    };
    return launch<Word>(call, stream, address, Access::write, flags, CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER, effect,
                        value);
}

template <typename Word>
CUresult wait(const char* call, CUstream stream, CUdeviceptr address, Word value, unsigned int flags) {
    const auto effect = [](CUdeviceptr a, Word v, unsigned int f, const ContextRef& c) -> Effect {
        return [a, v, f, c] { return await_word<Word>(a, v, f & 3U, c); };
    };
    return launch<Word>(call, stream, address, Access::read, flags, 3U | CU_STREAM_WAIT_VALUE_FLUSH, effect, value);
}

} // namespace

extern "C" {

CUresult CUDAAPI cuStreamWriteValue32(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned int flags) {
    return write<cuuint32_t>(__func__, stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned int flags) {
    return write<cuuint32_t>(__func__, stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWriteValue64(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned int flags) {
    return write<cuuint64_t>(__func__, stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned int flags) {
    return write<cuuint64_t>(__func__, stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWaitValue32(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned int flags) {
    return wait<cuuint32_t>(__func__, stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned int flags) {
    return wait<cuuint32_t>(__func__, stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWaitValue64(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned int flags) {
    return wait<cuuint64_t>(__func__, stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned int flags) {
    return wait<cuuint64_t>(__func__, stream, address, value, flags);
}
}
