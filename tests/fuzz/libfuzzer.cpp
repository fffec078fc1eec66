// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A target with libFuzzer, which is part of clang:
//
//     meson setup BUILD -Db_sanitize=address,undefined -Db_lundef=false -Dgst=disabled -Dcpp_args=-fsanitize=fuzzer-no-link
//     BUILD/tests/fuzz/fuzz-X --corpus DIR && BUILD/tests/fuzz/libfuzzer-X DIR
#include "fuzz.h"

#include <cstdio>
#include <cstdlib>

void cuframes::fuzz::got_through() {}

void cuframes::fuzz::must(bool is, const char* what) {
    if (!is) {
        std::fprintf(stderr, "fuzz: %s\n", what);
        std::abort();
    }
}
