// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Prints a line for each frame that is published under a key, in host memory or on the GPU:
//
//     subscribe my-camera
//     frame 17  NV12 1280x720  latency 0.213 ms  missed 0
//
// It may be started before the publisher, and goes on with the next one when a publisher dies. With --check it compares
// the number that the other example draws into its frames with the one that the ring says.
#include <cuframes/cuframes.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct options {
    const char* key;
    const char* directory; // NULL: where everybody looks
    uint64_t count;        // 0: until the stream ends
    bool strict;           // every frame in order, rather than the newest
    bool check;
    bool quiet;
};

static cuframes_subscriber* subscriber;

// Async-signal-safe: it makes next() return at once.
static void stop(int signal_number) {
    (void)signal_number;
    cuframes_subscriber_set_interrupted(subscriber, true);
}

static int complain(const char* doing) {
    fprintf(stderr, "subscribe: %s: %s\n", doing, cuframes_last_error_message());
    return EXIT_FAILURE;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void report_state(cuframes_subscriber_state state, uint64_t epoch, int32_t pid, void* user_data) {
    static const char* const names[] = {"waiting for a publisher", "attached", "end of stream", "publisher gone"};
    (void)user_data;
    fprintf(stderr, "subscribe: %s (pid %" PRId32 ", epoch %" PRIu64 ")\n", names[state], pid, epoch);
}

// Pixels in host memory are read where they lie. From the GPU they are fetched here; a program that works on the GPU
// would hand view->data to its kernels instead, and may give the frame back right after launching them.
static int read_number(const cuframes_frame* frame, uint64_t* number) {
    const cuframes_frame_view* view = cuframes_frame_get(frame);
    const cuframes_geometry* g = view->geometry;
    if (view->memory == CUFRAMES_MEMORY_HOST) {
        memcpy(number, (const char*)view->data + g->planes[0].offset, sizeof(*number));
        return CUFRAMES_OK;
    }
    char* pixels = malloc(g->frame_size);
    cuframes_image image;
    CUFRAMES_INIT(image);
    image.memory = CUFRAMES_MEMORY_HOST;
    image.plane_count = g->plane_count;
    for (uint32_t i = 0; i < g->plane_count; ++i) {
        image.planes[i] = pixels + g->planes[i].offset;
        image.pitch[i] = g->planes[i].pitch;
    }
    const int result = cuframes_frame_read(frame, &image);
    memcpy(number, pixels + g->planes[0].offset, sizeof(*number));
    free(pixels);
    return result;
}

static void print_frame(const cuframes_frame_view* view) {
    printf("frame %" PRIu64 "  %s %ux%u  ", view->sequence, view->geometry->format, view->geometry->width,
           view->geometry->height);
    if (view->pts != CUFRAMES_TIME_NONE) {
        printf("latency %.3f ms  ", ((double)now_ns() - (double)view->pts) / 1e6);
    }
    printf("missed %" PRIu64 "%s\n", view->missed, view->discontinuity ? "  discontinuity" : "");
}

static int use_frame(const cuframes_frame* frame, const struct options* options) {
    const cuframes_frame_view* view = cuframes_frame_get(frame);
    if (!options->quiet) {
        print_frame(view);
    }
    if (!options->check) {
        return EXIT_SUCCESS;
    }
    uint64_t number = 0;
    if (read_number(frame, &number) != CUFRAMES_OK) {
        return complain("reading a frame");
    }
    if (number != view->offset) {
        fprintf(stderr, "subscribe: frame %" PRIu64 " has the pixels of %" PRIu64 "\n", view->offset, number);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int run(const struct options* options) {
    for (uint64_t received = 0; options->count == 0 || received < options->count; ++received) {
        cuframes_frame* frame = NULL;
        const int result = cuframes_subscriber_next(subscriber, -1, &frame);
        if (result == CUFRAMES_ERROR_EOS || result == CUFRAMES_ERROR_INTERRUPTED) {
            return EXIT_SUCCESS;
        }
        if (result != CUFRAMES_OK) {
            return complain("waiting for a frame");
        }
        const int status = use_frame(frame, options);
        cuframes_frame_unref(frame); // From here on its slot can be written again.
        if (status != EXIT_SUCCESS) {
            return status;
        }
    }
    return EXIT_SUCCESS;
}

static void print_summary(void) {
    cuframes_subscriber_stats stats;
    CUFRAMES_INIT(stats);
    if (cuframes_subscriber_get_stats(subscriber, &stats) == CUFRAMES_OK) {
        printf("received %" PRIu64 ", skipped %" PRIu64 ", lost %" PRIu64 ", reconnects %" PRIu64 "\n", stats.received,
               stats.skipped, stats.lost, stats.reconnects);
    }
}

static void print_usage(FILE* to) {
    fputs("usage: subscribe [OPTIONS] KEY\n"
          "  --strict          every frame in order; else always the newest\n"
          "  --count N         end after so many frames; 0: at the end of the stream\n"
          "  --check           compare the number drawn into each frame with the ring's\n"
          "  --quiet           no line for each frame\n"
          "  --directory DIR   where the socket is; else $CUFRAMES_DIR or the usual place\n",
          to);
}

static struct options parse(int argc, char** argv) {
    static const struct option names[] = {
        {"strict", no_argument, NULL, 's'},
        {"count", required_argument, NULL, 'n'},
        {"check", no_argument, NULL, 'c'},
        {"quiet", no_argument, NULL, 'q'},
        {"directory", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, '?'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {0};
    for (int chosen; (chosen = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (chosen) {
        case 's':
            options.strict = true;
            break;
        case 'n':
            options.count = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            options.check = true;
            break;
        case 'q':
            options.quiet = true;
            break;
        case 'd':
            options.directory = optarg;
            break;
        default:
            print_usage(stderr);
            exit(EXIT_FAILURE);
        }
    }
    if (optind != argc - 1) {
        print_usage(stderr);
        exit(EXIT_FAILURE);
    }
    options.key = argv[optind];
    return options;
}

int main(int argc, char** argv) {
    const struct options options = parse(argc, argv);
    cuframes_subscriber_options subscriber_options;
    CUFRAMES_INIT(subscriber_options);
    subscriber_options.key = options.key;
    subscriber_options.directory = options.directory;
    subscriber_options.mode = options.strict ? CUFRAMES_MODE_STRICT : CUFRAMES_MODE_NEWEST;
    subscriber_options.on_state = report_state;
    if (cuframes_subscriber_create(&subscriber_options, &subscriber) != CUFRAMES_OK) {
        return complain("subscribing");
    }
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    const int status = run(&options);
    print_summary();
    cuframes_subscriber_destroy(subscriber);
    return status;
}
