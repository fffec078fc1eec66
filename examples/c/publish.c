// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Publishes NV12 test frames, 30 a second, under a key. See them with the other example, or with GStreamer:
//
//     publish my-camera
//     subscribe my-camera
//     gst-launch-1.0 cuframessrc key=my-camera ! videoconvert ! autovideosink
//
// Each frame is a grey ramp that moves, and carries its number in the first eight bytes.
#include <cuframes/cuframes.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct options {
    const char* key;
    const char* directory; // NULL: where everybody looks
    uint32_t width, height, slots, rate;
    uint64_t count; // 0: until Ctrl-C
    bool cuda;
    bool wait; // for slow readers, rather than lapping them
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
    (void)signal_number;
    stopped = 1;
}

static int complain(const char* doing) {
    fprintf(stderr, "publish: %s: %s\n", doing, cuframes_last_error_message());
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

// How an NV12 frame lies in a slot: a plane of luma, then one of interleaved chroma at half the height. The pitch is
// the producer's choice; GPUs like rows that begin at multiples of 256 bytes.
static cuframes_geometry nv12(uint32_t width, uint32_t height) {
    const uint32_t pitch = (width + 255) / 256 * 256;
    cuframes_geometry g;
    CUFRAMES_INIT(g);
    g.width = width;
    g.height = height;
    g.plane_count = 2;
    snprintf(g.format, sizeof(g.format), "NV12");
    g.planes[0] = (cuframes_plane){.offset = 0, .pitch = pitch, .row_bytes = width, .rows = height};
    g.planes[1] = (cuframes_plane){
        .offset = (uint64_t)pitch * height,
        .pitch = pitch,
        .row_bytes = (width + 1) / 2 * 2,
        .rows = (height + 1) / 2,
    };
    g.frame_size = g.planes[1].offset + (uint64_t)pitch * g.planes[1].rows;
    return g;
}

static void draw(unsigned char* pixels, const cuframes_geometry* g, uint64_t number) {
    for (uint32_t y = 0; y < g->planes[0].rows; ++y) {
        unsigned char* row = pixels + g->planes[0].offset + (size_t)y * g->planes[0].pitch;
        for (uint32_t x = 0; x < g->planes[0].row_bytes; ++x) {
            row[x] = (unsigned char)(x + y + 2 * number);
        }
    }
    for (uint32_t y = 0; y < g->planes[1].rows; ++y) {
        memset(pixels + g->planes[1].offset + (size_t)y * g->planes[1].pitch, 128, g->planes[1].row_bytes);
    }
    memcpy(pixels, &number, sizeof(number));
}

// GPU memory cannot be drawn into from here: the frame is made in `scratch` and copied. A decoder or a kernel would
// write to cuframes_slot_data() on the GPU, with no copy at all, as draw() does in host memory.
static int fill(cuframes_slot* slot, const cuframes_geometry* g, unsigned char* scratch, uint64_t number) {
    if (!scratch) {
        draw(cuframes_slot_data(slot), g, number);
        return CUFRAMES_OK;
    }
    draw(scratch, g, number);
    cuframes_image image;
    CUFRAMES_INIT(image);
    image.memory = CUFRAMES_MEMORY_HOST;
    image.plane_count = g->plane_count;
    for (uint32_t i = 0; i < g->plane_count; ++i) {
        image.planes[i] = scratch + g->planes[i].offset;
        image.pitch[i] = g->planes[i].pitch;
    }
    return cuframes_slot_write(slot, &image);
}

static int publish_frame(cuframes_publisher* publisher, const cuframes_geometry* g, unsigned char* scratch,
                         uint64_t number) {
    cuframes_slot* slot = NULL;
    int result = cuframes_publisher_acquire(publisher, CUFRAMES_ACQUIRE_DEFAULT, &slot);
    if (result == CUFRAMES_ERROR_NO_FREE_SLOT) {
        return cuframes_publisher_drop(publisher); // Readers learn of the gap; the next frame may find a slot.
    }
    if (result != CUFRAMES_OK) {
        return result;
    }

    cuframes_frame_info info;
    CUFRAMES_INIT(info);
    info.pts = cuframes_some(now_ns()); // A camera would say when the picture was taken.
    info.offset = cuframes_some(number);
    info.offset_end = cuframes_some(number + 1);
    result = fill(slot, g, scratch, number);
    if (result == CUFRAMES_OK) {
        result = cuframes_slot_publish(slot, &info, CUFRAMES_DEFAULT_STREAM);
    }
    cuframes_slot_release(slot);
    return result;
}

static int run(cuframes_publisher* publisher, const struct options* options) {
    char caps[256];
    snprintf(caps, sizeof(caps), "video/x-raw, format=NV12, width=%u, height=%u, framerate=%u/1", options->width,
             options->height, options->rate);
    cuframes_ring_config config;
    CUFRAMES_INIT(config);
    config.memory = options->cuda ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST;
    const cuframes_geometry geometry = nv12(options->width, options->height);
    config.geometry = &geometry;
    config.caps = caps;
    if (cuframes_publisher_configure(publisher, &config) != CUFRAMES_OK) {
        return complain("making the ring");
    }
    printf("publishing at %s\n", cuframes_publisher_socket_path(publisher));
    fflush(stdout);

    unsigned char* scratch = options->cuda ? malloc(geometry.frame_size) : NULL;
    int result = CUFRAMES_OK;
    uint64_t due = now_ns();
    for (uint64_t number = 1; !stopped && result == CUFRAMES_OK; ++number) {
        sleep_until(due);
        due += 1000000000u / options->rate;
        result = publish_frame(publisher, &geometry, scratch, number);
        if (number == options->count) {
            break;
        }
    }
    free(scratch);
    if (result != CUFRAMES_OK) {
        return complain("publishing");
    }
    cuframes_publisher_eos(publisher);
    return EXIT_SUCCESS;
}

static void print_summary(cuframes_publisher* publisher) {
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    if (cuframes_publisher_get_stats(publisher, &stats) == CUFRAMES_OK) {
        printf("published %llu, dropped %llu, copied %llu, subscribers %u\n", (unsigned long long)stats.published,
               (unsigned long long)stats.dropped, (unsigned long long)stats.copied, stats.subscribers);
    }
}

static void print_usage(FILE* to) {
    fputs("usage: publish [OPTIONS] KEY\n"
          "  --cuda            in GPU memory; else in host memory\n"
          "  --width N         1280\n"
          "  --height N        720\n"
          "  --rate N          frames a second, 30\n"
          "  --count N         frames in all, 0: until Ctrl-C\n"
          "  --slots N         frames that the ring holds, 0: as many as its readers need\n"
          "  --wait            wait for strict subscribers that are slow, rather than lap them\n"
          "  --directory DIR   where the socket is made; else $CUFRAMES_DIR or the usual place\n",
          to);
}

static uint32_t number_from(const char* text, const char* name, uint32_t least) {
    char* end = NULL;
    const unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < least || value > 1000000000ul) {
        fprintf(stderr, "publish: --%s wants a number of at least %u, not '%s'\n", name, least, text);
        exit(EXIT_FAILURE);
    }
    return (uint32_t)value;
}

static struct options parse(int argc, char** argv) {
    static const struct option names[] = {
        {"cuda", no_argument, NULL, 'c'},         {"width", required_argument, NULL, 'w'},
        {"height", required_argument, NULL, 'h'}, {"rate", required_argument, NULL, 'r'},
        {"count", required_argument, NULL, 'n'},  {"slots", required_argument, NULL, 's'},
        {"wait", no_argument, NULL, 'l'},         {"directory", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, '?'},         {NULL, 0, NULL, 0},
    };
    struct options options = {.width = 1280, .height = 720, .rate = 30};
    for (int chosen; (chosen = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (chosen) {
        case 'c':
            options.cuda = true;
            break;
        case 'w':
            options.width = number_from(optarg, "width", 8);
            break;
        case 'h':
            options.height = number_from(optarg, "height", 2);
            break;
        case 'r':
            options.rate = number_from(optarg, "rate", 1);
            break;
        case 'n':
            options.count = number_from(optarg, "count", 0);
            break;
        case 's':
            options.slots = number_from(optarg, "slots", 0);
            break;
        case 'l':
            options.wait = true;
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
    signal(SIGINT, stop);
    signal(SIGTERM, stop);

    cuframes_publisher_options publisher_options;
    CUFRAMES_INIT(publisher_options);
    publisher_options.key = options.key;
    publisher_options.directory = options.directory;
    publisher_options.slots = options.slots;
    publisher_options.policy = options.wait ? CUFRAMES_POLICY_WAIT : CUFRAMES_POLICY_DROP;
    cuframes_publisher* publisher = NULL;
    if (cuframes_publisher_create(&publisher_options, &publisher) != CUFRAMES_OK) {
        return complain("taking the key");
    }
    const int status = run(publisher, &options);
    print_summary(publisher);
    cuframes_publisher_destroy(publisher);
    return status;
}
