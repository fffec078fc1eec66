// SPDX-License-Identifier: LGPL-2.1-or-later
#include "exporter.h"

#include "fixture.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string>

namespace fake_cuda_test {
namespace {

struct FdMessage {
    char byte = 0;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    iovec part = {&byte, 1};
    msghdr header = {};

    FdMessage() {
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof control;
    }
};

bool send_fd(int socket, int fd) {
    FdMessage message;
    cmsghdr* attached = CMSG_FIRSTHDR(&message.header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(attached), &fd, sizeof fd);
    return sendmsg(socket, &message.header, 0) == 1;
}

int receive_fd(int socket) {
    FdMessage message;
    int fd = -1;
    if (recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC) != 1) {
        return -1;
    }
    const cmsghdr* attached = CMSG_FIRSTHDR(&message.header);
    if (attached != nullptr && attached->cmsg_type == SCM_RIGHTS) {
        std::memcpy(&fd, CMSG_DATA(attached), sizeof fd);
    }
    return fd;
}

} // namespace

Exporter start_exporter() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return {};
    }
    Exporter exporter;
    exporter.pid = fork();
    if (exporter.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int inherited = dup(ends[1]); // without CLOEXEC
        const std::string role = "--exporter=" + std::to_string(inherited);
        execl("/proc/self/exe", "exporter", role.c_str(), nullptr);
        _exit(127);
    }
    close(ends[1]);
    exporter.memory_fd = receive_fd(ends[0]);
    close(ends[0]);
    return exporter;
}

int run_exporter(int socket) {
    CUcontext context = nullptr;
    if (cuInit(0) != CUDA_SUCCESS || cuCtxCreate_v2(&context, 0, 0) != CUDA_SUCCESS) {
        return 1;
    }
    Mapped memory(create_exportable());
    if (memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READWRITE) != CUDA_SUCCESS ||
        cuMemsetD8(memory.base, exported_byte, two_mib) != CUDA_SUCCESS || cuCtxSynchronize() != CUDA_SUCCESS) {
        return 1;
    }
    CUmemGenericAllocationHandle handle = 0;
    if (cuMemRetainAllocationHandle(&handle, pointer_to<void>(memory.base)) != CUDA_SUCCESS) {
        return 1;
    }
    if (!send_fd(socket, export_of(handle))) {
        return 1;
    }
    for (;;) {
        pause();
    }
}

} // namespace fake_cuda_test
