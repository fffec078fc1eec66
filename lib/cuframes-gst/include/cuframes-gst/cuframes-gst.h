/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libcuframes-gst: frames of a GStreamer pipeline as DLPack tensors, and tensors as buffers.
 *
 *     appsink                                                                      appsrc
 *        |                                                                           ^
 *     GstBuffer -> cuframes_gst_buffer_to_dlpack() -> torch, cupy, numpy, your code -> cuframes_gst_buffer_new_from_dlpack()
 *
 * Nothing is copied where nothing has to be: a tensor lies where the buffer's pixels lie, in system memory or in the
 * memory of a GPU (GstCudaMemory), and a buffer lies where the tensor's elements lie.
 *
 * ## The pixels of a frame
 *
 * Each plane is a tensor of its own, of unsigned integers, with strides that come from the buffer's real pitch:
 *
 *     format                  planes
 *     NV12, height H, width W (H, W) and (ceil(H/2), ceil(W/2), 2), 8 bits
 *     P010_10LE               the same with 16 bits
 *     I420                    (H, W), (ceil(H/2), ceil(W/2)) twice, 8 bits
 *     RGB                     (H, W, 3), 8 bits
 *     RGBA, BGRx, ...         (H, W, 4), 8 bits
 *     GRAY16_LE               (H, W), 16 bits
 *     RGB10A2_LE              (H, W), 32 bits
 *
 * Formats whose pixels are no whole numbers, or lie in tiles, are refused with the reason; their rows can be had as
 * bytes (CUFRAMES_GST_VIEW_BYTES).
 *
 * ## What is promised
 *
 * - A tensor keeps the buffer: its pixels stay as they are until the tensor's deleter was called, whatever happens to the
 *   pipeline. In GPU memory longer: the buffer goes back to its pool only when the work is complete that was queued
 *   before the deleter was called. So a tensor may be deleted right after launching the kernel that reads it.
 * - No function waits for a GPU, but those that say so. Streams wait for each other on the GPU.
 * - Deleters of the tensors made here are plain C, take no lock of an interpreter, never block, and may be called from any
 *   thread. Deleters of tensors that come from elsewhere are called on a thread of this library, never on a streaming
 *   thread of GStreamer and never inside a call of yours.
 * - Buffers from cuframessrc, and all that others may see, are read-only: the versioned tensor says so in its flags.
 *
 * ## Threads
 *
 * All functions may be called from any thread at any time, on the same objects too. None may be used in a forked child.
 *
 * ## Errors
 *
 * Functions report through GError, in the domain %CUFRAMES_GST_ERROR, with a sentence that says what was wrong and what
 * to do about it.
 *
 * ## DLPack
 *
 * This header names the structs of DLPack without defining them. Programs that look inside include <dlpack/dlpack.h>, of
 * version 1.0 or later.
 */
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

#if defined(__GNUC__)
#define CUFRAMES_GST_API __attribute__((visibility("default")))
#else
#define CUFRAMES_GST_API
#endif

struct DLManagedTensor;
struct DLManagedTensorVersioned;

/**
 * CUFRAMES_GST_ERROR:
 *
 * Error domain of this library; see #CuframesGstError.
 *
 * Since: 0.1
 */
#define CUFRAMES_GST_ERROR (cuframes_gst_error_quark())

/**
 * CuframesGstError:
 * @CUFRAMES_GST_ERROR_FAILED: the CUDA driver or the allocation of memory failed
 * @CUFRAMES_GST_ERROR_DTYPE: a tensor holds another kind of numbers than the format (TypeError in Python)
 * @CUFRAMES_GST_ERROR_VALUE: a shape, stride, size or another argument does not fit (ValueError in Python)
 * @CUFRAMES_GST_ERROR_REFUSED: what was asked for cannot be had for this buffer, format or tensor, or only with a copy
 *   that was ruled out (BufferError in Python)
 * @CUFRAMES_GST_ERROR_NO_DEVICE: there is no CUDA driver, no such GPU, or this build has no support for them
 *
 * Why a function failed.
 *
 * Since: 0.1
 */
typedef enum {
    CUFRAMES_GST_ERROR_FAILED,
    CUFRAMES_GST_ERROR_DTYPE,
    CUFRAMES_GST_ERROR_VALUE,
    CUFRAMES_GST_ERROR_REFUSED,
    CUFRAMES_GST_ERROR_NO_DEVICE,
} CuframesGstError;

/**
 * cuframes_gst_error_quark:
 *
 * The domain of the errors that this library reports, whose codes are those of #CuframesGstError.
 *
 * Returns: the domain, the same for the life of the process
 *
 * Since: 0.1
 */
CUFRAMES_GST_API GQuark cuframes_gst_error_quark(void);

#define CUFRAMES_GST_TYPE_ERROR (cuframes_gst_error_get_type())
CUFRAMES_GST_API GType cuframes_gst_error_get_type(void);

/* ------------------------------------------------------------------------------------------------------- streams */

/**
 * CUFRAMES_GST_STREAM_NONE: (skip)
 *
 * No stream was named: the legacy default stream, as DLPack has it.
 *
 * Streams are named by a number, as in Python's `__dlpack__(stream=…)`. The default streams are those of the device's
 * primary context, in which torch, cupy, JAX and the CUDA runtime live. Numbers above 2 are a `CUstream` (or
 * `cudaStream_t`), which has to outlive the tensor. 0 is refused, because nobody knows which default stream it would be.
 * In system memory streams do not matter.
 *
 * Since: 0.1
 */
#define CUFRAMES_GST_STREAM_NONE G_MININT64
/**
 * CUFRAMES_GST_STREAM_NO_SYNC:
 *
 * Nothing is to wait: the caller orders its work itself.
 *
 * Since: 0.1
 */
#define CUFRAMES_GST_STREAM_NO_SYNC (-1)
/**
 * CUFRAMES_GST_STREAM_LEGACY:
 *
 * The legacy default stream.
 *
 * Since: 0.1
 */
#define CUFRAMES_GST_STREAM_LEGACY 1
/**
 * CUFRAMES_GST_STREAM_PER_THREAD:
 *
 * The default stream of the calling thread.
 *
 * Since: 0.1
 */
#define CUFRAMES_GST_STREAM_PER_THREAD 2

/* -------------------------------------------------------------------------------------------------------- frames */

/**
 * CuframesGstView:
 * @CUFRAMES_GST_VIEW_PIXELS: `(rows, columns)`, or `(rows, columns, channels)` where a position has several numbers
 * @CUFRAMES_GST_VIEW_FLAT: `(rows, columns * channels)`: interleaved chroma as some consumers want it
 * @CUFRAMES_GST_VIEW_BYTES: `(rows, bytes of a row)` of 8 bits, for every format there is
 *
 * How a plane is looked at.
 *
 * Since: 0.1
 */
typedef enum {
    CUFRAMES_GST_VIEW_PIXELS,
    CUFRAMES_GST_VIEW_FLAT,
    CUFRAMES_GST_VIEW_BYTES,
} CuframesGstView;

#define CUFRAMES_GST_TYPE_VIEW (cuframes_gst_view_get_type())
CUFRAMES_GST_API GType cuframes_gst_view_get_type(void);

/**
 * CuframesGstPlane:
 * @data: address of the first visible element: in this process, or on the GPU
 * @shape: the first @n_dims are the lengths of the dimensions
 * @strides: in elements, the first @n_dims
 * @pitch: bytes from row to row
 * @row_bytes: visible bytes of a row
 * @rows: visible rows
 * @n_dims: 2 or 3
 * @item_size: bytes of an element, an unsigned integer: 1, 2 or 4
 * @device_type: DLPack's device type: 1 is system memory (kDLCPU), 2 a GPU (kDLCUDA)
 * @device_id: the GPU's CUDA ordinal, 0 in system memory
 * @read_only: whether the elements must not be written
 *
 * A plane of a frame, seen as a tensor.
 *
 * Since: 0.1
 */
typedef struct {
    guint64 data;
    gint64 shape[3];
    gint64 strides[3];
    guint64 pitch;
    guint64 row_bytes;
    guint rows;
    guint n_dims;
    guint item_size;
    gint device_type;
    gint device_id;
    gboolean read_only;
} CuframesGstPlane;

#define CUFRAMES_GST_TYPE_PLANE (cuframes_gst_plane_get_type())
CUFRAMES_GST_API GType cuframes_gst_plane_get_type(void);

/**
 * cuframes_gst_plane_copy:
 * @plane: a plane
 *
 * Copies the description; both speak of the same pixels, which are not copied.
 *
 * Returns: (transfer full): a copy, for cuframes_gst_plane_free()
 *
 * Since: 0.1
 */
CUFRAMES_GST_API CuframesGstPlane* cuframes_gst_plane_copy(const CuframesGstPlane* plane);
/**
 * cuframes_gst_plane_free:
 * @plane: (transfer full): what cuframes_gst_plane_copy() returned
 *
 * Frees the description; the pixels are not its own.
 *
 * Since: 0.1
 */
CUFRAMES_GST_API void cuframes_gst_plane_free(CuframesGstPlane* plane);

/**
 * CuframesGstFrame:
 *
 * A buffer whose pixels can be reached: mapped once, for all its planes and any number of tensors. It holds a reference
 * to the buffer, and each tensor holds one to it.
 *
 * System memory stays mapped for reading meanwhile, so that elements can go on reading it and have to copy before they
 * write. GPU memory is not kept mapped, only referenced.
 *
 * Since: 0.1
 */
typedef struct CuframesGstFrame CuframesGstFrame;

#define CUFRAMES_GST_TYPE_FRAME (cuframes_gst_frame_get_type())
CUFRAMES_GST_API GType cuframes_gst_frame_get_type(void);

/**
 * cuframes_gst_frame_new:
 * @buffer: (transfer none): a buffer of raw video, in system memory or in GstCudaMemory
 * @caps: its fixed caps, `video/x-raw`; features of other memory than these two are refused
 * @error: return location for an error
 *
 * Maps @buffer. A #GstVideoMeta of the buffer, or the layout of its GstCudaMemory, goes before what the caps imply; planes
 * may lie in memories of their own. Pixels that have yet to be uploaded to the GPU are queued for it.
 *
 * The frame is read-only if anybody else holds the buffer (as the sample does that appsink gave), if its memory is
 * marked so (as from cuframessrc), or if its allocator would have to know of a write (DMABuf).
 *
 * Returns: (transfer full): the frame, for cuframes_gst_frame_unref(); %NULL with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API CuframesGstFrame* cuframes_gst_frame_new(GstBuffer* buffer, const GstCaps* caps, GError** error);

/**
 * cuframes_gst_frame_ref:
 * @frame: a frame
 *
 * Takes one more reference, for which somebody has to call cuframes_gst_frame_unref().
 *
 * Returns: (transfer full): the same frame
 *
 * Since: 0.1
 */
CUFRAMES_GST_API CuframesGstFrame* cuframes_gst_frame_ref(CuframesGstFrame* frame);
/**
 * cuframes_gst_frame_unref:
 * @frame: (transfer full): a frame
 *
 * Gives up one reference. With the last one, those of its tensors included, the buffer is given back: at once in system
 * memory, and in GPU memory when the work is complete that is queued now on the streams that the frame knows of, and on the
 * legacy default streams of the device's primary context and of the memory's own, which wait for all but non-blocking
 * ones; with CUFRAMES_RELEASE=context in the environment all that these contexts have in flight. Never blocks.
 *
 * Since: 0.1
 */
CUFRAMES_GST_API void cuframes_gst_frame_unref(CuframesGstFrame* frame);

/**
 * cuframes_gst_frame_get_n_planes:
 * @frame: a frame
 *
 * How many planes the frame's format has: 1 for RGB, 2 for NV12, 3 for I420. An index of a plane is below it.
 *
 * Returns: how many planes it has
 *
 * Since: 0.1
 */
CUFRAMES_GST_API guint cuframes_gst_frame_get_n_planes(CuframesGstFrame* frame);
/**
 * cuframes_gst_frame_get_width:
 * @frame: a frame
 *
 * Width of the picture, without what its memory may have around it. #CuframesGstPlane has a plane's own.
 *
 * Returns: visible pixels in a row
 *
 * Since: 0.1
 */
CUFRAMES_GST_API guint cuframes_gst_frame_get_width(CuframesGstFrame* frame);
/**
 * cuframes_gst_frame_get_height:
 * @frame: a frame
 *
 * Height of the picture, without what its memory may have around it.
 *
 * Returns: visible rows
 *
 * Since: 0.1
 */
CUFRAMES_GST_API guint cuframes_gst_frame_get_height(CuframesGstFrame* frame);
/**
 * cuframes_gst_frame_get_format:
 * @frame: a frame
 *
 * The pixel format. The text belongs to GStreamer and stays valid for the life of the process.
 *
 * Returns: (transfer none): GStreamer's name of the pixel format, for example "NV12"
 *
 * Since: 0.1
 */
CUFRAMES_GST_API const gchar* cuframes_gst_frame_get_format(CuframesGstFrame* frame);

/**
 * cuframes_gst_frame_describe:
 * @frame: a frame
 * @plane: index of a plane
 * @view: how to look at it
 * @description: (out caller-allocates): what a tensor of it is like
 * @error: return location for an error
 *
 * Describes a plane. Its address is valid for as long as @frame is; who reads from a GPU through it has to order the work
 * (cuframes_gst_frame_wait()).
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API gboolean cuframes_gst_frame_describe(CuframesGstFrame* frame, guint plane, CuframesGstView view,
                                                      CuframesGstPlane* description, GError** error);

/**
 * cuframes_gst_frame_wait:
 * @frame: a frame
 * @stream: name of a stream
 * @error: return location for an error
 *
 * Makes @stream wait, on the GPU, until the pixels are complete, and remembers it: the buffer is given back after what
 * is queued there by then. Every export does the same by itself; this is for those that use the address, and for a
 * further stream that reads a tensor. In system memory it does nothing.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API gboolean cuframes_gst_frame_wait(CuframesGstFrame* frame, gint64 stream, GError** error);

/**
 * cuframes_gst_frame_to_dlpack: (skip)
 * @frame: a frame
 * @plane: index of a plane
 * @view: how to look at it
 * @stream: name of the stream that is going to read it
 * @error: return location for an error
 *
 * Makes a tensor of a plane, for consumers that know DLPack before 1.0. It cannot say that it is read-only. The consumer
 * calls its deleter once, on any thread.
 *
 * Returns: the tensor; %NULL with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API struct DLManagedTensor*
cuframes_gst_frame_to_dlpack(CuframesGstFrame* frame, guint plane, CuframesGstView view, gint64 stream, GError** error);
/**
 * cuframes_gst_frame_to_dlpack_versioned: (skip)
 * @frame: a frame
 * @plane: index of a plane
 * @view: how to look at it
 * @stream: name of the stream that is going to read it
 * @error: return location for an error
 *
 * The same as DLPack 1.0 has it, with flags.
 *
 * Returns: the tensor; %NULL with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API struct DLManagedTensorVersioned* cuframes_gst_frame_to_dlpack_versioned(CuframesGstFrame* frame,
                                                                                         guint plane,
                                                                                         CuframesGstView view,
                                                                                         gint64 stream, GError** error);

/**
 * cuframes_gst_frame_export:
 * @frame: a frame
 * @plane: index of a plane
 * @view: how to look at it
 * @stream: name of the stream that is going to read it
 * @versioned: whether to make a `DLManagedTensorVersioned`
 * @error: return location for an error
 *
 * cuframes_gst_frame_to_dlpack() for language bindings, which put the address into a capsule of their own. The tensor is
 * lost if its deleter is never called.
 *
 * Returns: address of the tensor; 0 with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API guint64 cuframes_gst_frame_export(CuframesGstFrame* frame, guint plane, CuframesGstView view,
                                                   gint64 stream, gboolean versioned, GError** error);

/**
 * cuframes_gst_buffer_to_dlpack: (skip)
 * @buffer: a buffer of raw video
 * @caps: its caps
 * @plane: index of a plane
 * @view: how to look at it
 * @stream: name of the stream that is going to read it
 * @error: return location for an error
 *
 * One plane of a buffer as a tensor: cuframes_gst_frame_new() and cuframes_gst_frame_to_dlpack() in one. Who wants
 * several planes saves work with a frame.
 *
 * Returns: the tensor; %NULL with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API struct DLManagedTensor* cuframes_gst_buffer_to_dlpack(GstBuffer* buffer, const GstCaps* caps,
                                                                       guint plane, CuframesGstView view, gint64 stream,
                                                                       GError** error);
/**
 * cuframes_gst_buffer_to_dlpack_versioned: (skip)
 * @buffer: a buffer of raw video
 * @caps: its caps
 * @plane: index of a plane
 * @view: how to look at it
 * @stream: name of the stream that is going to read it
 * @error: return location for an error
 *
 * The same as DLPack 1.0 has it, with flags.
 *
 * Returns: the tensor; %NULL with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API struct DLManagedTensorVersioned*
cuframes_gst_buffer_to_dlpack_versioned(GstBuffer* buffer, const GstCaps* caps, guint plane, CuframesGstView view,
                                        gint64 stream, GError** error);
/**
 * cuframes_gst_buffer_export:
 * @buffer: a buffer of raw video
 * @caps: its caps
 * @plane: index of a plane
 * @view: how to look at it
 * @stream: name of the stream that is going to read it
 * @versioned: whether to make a `DLManagedTensorVersioned`
 * @error: return location for an error
 *
 * cuframes_gst_buffer_to_dlpack() for language bindings; see cuframes_gst_frame_export().
 *
 * Returns: address of the tensor; 0 with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API guint64 cuframes_gst_buffer_export(GstBuffer* buffer, const GstCaps* caps, guint plane,
                                                    CuframesGstView view, gint64 stream, gboolean versioned,
                                                    GError** error);

/**
 * cuframes_gst_buffer_wait_for_stream:
 * @buffer: a buffer
 * @stream: name of a stream
 * @error: return location for an error
 *
 * The other way round, for buffers that a tensor's consumer has written into: what elements do with @buffer comes after
 * what is queued on @stream. To be called before the buffer is pushed. GPU memory that has no stream of GStreamer's is
 * waited for here, on the CPU. In system memory it does nothing.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API gboolean cuframes_gst_buffer_wait_for_stream(GstBuffer* buffer, gint64 stream, GError** error);

/* ---------------------------------------------------------------------------------------------- tensors to buffers */

/**
 * CuframesGstImportFlags:
 * @CUFRAMES_GST_IMPORT_NONE: in place if GStreamer can describe where the planes lie, else one copy
 * @CUFRAMES_GST_IMPORT_COPY: always copy, into GStreamer's default layout
 * @CUFRAMES_GST_IMPORT_NO_COPY: in place, or %CUFRAMES_GST_ERROR_REFUSED
 * @CUFRAMES_GST_IMPORT_SYSTEM_MEMORY: the buffer is to be in system memory; tensors on a GPU are downloaded
 * @CUFRAMES_GST_IMPORT_CUDA_MEMORY: the buffer is to be in GPU memory; other tensors are uploaded
 *
 * How tensors become a buffer.
 *
 * Since: 0.1
 */
typedef enum {
    CUFRAMES_GST_IMPORT_NONE = 0,
    CUFRAMES_GST_IMPORT_COPY = 1 << 0,
    CUFRAMES_GST_IMPORT_NO_COPY = 1 << 1,
    CUFRAMES_GST_IMPORT_SYSTEM_MEMORY = 1 << 2,
    CUFRAMES_GST_IMPORT_CUDA_MEMORY = 1 << 3,
} CuframesGstImportFlags;

#define CUFRAMES_GST_TYPE_IMPORT_FLAGS (cuframes_gst_import_flags_get_type())
CUFRAMES_GST_API GType cuframes_gst_import_flags_get_type(void);

/**
 * cuframes_gst_buffer_new_from_dlpack: (skip)
 * @caps: fixed caps, `video/x-raw`, with format, width and height; memory features play no part
 * @tensors: (array length=n_tensors): one tensor for each plane, or one of all rows
 * @n_tensors: how many
 * @context: (nullable): a context as from cuframes_gst_context_new_primary(), or of a pipeline; %NULL: the primary
 *   context of the tensors' device
 * @stream: name of the stream on which the tensors are complete, and on which a copy is queued
 * @flags: how
 * @error: return location for an error
 *
 * Makes a buffer of tensors, and takes them over whatever the outcome: their deleters are called, once each and on a
 * thread of this library, when nobody reads them any more; if this fails, at once.
 *
 * A tensor for a plane has the shape that an export of it has, flat or with channels; NV12 and others whose rows are
 * equally long may also come as one tensor `(ceil(H * 3/2), W)`. Elements of a row lie side by side; the pitch is free.
 *
 * In system memory the buffer gets a #GstMemory for each tensor and a #GstVideoMeta that tells strides and offsets. Elements
 * that ignore such metas need %CUFRAMES_GST_IMPORT_COPY. On a GPU the buffer gets one GstCudaMemory. That has one base
 * address and one pitch, so planes in place have to be rows of one allocation, one after the other with the same pitch:
 * one tensor, or views of one. Other tensors are copied, on the GPU. The memory is usable by elements that share @context.
 *
 * A tensor that says that it is read-only makes memory that elements copy before they write.
 *
 * Returns: (transfer full): the buffer, without timestamps; %NULL with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API GstBuffer* cuframes_gst_buffer_new_from_dlpack(const GstCaps* caps,
                                                                struct DLManagedTensor* const* tensors, guint n_tensors,
                                                                GstContext* context, gint64 stream,
                                                                CuframesGstImportFlags flags, GError** error);
/**
 * cuframes_gst_buffer_new_from_dlpack_versioned: (skip)
 * @caps: see cuframes_gst_buffer_new_from_dlpack()
 * @tensors: (array length=n_tensors): see there
 * @n_tensors: see there
 * @context: (nullable): see there
 * @stream: see there
 * @flags: see there
 * @error: return location for an error
 *
 * The same for tensors as DLPack 1.0 has them. Those of a later major version are refused.
 *
 * Returns: (transfer full): the buffer; %NULL with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API GstBuffer*
cuframes_gst_buffer_new_from_dlpack_versioned(const GstCaps* caps, struct DLManagedTensorVersioned* const* tensors,
                                              guint n_tensors, GstContext* context, gint64 stream,
                                              CuframesGstImportFlags flags, GError** error);
/**
 * cuframes_gst_buffer_new_from_addresses:
 * @caps: see cuframes_gst_buffer_new_from_dlpack()
 * @tensors: (array length=n_tensors): addresses of the tensors
 * @n_tensors: how many
 * @versioned: bit i is set if tensor i is a `DLManagedTensorVersioned`
 * @context: (nullable): see cuframes_gst_buffer_new_from_dlpack()
 * @stream: see there
 * @flags: see there
 * @error: return location for an error
 *
 * cuframes_gst_buffer_new_from_dlpack() for language bindings. It takes the tensors over in the same way.
 *
 * Returns: (transfer full): the buffer; %NULL with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API GstBuffer* cuframes_gst_buffer_new_from_addresses(const GstCaps* caps, const guint64* tensors,
                                                                   guint n_tensors, guint versioned,
                                                                   GstContext* context, gint64 stream,
                                                                   CuframesGstImportFlags flags, GError** error);

/* ------------------------------------------------------------------------------------------------- CUDA contexts */

/**
 * cuframes_gst_context_new_primary:
 * @device: CUDA ordinal of the GPU
 * @error: return location for an error
 *
 * The primary context of a GPU, which the CUDA runtime, torch, cupy and JAX use, as GStreamer's elements take it. By
 * themselves they make a context of their own. cuframessrc and cuframessink use the same one if they are offered none.
 *
 * Returns: (transfer full): a context of the type "gst.cuda.context", for gst_element_set_context(); %NULL with @error
 *   set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API GstContext* cuframes_gst_context_new_primary(gint device, GError** error);

/**
 * cuframes_gst_pipeline_use_primary_context:
 * @pipeline: a pipeline or another bin, or an element, in the state NULL
 * @device: CUDA ordinal of the GPU
 * @error: return location for an error
 *
 * Gives the primary context of a GPU to all elements of @pipeline, those that are added later too. Frames then share one
 * context, and default streams one order, with what else works on that GPU in this process.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 0.1
 */
CUFRAMES_GST_API gboolean cuframes_gst_pipeline_use_primary_context(GstElement* pipeline, gint device, GError** error);

/**
 * cuframes_gst_drain:
 *
 * Waits until everything is given back that was let go before: buffers to their pools, tensors to their makers. Blocks
 * for as long as the GPU works on them. Interpreters call it before they end, without holding the lock that deleters of
 * theirs need.
 *
 * Since: 0.1
 */
CUFRAMES_GST_API void cuframes_gst_drain(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CuframesGstFrame, cuframes_gst_frame_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CuframesGstPlane, cuframes_gst_plane_free)

G_END_DECLS
