// SPDX-License-Identifier: LGPL-2.1-or-later
#include "exporter.h"
#include "fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace fake_cuda_test {
namespace {

using Processes = WithContext;

// The promise that frames held from a publisher which was killed stay readable and unchanged.
TEST_F(Processes, memory_outlives_the_process_that_exported_it) {
    const Exporter exporter = start_exporter();
    ASSERT_GT(exporter.pid, 0);
    ASSERT_GE(exporter.memory_fd, 0);
    CUmemGenericAllocationHandle handle = 0;
    OK(import_from(&handle, exporter.memory_fd));
    close(exporter.memory_fd);
    Mapped memory(handle);
    OK(memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READ));

    std::vector<unsigned char> before(two_mib), after(two_mib);
    OK(cuMemcpyDtoH(before.data(), memory.base, before.size()));
    EXPECT_EQ(before.front(), exported_byte);
    EXPECT_EQ(before.back(), exported_byte);

    ASSERT_EQ(kill(exporter.pid, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(exporter.pid, &status, 0), exporter.pid);
    ASSERT_TRUE(WIFSIGNALED(status));
    OK(cuMemcpyDtoH(after.data(), memory.base, after.size()));
    EXPECT_EQ(before, after);
}

} // namespace
} // namespace fake_cuda_test
