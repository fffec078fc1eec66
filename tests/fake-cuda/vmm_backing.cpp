// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device.h"
#include "vmm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>

// The memfd that stands for GPU memory, and how an importer recognises it.
namespace fake_cuda {
namespace {

constexpr char backing_name[] = "fake-cuda-vmm";
constexpr char backing_magic[16] = "FAKE-CUDA-VMM-1";
constexpr int backing_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// On a page of its own behind the memory, where no mapping reaches it.
struct Trailer {
    char magic[16];
    uint64_t size;
    CUuuid device;
};

constexpr size_t trailer_size = 4096;

std::atomic<size_t> live_bytes = 0;

// No verdict without /proc, as in a PID namespace that has not mounted its own.
bool has_foreign_name(int fd) {
    char target[64] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = readlink(link.c_str(), target, sizeof target - 1);
    const std::string expected = std::string("/memfd:") + backing_name;
    return length > 0 && std::strncmp(target, expected.c_str(), expected.size()) != 0;
}

} // namespace

VmmAllocation::VmmAllocation(int descriptor, size_t bytes, int location, bool can_export)
    : fd(descriptor), size(bytes), device(location), exportable(can_export) {
    live_bytes += size;
}

VmmAllocation::~VmmAllocation() {
    close(fd);
    live_bytes -= size;
}

size_t live_vmm_bytes() { return live_bytes; }

int create_backing(size_t size, int device) {
    const int fd = memfd_create(backing_name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -1;
    }
    Trailer trailer = {};
    std::memcpy(trailer.magic, backing_magic, sizeof backing_magic);
    trailer.size = size;
    trailer.device = device_uuid(device);
    const auto end = static_cast<off_t>(size);
    const bool ready = ftruncate(fd, end + static_cast<off_t>(trailer_size)) == 0 &&
                       pwrite(fd, &trailer, sizeof trailer, end) == sizeof trailer &&
                       fcntl(fd, F_ADD_SEALS, backing_seals) == 0;
    if (ready) {
        return fd;
    }
    close(fd);
    return -1;
}

CUresult inspect_backing(int fd, Backing& out) {
    struct stat status = {};
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || has_foreign_name(fd)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & backing_seals) != backing_seals) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    const auto total = static_cast<size_t>(status.st_size);
    Trailer trailer = {};
    if (total <= trailer_size ||
        pread(fd, &trailer, sizeof trailer, static_cast<off_t>(total - trailer_size)) != sizeof trailer) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (std::memcmp(trailer.magic, backing_magic, sizeof backing_magic) != 0 || trailer.size != total - trailer_size ||
        !is_granular(trailer.size)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    out.size = trailer.size;
    out.device = device_by_uuid(trailer.device);
    return out.device >= 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

} // namespace fake_cuda
