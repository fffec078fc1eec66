// SPDX-License-Identifier: LGPL-2.1-or-later
/// A frame's planes to a picture in R'G'B', scaled, in a box, normalized, in one pass: a thread for each pixel of the result.
///
/// It is compiled where it runs, by NVRTC, and includes nothing. `_cuda_kernel.py` fills in the job. What each pixel gets is
/// what `_conversion.py` says; a test compiles this file for the host and holds the two to each other.

struct Component {
    const unsigned char* data; ///< The component's first sample.
    long long pitch;           ///< Bytes from row to row,
    int step;                  ///< … and from sample to sample.
    int bytes;                 ///< Of the number that a sample is part of: 1, 2 or 4.
    int big_endian;
    int shift; ///< Bits below the sample's own.
    unsigned mask;
    int columns;
    int rows;
    /// From a place among luma's samples to one among these: (place + first) * share - first.
    float first_x;
    float first_y;
    float share_x;
    float share_y;
};

enum Dtype { float32, float16, bfloat16, uint8, float64 };

struct Job {
    Component components[3];
    int component_count; ///< 3, or 1: luma alone.
    int width;           ///< Of the frame.
    int height;
    float matrix[3][4]; ///< From components to 0..1: three factors, and what is added.
    float factor[3];    ///< From 0..1 to the result, for R, G and B,
    float addend[3];    ///< … and what is added,
    float fill[3];      ///< … and what is outside of the inner picture.
    float scale_x;      ///< Pixels of the frame for each of the inner picture.
    float scale_y;
    int left; ///< The inner picture,
    int top;
    int inner_width;
    int inner_height;
    int out_width; ///< … and the whole.
    int out_height;
    void* out;
    long long out_channel; ///< Elements from channel to channel,
    long long out_row;     ///< … row to row,
    long long out_column;  ///< … and pixel to pixel.
    int dtype;
};

__device__ inline float clamped(float value, float low, float high) { return fminf(fmaxf(value, low), high); }

__device__ inline float sample(const Component& of, int x, int y) {
    const unsigned char* at = of.data + y * of.pitch + (long long)x * of.step;
    unsigned number;
    if (of.bytes == 1) {
        number = *at;
    } else if (of.bytes == 2) {
        number = *(const unsigned short*)at;
        if (of.big_endian) {
            number = (number >> 8 | number << 8) & 0xFFFF;
        }
    } else {
        number = *(const unsigned*)at;
        if (of.big_endian) {
            number = number >> 24 | (number >> 8 & 0xFF00) | (number << 8 & 0xFF0000) | number << 24;
        }
    }
    return (float)(number >> of.shift & of.mask);
}

/// A component between its samples, x and y being places among luma's.
__device__ inline float sampled(const Component& of, float x, float y) {
    x = clamped((x + of.first_x) * of.share_x - of.first_x, 0.0F, (float)(of.columns - 1));
    y = clamped((y + of.first_y) * of.share_y - of.first_y, 0.0F, (float)(of.rows - 1));
    const int left = (int)x;
    const int top = (int)y;
    const float right_share = x - (float)left;
    const float below_share = y - (float)top;
    // A share above 0 means that there is a neighbour, as the last sample is the last place.
    float found = sample(of, left, top);
    if (right_share > 0.0F) {
        found += (sample(of, left + 1, top) - found) * right_share;
    }
    if (below_share > 0.0F) {
        float below = sample(of, left, top + 1);
        if (right_share > 0.0F) {
            below += (sample(of, left + 1, top + 1) - below) * right_share;
        }
        found += (below - found) * below_share;
    }
    return found;
}

__device__ inline unsigned short as_half(float value) {
#ifdef __CUDA_ARCH__
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
#else
    return half_on_host(value);
#endif
}

/// The upper half of a float, rounded to even. Pictures hold no NaN.
__device__ inline unsigned short as_bfloat(float value) {
    union {
        float number;
        unsigned bits;
    } both;
    both.number = value;
    return (unsigned short)((both.bits + 0x7FFF + (both.bits >> 16 & 1)) >> 16);
}

__device__ inline void store(const Job& job, long long at, float value) {
    switch (job.dtype) {
    case float32: ((float*)job.out)[at] = value; break;
    case float16: ((unsigned short*)job.out)[at] = as_half(value); break;
    case bfloat16: ((unsigned short*)job.out)[at] = as_bfloat(value); break;
    case uint8: ((unsigned char*)job.out)[at] = (unsigned char)(value + 0.5F); break;
    case float64: ((double*)job.out)[at] = value; break;
    }
}

extern "C" __global__ void cuframes_picture(const Job job) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (column >= job.out_width || row >= job.out_height) {
        return;
    }
    const long long at = row * job.out_row + column * job.out_column;
    const int inner_column = column - job.left;
    const int inner_row = row - job.top;
    if (inner_column < 0 || inner_column >= job.inner_width || inner_row < 0 || inner_row >= job.inner_height) {
        for (int channel = 0; channel < 3; ++channel) {
            store(job, at + channel * job.out_channel, job.fill[channel]);
        }
        return;
    }
    const float x = clamped(((float)inner_column + 0.5F) * job.scale_x - 0.5F, 0.0F, (float)(job.width - 1));
    const float y = clamped(((float)inner_row + 0.5F) * job.scale_y - 0.5F, 0.0F, (float)(job.height - 1));
    const float first = sampled(job.components[0], x, y);
    const float second = job.component_count > 1 ? sampled(job.components[1], x, y) : 0.0F;
    const float third = job.component_count > 1 ? sampled(job.components[2], x, y) : 0.0F;
    for (int channel = 0; channel < 3; ++channel) {
        const float* of = job.matrix[channel];
        const float level = clamped(of[0] * first + of[1] * second + of[2] * third + of[3], 0.0F, 1.0F);
        store(job, at + channel * job.out_channel, level * job.factor[channel] + job.addend[channel]);
    }
}
