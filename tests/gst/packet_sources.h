// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "fixture.h"

#include <string>

namespace cuframes::test {

/// Encoded video, sound, and records of any kind, as descriptions of pipelines.

inline std::string video(int frames, const std::string& encoder, int width = 64, int height = 48) {
    return "videotestsrc pattern=ball animation-mode=frames num-buffers=" + std::to_string(frames) + " ! " +
           raw_caps("I420", width, height) + " ! " + encoder;
}

inline std::string sound(const std::string& encoder) {
    return "audiotestsrc num-buffers=20 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2 ! audioconvert ! " +
           encoder;
}

/// Without an encoder: records of `size` bytes, as many a second as make 2000.
inline std::string data(const std::string& caps, int count = 8, int size = 200) {
    return "fakesrc format=time sizetype=fixed filltype=pattern datarate=2000 num-buffers=" + std::to_string(count) +
           " sizemax=" + std::to_string(size) + " ! " + caps;
}

} // namespace cuframes::test
