# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout comes from ./dev
# What ./dev does once it is where GStreamer is new enough: build, and run things with what was built.

build=$checkout/build/$CUFRAMES_DEV_ENVIRONMENT
# For Meson, which finds nanobind there, and for tests.
export PYTHONPATH=${CUFRAMES_DEV_PYTHON:-}${PYTHONPATH:+:$PYTHONPATH}

# Meson takes ccache where it is installed. What was compiled once serves every checkout: paths below this one do not
# count, nor does the folder that debuggers are told. The precompiled headers of the tests need the rest.
export CCACHE_DIR=${CCACHE_DIR:-$CUFRAMES_DEV_CACHE/ccache} CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-2G}
export CCACHE_BASEDIR=$checkout CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros

# Debug information takes a quarter of the compilers' time. Who reads a report needs lines, and not values, which a debugger
# shows: so CI, and the build with sanitizers, make no more.
line_tables=(-Ddebug=false -Dc_args=-g1 -Dcpp_args=-g1)

# configure FOLDER OPTION…: once for the same options; Meson itself notices later changes of its files.
configure() {
    local folder=$1 options stamp
    shift
    options="-Dwerror=$(warnings_are_errors) -Dcuda-include=$CUFRAMES_DEV_CUDA_INCLUDE $*"
    [ -z "${CI:-}" ] || [[ $options == *" ${line_tables[*]}"* ]] || options+=" ${line_tables[*]}"
    # Meson keeps where it found nanobind, and that changes with the list of packages.
    stamp="$options ${CUFRAMES_DEV_PYTHON%%:*}"
    if [ ! -e "$folder/build.ninja" ] || [ "$(cat "$folder/.options" 2>/dev/null)" != "$stamp" ]; then
        rm -rf "$folder"
        # shellcheck disable=SC2086 # several options
        long_step "$folder.log" "Configuring ${folder#"$checkout"/}" meson setup "$folder" "$checkout" $options ||
            fail "Meson could not configure the build." "The reason is above, and in $folder/meson-logs/meson-log.txt"
        echo "$stamp" >"$folder/.options"
    elif [ "$(cat "$folder/.python" 2>/dev/null)" != "$CUFRAMES_DEV_PYTHON" ]; then
        # What tests need has come since, and which tests there are depends on it.
        long_step "$folder.log" "Looking again at ${folder#"$checkout"/}" meson setup --reconfigure "$folder" ||
            fail "Meson could not configure the build." "The reason is above, and in $folder/meson-logs/meson-log.txt"
    fi
    echo "$CUFRAMES_DEV_PYTHON" >"$folder/.python"
}

# In CI, and where the compiler is the known one of the private root: a newer host's new warnings stop nobody's demo.
warnings_are_errors() {
    if [ -n "${CI:-}" ] || [ -n "${CUFRAMES_DEV_ROOT:-}" ]; then echo true; else echo false; fi
}

# compile FOLDER [TARGET…]
compile() {
    local folder=$1
    shift
    # Nothing to do is the common case, and should not look like work.
    if ninja -C "$folder" -n "$@" 2>/dev/null | grep -q 'no work to do'; then
        return 0
    fi
    long_step "$folder.log" "Building ${folder#"$checkout"/}" ninja -C "$folder" ${CUFRAMES_JOBS:+-j "$CUFRAMES_JOBS"} "$@" ||
        fail "The build failed." "The first error is in $folder.log"
}

# build_project [all]: what users run; with `all` the tests too, which take several times as long.
build_project() {
    local targets=()
    mkdir -p "$checkout/build"
    exec 9>"$checkout/build/.lock"
    flock 9
    configure "$build"
    # Which targets there are is known once Meson has looked at its files again, if they changed.
    compile "$build" build.ninja
    [ "${1:-}" = all ] || mapfile -t targets < <(product_targets)
    compile "$build" "${targets[@]}"
    exec 9>&-
}

# Everything that is not defined in tests/.
product_targets() {
    python3 - "$checkout/tests/" "$build" <<'END'
import json, os, sys
tests, build = sys.argv[1:]
for target in json.load(open(f"{build}/meson-info/intro-targets.json")):
    if not target["defined_in"].startswith(tests) and target["build_by_default"]:
        print("\n".join(os.path.relpath(name, build) for name in target["filename"]))
END
}

# Puts what was built in front of what the system has.
use_build() {
    local folder=$1
    export GST_PLUGIN_PATH=$folder/gst${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
    export LD_LIBRARY_PATH=$folder/lib/cuframes:$folder/lib/cuframes-gst${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export GI_TYPELIB_PATH=$folder/lib/cuframes-gst${GI_TYPELIB_PATH:+:$GI_TYPELIB_PATH}
    export PYTHONPATH=$folder/lib/python${PYTHONPATH:+:$PYTHONPATH}
    export PATH=$folder/lib/tools:$folder/examples/c:$PATH
    export GST_REGISTRY=$folder/gst-registry.bin
    export CUFRAMES_BUILD=$folder
}
