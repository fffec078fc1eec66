// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Runs a fuzz target with its corpus and with what becomes of that, for compilers that have no fuzzer of their own:
//
//     fuzz-X                 so many inputs, always the same ones
//     fuzz-X FILE…           these inputs
//     fuzz-X --corpus DIR    writes the corpus there, for libFuzzer
//
// $CUFRAMES_FUZZ_RUNS, $CUFRAMES_FUZZ_SEED and $CUFRAMES_FUZZ_FIRST: how many, which ones, and from which on. An input that
// ends the program is told by these, and written to a file.
#include "fuzz.h"
#include "mutate.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

// Of the sanitizers, where they are there: their errors end the program without a signal.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace cuframes::fuzz {

namespace {

bool through = false;
Bytes current;
uint64_t current_run = 0;

uint64_t from_environment(const char* name, uint64_t fallback) {
    const char* value = std::getenv(name);
    return value ? std::strtoull(value, nullptr, 10) : fallback;
}

const uint64_t seed = from_environment("CUFRAMES_FUZZ_SEED", 20261126);

void tell_of_end() {
    static bool told = false;
    if (std::exchange(told, true)) {
        return;
    }
    std::fprintf(stderr, "fuzz: input %llu ended it; again: CUFRAMES_FUZZ_SEED=%llu CUFRAMES_FUZZ_FIRST=%llu\n",
                 static_cast<unsigned long long>(current_run), static_cast<unsigned long long>(seed),
                 static_cast<unsigned long long>(current_run));
    std::ofstream("fuzz-input").write(reinterpret_cast<const char*>(current.data()), std::ssize(current));
}

void end_by_signal(int number) {
    tell_of_end();
    std::signal(number, SIG_DFL);
    std::raise(number);
}

void tell_when_it_ends() {
    std::signal(SIGABRT, end_by_signal);
    std::signal(SIGALRM, end_by_signal);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(tell_of_end);
    } else {
        std::signal(SIGSEGV, end_by_signal);
        std::signal(SIGBUS, end_by_signal);
    }
}

/// True: behind every check.
bool run(Bytes input) {
    constexpr unsigned too_long = 60; // Seconds: each takes less than a thousandth of one.
    through = false;
    current = std::move(input);
    ::alarm(too_long);
    LLVMFuzzerTestOneInput(current.data(), current.size());
    ::alarm(0);
    return through;
}

int run_files(std::span<char*> names) {
    for (const char* name : names) {
        std::ifstream file(name, std::ios::binary);
        const bool whole = run(Bytes(std::istreambuf_iterator<char>(file), {}));
        std::printf("%s: %s\n", name, whole ? "got through" : "was refused");
    }
    return EXIT_SUCCESS;
}

int write_corpus(const std::string& folder) {
    size_t number = 0;
    for (const Bytes& input : corpus()) {
        std::ofstream(folder + "/" + std::to_string(number++), std::ios::binary)
            .write(reinterpret_cast<const char*>(input.data()), std::ssize(input));
    }
    return EXIT_SUCCESS;
}

/// A target whose corpus does not get through, or hardly anything of what is made of it, tests its first check only.
int run_all() {
    const std::vector<Bytes> sound = corpus();
    for (size_t i = 0; i < sound.size(); ++i) {
        if (!run(sound[i])) {
            std::fprintf(stderr, "fuzz: number %zu of the corpus, which is sound, does not get through\n", i);
            return EXIT_FAILURE;
        }
    }
    const uint64_t first = from_environment("CUFRAMES_FUZZ_FIRST", 0);
    const uint64_t runs = from_environment("CUFRAMES_FUZZ_RUNS", 2000);
    uint64_t got = 0;
    for (current_run = first; current_run < first + runs; ++current_run) {
        Random random(seed * 1'000'003 + current_run);
        got += run(mutated(sound, random)) ? 1 : 0;
    }
    finish();
    std::printf("%llu inputs, %llu of them got behind every check\n", static_cast<unsigned long long>(runs),
                static_cast<unsigned long long>(got));
    return got * 50 >= runs ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

void got_through() { through = true; }

void must(bool is, const char* what) {
    if (!is) {
        std::fprintf(stderr, "fuzz: %s\n", what);
        std::abort();
    }
}

} // namespace cuframes::fuzz

int main(int argc, char** argv) {
    using namespace cuframes::fuzz;
    tell_when_it_ends();
    const std::span<char*> arguments(argv + 1, static_cast<size_t>(argc - 1));
    if (arguments.size() == 2 && std::string(arguments[0]) == "--corpus") {
        return write_corpus(arguments[1]);
    }
    return arguments.empty() ? run_all() : run_files(arguments);
}
