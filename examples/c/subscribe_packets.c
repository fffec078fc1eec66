// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Writes the packets of a camera to a file, from some seconds before now on:
//
//     subscribe_packets --preroll 10 my-camera.h264 event.h264
//
// The file begins with a keyframe, so that what reads H.264 byte streams plays it: "ffplay event.h264". Other codecs need a
// container, whose writer wants what stands in view->caps, and the times. The publisher is publish_packets, or a pipeline
// that ends in "h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream ! cuframessink key=my-camera.h264".
#include <cuframes/cuframes.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct options {
    const char* key;
    const char* file;
    const char* directory; // NULL: where everybody looks
    double preroll;        // seconds before now; below 0: with the newest keyframe that there is
    uint64_t count;        // 0: until the stream ends
};

static cuframes_subscriber* subscriber;

// Async-signal-safe: it makes next_packet() return at once.
static void stop(int signal_number) {
    (void)signal_number;
    cuframes_subscriber_set_interrupted(subscriber, true);
}

static int complain(const char* doing) {
    fprintf(stderr, "subscribe_packets: %s: %s\n", doing, cuframes_last_error_message());
    return EXIT_FAILURE;
}

static double seconds_since(uint64_t then) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec - (double)then / 1e9 + (double)now.tv_nsec / 1e9;
}

static int subscribe(const struct options* options) {
    cuframes_subscriber_options chosen;
    CUFRAMES_INIT(chosen);
    chosen.key = options->key;
    chosen.directory = options->directory;
    chosen.content = CUFRAMES_CONTENT_PACKETS;
    chosen.mode = CUFRAMES_MODE_STRICT; // A publisher that waits, waits for us.
    chosen.start = CUFRAMES_START_KEYFRAME;
    if (options->preroll >= 0) {
        chosen.start = CUFRAMES_START_PREROLL;
        chosen.preroll = (uint64_t)(options->preroll * 1e9);
    }
    return cuframes_subscriber_create(&chosen, &subscriber);
}

// May the file be a pipe whose reader is slow: the log holds the next packets meanwhile, for as long as it is.
static int write_packet(const cuframes_packet_view* view, uint64_t number, FILE* file) {
    if (number == 0 && view->pts != CUFRAMES_TIME_NONE) {
        fprintf(stderr, "begins %.3f s ago, %" PRIu64 " packets before the newest: %s\n", seconds_since(view->pts),
                view->behind, view->caps);
    }
    if (view->missed > 0) { // What follows is a keyframe again.
        fprintf(stderr, "missed %" PRIu64 " packets: they left the log before they were written\n", view->missed);
    }
    if (fwrite(view->data, 1, view->size, file) != view->size) {
        perror("subscribe_packets: writing");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int run(const struct options* options, FILE* file) {
    for (uint64_t written = 0; options->count == 0 || written < options->count; ++written) {
        cuframes_packet* packet = NULL;
        const int result = cuframes_subscriber_next_packet(subscriber, -1, &packet);
        if (result == CUFRAMES_ERROR_EOS || result == CUFRAMES_ERROR_INTERRUPTED) {
            return EXIT_SUCCESS;
        }
        if (result != CUFRAMES_OK) {
            return complain("waiting for a packet");
        }
        const int status = write_packet(cuframes_packet_get(packet), written, file);
        cuframes_packet_unref(packet);
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
        printf("wrote %" PRIu64 " packets, lost %" PRIu64 "\n", stats.received, stats.lost);
    }
}

static void print_usage(void) {
    fputs("usage: subscribe_packets [OPTIONS] KEY FILE\n"
          "  --preroll SECONDS begin so long before now; else with the newest keyframe that there is\n"
          "  --count N         end after so many packets; 0: at the end of the stream\n"
          "  --directory DIR   where the socket is; else $CUFRAMES_DIR or the usual place\n",
          stderr);
    exit(EXIT_FAILURE);
}

static struct options parse(int argc, char** argv) {
    static const struct option names[] = {
        {"preroll", required_argument, NULL, 'p'},
        {"count", required_argument, NULL, 'n'},
        {"directory", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.preroll = -1};
    for (int chosen; (chosen = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (chosen) {
        case 'p':
            options.preroll = strtod(optarg, NULL);
            break;
        case 'n':
            options.count = strtoull(optarg, NULL, 10);
            break;
        case 'd':
            options.directory = optarg;
            break;
        default:
            print_usage();
        }
    }
    if (optind != argc - 2) {
        print_usage();
    }
    options.key = argv[optind];
    options.file = argv[optind + 1];
    return options;
}

int main(int argc, char** argv) {
    const struct options options = parse(argc, argv);
    FILE* file = fopen(options.file, "wb");
    if (!file) {
        perror(options.file);
        return EXIT_FAILURE;
    }
    if (subscribe(&options) != CUFRAMES_OK) {
        return complain("subscribing");
    }
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    int status = run(&options, file);
    if (fclose(file) != 0) {
        perror(options.file);
        status = EXIT_FAILURE;
    }
    print_summary();
    cuframes_subscriber_destroy(subscriber);
    return status;
}
