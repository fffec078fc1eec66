// SPDX-License-Identifier: LGPL-2.1-or-later
/// The kernel of pictures as a function of the host: as much of CUDA's language as it uses, and the loop over its threads.
#include <cmath>
#include <cstring>

#define __device__
#define __global__

namespace {
struct Place {
    int x;
    int y;
};
Place blockIdx;
Place blockDim;
Place threadIdx;

unsigned short half_on_host(float value) {
    const _Float16 half = value;
    unsigned short bits = 0;
    std::memcpy(&bits, &half, sizeof bits);
    return bits;
}
} // namespace

using std::fmaxf;
using std::fminf;

#include "pixels.cu"

extern "C" void cuframes_picture_on_host(const Job* job) {
    blockDim = {32, 8};
    for (blockIdx.y = 0; blockIdx.y * blockDim.y < job->out_height; ++blockIdx.y) {
        for (blockIdx.x = 0; blockIdx.x * blockDim.x < job->out_width; ++blockIdx.x) {
            for (threadIdx.y = 0; threadIdx.y < blockDim.y; ++threadIdx.y) {
                for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) {
                    cuframes_picture(*job);
                }
            }
        }
    }
}

extern "C" unsigned long cuframes_size_of_job() { return sizeof(Job); }
