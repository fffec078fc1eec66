// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Publishes what an encoder made: the pictures of an H.264 file, one after the other, as a camera would send them. Record
// them with the other example, or see them with GStreamer:
//
//     publish_packets --loop my-camera.h264 film.h264
//     subscribe_packets --preroll 10 my-camera.h264 event.h264
//     gst-launch-1.0 cuframessrc key=my-camera.h264 start=keyframe ! h264parse ! avdec_h264 ! autovideosink
//
// The file is a byte stream (Annex B) without B-frames, as "x264enc tune=zerolatency" or "x264 --tune zerolatency" makes it.
// It is only there to have something: a program with an encoder of its own needs create() and publish() alone.
#include <cuframes/cuframes.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct options {
    const char* key;
    const char* film;
    const char* directory; // NULL: where everybody looks
    uint32_t rate;
    bool loop; // until Ctrl-C
    bool wait; // for a reader to begin with, and for slow ones
};

struct bytes {
    unsigned char* at;
    size_t size;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
    (void)signal_number;
    stopped = 1;
}

static int complain(const char* doing) {
    fprintf(stderr, "publish_packets: %s: %s\n", doing, cuframes_last_error_message());
    return EXIT_FAILURE;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns) {
    const struct timespec due = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

// Keeps the past 15 seconds, in at most 64 MiB; see max_time and max_bytes.
static cuframes_publisher* create(const struct options* options) {
    cuframes_publisher_options chosen;
    CUFRAMES_INIT(chosen);
    chosen.key = options->key;
    chosen.directory = options->directory;
    chosen.content = CUFRAMES_CONTENT_PACKETS;
    chosen.policy = options->wait ? CUFRAMES_POLICY_WAIT : CUFRAMES_POLICY_DROP;
    chosen.wait_timeout_ms = options->wait ? 10000 : 0;
    cuframes_publisher* publisher = NULL;
    if (cuframes_publisher_create(&chosen, &publisher) != CUFRAMES_OK) {
        return NULL;
    }
    // What readers have to know of the stream. This kind has its parameters in band, before each keyframe; for others
    // codec_data=(buffer)… is part of it.
    if (cuframes_publisher_set_caps(publisher, "video/x-h264, stream-format=byte-stream, alignment=au") !=
        CUFRAMES_OK) {
        cuframes_publisher_destroy(publisher);
        return NULL;
    }
    return publisher;
}

// One picture of an encoder. Readers can begin with those that are no delta. `captured`: when it was before the camera, by
// CLOCK_MONOTONIC; an encoder that reorders pictures says info.dts too.
static int publish(cuframes_publisher* publisher, struct bytes picture, bool is_keyframe, uint64_t captured) {
    cuframes_packet_info info;
    CUFRAMES_INIT(info);
    info.delta = !is_keyframe;
    info.pts = cuframes_some(captured);
    const int result = cuframes_publisher_publish_packet(publisher, picture.at, picture.size, &info);
    if (result == CUFRAMES_ERROR_NO_MEMORY) {
        fprintf(stderr, "publish_packets: %s\n", cuframes_last_error_message());
        return CUFRAMES_OK; // Readers learn of the gap, and the stream goes on.
    }
    return result;
}

static size_t next_start_code(struct bytes film, size_t at) {
    while (at + 4 < film.size && (film.at[at] != 0 || film.at[at + 1] != 0 || film.at[at + 2] != 1)) {
        ++at;
    }
    return at + 4 < film.size ? at : film.size;
}

// Cuts the first picture off the film, with all that belongs to it: up to what can only be the beginning of another.
static struct bytes cut_picture(struct bytes* film, bool* is_keyframe) {
    enum { SLICE = 1, KEYFRAME_SLICE = 5, ENHANCEMENT = 6, DELIMITER = 9 };
    bool has_picture = false;
    size_t at = next_start_code(*film, 0);
    for (*is_keyframe = false; at < film->size; at = next_start_code(*film, at + 3)) {
        const int type = film->at[at + 3] & 31;
        const bool is_slice = type == SLICE || type == KEYFRAME_SLICE;
        const bool is_first_slice = is_slice && (film->at[at + 4] & 128) != 0;
        if (has_picture && (is_first_slice || (type >= ENHANCEMENT && type <= DELIMITER))) {
            at -= film->at[at - 1] == 0 ? 1 : 0; // Start codes have three bytes or four.
            break;
        }
        has_picture = has_picture || is_slice;
        *is_keyframe = *is_keyframe || type == KEYFRAME_SLICE;
    }
    const struct bytes picture = {film->at, at};
    film->at += at;
    film->size -= at;
    return picture;
}

static int run(cuframes_publisher* publisher, const struct options* options, struct bytes film) {
    printf("publishing at %s\n", cuframes_publisher_socket_path(publisher));
    fflush(stdout);
    if (options->wait && cuframes_publisher_wait_subscribers(publisher, 1, -1) != CUFRAMES_OK) {
        return complain("waiting for a reader");
    }
    uint64_t due = now_ns();
    do {
        for (struct bytes left = film; left.size > 0 && !stopped; due += 1000000000u / options->rate) {
            sleep_until(due);
            bool is_keyframe = false;
            const struct bytes picture = cut_picture(&left, &is_keyframe);
            if (publish(publisher, picture, is_keyframe, due) != CUFRAMES_OK) {
                return complain("publishing");
            }
        }
    } while (options->loop && !stopped);
    cuframes_publisher_eos(publisher);
    return EXIT_SUCCESS;
}

static void print_summary(cuframes_publisher* publisher) {
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    cuframes_packet_window window;
    CUFRAMES_INIT(window);
    if (cuframes_publisher_get_stats(publisher, &stats) == CUFRAMES_OK &&
        cuframes_publisher_get_packet_window(publisher, &window) == CUFRAMES_OK) {
        printf("published %" PRIu64 ", dropped %" PRIu64 "; kept %" PRIu64 " with %" PRIu32 " keyframes\n",
               stats.published, stats.dropped, window.packets, window.keyframes);
    }
}

static struct bytes read_film(const char* name) {
    struct bytes film = {NULL, 0};
    FILE* file = fopen(name, "rb");
    if (file && fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0) {
        film.size = (size_t)ftell(file);
        film.at = malloc(film.size);
    }
    if (!film.at || fseek(file, 0, SEEK_SET) != 0 || fread(film.at, 1, film.size, file) != film.size) {
        fprintf(stderr, "publish_packets: cannot read a film from %s\n", name);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    return film;
}

static void print_usage(void) {
    fputs("usage: publish_packets [OPTIONS] KEY FILM.h264\n"
          "  --rate N          pictures a second: 25\n"
          "  --loop            begin again at the end of the film\n"
          "  --wait            wait for a reader, and for slow ones\n"
          "  --directory DIR   where the socket is made; else $CUFRAMES_DIR or the usual place\n",
          stderr);
    exit(EXIT_FAILURE);
}

static struct options parse(int argc, char** argv) {
    static const struct option names[] = {
        {"rate", required_argument, NULL, 'r'},
        {"loop", no_argument, NULL, 'l'},
        {"wait", no_argument, NULL, 'w'},
        {"directory", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.rate = 25};
    for (int chosen; (chosen = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (chosen) {
        case 'r':
            options.rate = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'l':
            options.loop = true;
            break;
        case 'w':
            options.wait = true;
            break;
        case 'd':
            options.directory = optarg;
            break;
        default:
            print_usage();
        }
    }
    if (optind != argc - 2 || options.rate == 0) {
        print_usage();
    }
    options.key = argv[optind];
    options.film = argv[optind + 1];
    return options;
}

int main(int argc, char** argv) {
    const struct options options = parse(argc, argv);
    const struct bytes film = read_film(options.film);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    cuframes_publisher* publisher = create(&options);
    if (!publisher) {
        return complain("taking the key");
    }
    const int status = run(publisher, &options, film);
    print_summary(publisher);
    cuframes_publisher_destroy(
        publisher); // Readers that are attached still get what they have yet to read, and the end.
    free(film.at);
    return status;
}
