// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Frames of one pipeline as DLPack tensors, and tensors as frames of another. The picture is turned into its negative:
//
//     dlpack                            shows a test picture with its luma inverted
//     dlpack "x264enc ! filesink …"     does something else with it
//     dlpack --check                    compares every frame, shows nothing
//
// The inverted luma is a tensor of this program's own. Chroma goes through untouched: the second pipeline's buffers hold
// the tensor, and that holds the first pipeline's buffer. No pixel of it is copied.
#include <cuframes-gst/cuframes-gst.h>
#include <dlpack/dlpack.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct DLManagedTensorVersioned tensor;

struct pipelines {
    GstElement* from;
    GstElement* to;
    GstAppSink* in;
    GstAppSrc* out;
    GstAppSink* check; // NULL: nothing is compared
};

static void complain(const char* doing, GError* error) {
    fprintf(stderr, "dlpack: %s: %s\n", doing, error ? error->message : "it just failed");
    g_clear_error(&error);
}

// A tensor of this program: one allocation holds the struct, its shape and strides, and the elements.
struct own_tensor {
    tensor managed;
    int64_t shape[2], strides[2];
    uint8_t elements[];
};

static void free_tensor(tensor* managed) { free(managed->manager_ctx); }

static tensor* new_tensor(int64_t rows, int64_t columns) {
    struct own_tensor* own = calloc(1, sizeof(*own) + (size_t)(rows * columns));
    own->shape[0] = rows;
    own->shape[1] = columns;
    own->strides[0] = columns;
    own->strides[1] = 1;
    own->managed.version.major = DLPACK_MAJOR_VERSION;
    own->managed.manager_ctx = own;
    own->managed.deleter = free_tensor;
    DLTensor* t = &own->managed.dl_tensor;
    t->data = own->elements;
    t->device.device_type = kDLCPU;
    t->ndim = 2;
    t->dtype.code = kDLUInt;
    t->dtype.bits = 8;
    t->dtype.lanes = 1;
    t->shape = own->shape;
    t->strides = own->strides;
    return &own->managed;
}

// Rows of a tensor may be further apart than they are long: strides count.
static tensor* inverted(const DLTensor* luma) {
    tensor* result = new_tensor(luma->shape[0], luma->shape[1]);
    const uint8_t* from = (const uint8_t*)luma->data + luma->byte_offset;
    uint8_t* to = result->dl_tensor.data;
    for (int64_t y = 0; y < luma->shape[0]; ++y) {
        for (int64_t x = 0; x < luma->shape[1]; ++x) {
            to[y * luma->shape[1] + x] = (uint8_t)(255 - from[y * luma->strides[0] + x]);
        }
    }
    return result;
}

static uint64_t sum_of(const DLTensor* plane) {
    const uint8_t* from = (const uint8_t*)plane->data + plane->byte_offset;
    uint64_t sum = 0;
    for (int64_t y = 0; y < plane->shape[0]; ++y) {
        for (int64_t x = 0; x < plane->shape[1]; ++x) {
            sum += from[y * plane->strides[0] + x];
        }
    }
    return sum;
}

static tensor* plane_of(GstSample* sample, guint plane) {
    GError* error = NULL;
    tensor* result =
        cuframes_gst_buffer_to_dlpack_versioned(gst_sample_get_buffer(sample), gst_sample_get_caps(sample), plane,
                                                CUFRAMES_GST_VIEW_PIXELS, CUFRAMES_GST_STREAM_NONE, &error);
    if (!result) {
        complain("a plane has no tensor", error);
    }
    return result;
}

// What came out is what went in, luma inverted, chroma at the very address where the first pipeline put it.
static gboolean is_negative(GstSample* sample, uint64_t luma_before, const void* chroma_before) {
    tensor* luma = plane_of(sample, 0);
    tensor* chroma = plane_of(sample, 1);
    const uint64_t most = 255 * (uint64_t)(luma->dl_tensor.shape[0] * luma->dl_tensor.shape[1]);
    const gboolean is = sum_of(&luma->dl_tensor) + luma_before == most && chroma->dl_tensor.data == chroma_before;
    luma->deleter(luma);
    chroma->deleter(chroma);
    return is;
}

static gboolean push(const struct pipelines* p, GstSample* sample, tensor* luma, tensor* chroma) {
    GError* error = NULL;
    tensor* const planes[] = {luma, chroma}; // ours no longer, whatever comes of it
    GstBuffer* buffer = cuframes_gst_buffer_new_from_dlpack_versioned(
        gst_sample_get_caps(sample), planes, 2, NULL, CUFRAMES_GST_STREAM_NONE, CUFRAMES_GST_IMPORT_NONE, &error);
    if (!buffer) {
        complain("no buffer of these tensors", error);
        return FALSE;
    }
    GST_BUFFER_PTS(buffer) = GST_BUFFER_PTS(gst_sample_get_buffer(sample));
    GST_BUFFER_DURATION(buffer) = GST_BUFFER_DURATION(gst_sample_get_buffer(sample));
    gst_app_src_set_caps(p->out, gst_sample_get_caps(sample));
    return gst_app_src_push_buffer(p->out, buffer) == GST_FLOW_OK;
}

static gboolean pass_on(const struct pipelines* p, GstSample* sample) {
    tensor* luma = plane_of(sample, 0);
    tensor* chroma = luma ? plane_of(sample, 1) : NULL;
    if (!chroma) {
        return FALSE;
    }
    const uint64_t luma_before = sum_of(&luma->dl_tensor);
    const void* chroma_before = chroma->dl_tensor.data;
    tensor* negative = inverted(&luma->dl_tensor);
    luma->deleter(luma);
    if (!push(p, sample, negative, chroma)) {
        return FALSE;
    }
    if (!p->check) {
        return TRUE;
    }
    GstSample* seen = gst_app_sink_pull_sample(p->check);
    const gboolean good = seen && is_negative(seen, luma_before, chroma_before);
    if (seen) {
        gst_sample_unref(seen);
    }
    return good;
}

static GstElement* launch(const char* description) {
    GError* error = NULL;
    GstElement* pipeline = gst_parse_launch_full(description, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (!pipeline) {
        complain(description, error);
        exit(EXIT_FAILURE);
    }
    return pipeline;
}

static struct pipelines start(gboolean check, const char* rest) {
    struct pipelines p = {NULL, NULL, NULL, NULL, NULL};
    char* to = g_strdup_printf("appsrc name=out format=time block=true max-buffers=2 ! %s", rest);
    p.from = launch("videotestsrc num-buffers=90 ! video/x-raw,format=NV12,width=642,height=361 ! "
                    "appsink name=in max-buffers=2 sync=false enable-last-sample=false");
    p.to = launch(to);
    g_free(to);
    p.in = GST_APP_SINK(gst_bin_get_by_name(GST_BIN(p.from), "in"));
    p.out = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(p.to), "out"));
    p.check = check ? GST_APP_SINK(gst_bin_get_by_name(GST_BIN(p.to), "check")) : NULL;
    gst_element_set_state(p.from, GST_STATE_PLAYING);
    gst_element_set_state(p.to, GST_STATE_PLAYING);
    return p;
}

static void stop(struct pipelines* p) {
    gst_element_set_state(p->from, GST_STATE_NULL);
    gst_element_set_state(p->to, GST_STATE_NULL);
    gst_clear_object(&p->check);
    gst_clear_object(&p->in);
    gst_clear_object(&p->out);
    gst_clear_object(&p->from);
    gst_clear_object(&p->to);
    cuframes_gst_drain(); // Tensors are freed on the library's thread: wait for it.
}

// The end of the second pipeline, or what went wrong there.
static gboolean await_end(GstElement* pipeline) {
    GstBus* bus = gst_element_get_bus(pipeline);
    GstMessage* message = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    const gboolean good = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
    if (!good) {
        GError* error = NULL;
        gst_message_parse_error(message, &error, NULL);
        complain("the second pipeline", error);
    }
    gst_message_unref(message);
    gst_object_unref(bus);
    return good;
}

int main(int argc, char** argv) {
    gst_init(&argc, &argv);
    const gboolean check = argc > 1 && strcmp(argv[1], "--check") == 0;
    const char* rest = check      ? "appsink name=check sync=false enable-last-sample=false"
                       : argc > 1 ? argv[1]
                                  : "videoconvert ! autovideosink";
    struct pipelines p = start(check, rest);
    gboolean good = TRUE;
    int frames = 0;
    for (GstSample* sample; good && (sample = gst_app_sink_pull_sample(p.in)); ++frames) {
        good = pass_on(&p, sample);
        gst_sample_unref(sample);
    }
    gst_app_src_end_of_stream(p.out);
    good = good && (check || await_end(p.to));
    stop(&p);
    printf("%d frames%s\n", frames, !good ? ", and something went wrong" : check ? ", every one as it should be" : "");
    return good && frames > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
