// SPDX-License-Identifier: LGPL-2.1-or-later

// The nvcodec plugin of GStreamer registers nothing at all, cudaupload and cudadownload included,
// unless NVDEC or NVENC can be loaded. This libnvcuvid.so.1 is loadable and decodes no codec.

// CUDA_ERROR_NOT_SUPPORTED; the real header is not part of the CUDA toolkit.
constexpr int not_supported = 801;

// The arguments are of no interest, and the C calling convention lets the callee ignore them.
#define FAKE_CUVID_UNSUPPORTED(name)                                                                                   \
    extern "C" __attribute__((visibility("default"))) int name(void);                                                  \
    extern "C" int name(void) { return not_supported; }

FAKE_CUVID_UNSUPPORTED(cuvidCtxLockCreate)
FAKE_CUVID_UNSUPPORTED(cuvidCtxLockDestroy)
FAKE_CUVID_UNSUPPORTED(cuvidCtxLock)
FAKE_CUVID_UNSUPPORTED(cuvidCtxUnlock)
FAKE_CUVID_UNSUPPORTED(cuvidGetDecoderCaps)
FAKE_CUVID_UNSUPPORTED(cuvidCreateDecoder)
FAKE_CUVID_UNSUPPORTED(cuvidReconfigureDecoder)
FAKE_CUVID_UNSUPPORTED(cuvidDestroyDecoder)
FAKE_CUVID_UNSUPPORTED(cuvidDecodePicture)
FAKE_CUVID_UNSUPPORTED(cuvidMapVideoFrame)
FAKE_CUVID_UNSUPPORTED(cuvidMapVideoFrame64)
FAKE_CUVID_UNSUPPORTED(cuvidUnmapVideoFrame)
FAKE_CUVID_UNSUPPORTED(cuvidUnmapVideoFrame64)
FAKE_CUVID_UNSUPPORTED(cuvidCreateVideoParser)
FAKE_CUVID_UNSUPPORTED(cuvidParseVideoData)
FAKE_CUVID_UNSUPPORTED(cuvidDestroyVideoParser)
