# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout and build come from ./dev and inside.sh
# ./dev gpu-bundle: one archive with the built project and everything it needs to run (GStreamer, its NVIDIA plugin,
# Python with PyGObject, test programs), for a GPU host that has a driver and nothing else.

bundle_limit=$((64 << 20))
library_folder=/usr/lib/$(gcc -dumpmachine)

# PLUGINS replaces the list.
bundle_plugins=${PLUGINS:-app coreelements debug interleave isomp4 jpeg jpegformat matroska mpegtsdemux mpegtsmux multifile
    nvcodec playback png proxy rawparse rtp rtpmanager rtsp shm tcp typefindfunctions udp unixfd videoconvertscale
    videofilter videoparsersbad videorate videotestsrc x264 libav}
# Left out first when the archive grows too big: software codecs, which a GPU host can do without.
bundle_optional='libav x264'

make_bundle() {
    local out=${1:-$build-gpu.tgz} work optional
    case $out in /*) ;; *) out=$PWD/$out ;; esac
    work=$(mktemp -d)
    build_bundle "$work" "$out"
    for optional in $bundle_optional; do
        [ "$(stat -c %s "$out")" -ge "$bundle_limit" ] || break
        say "Too big ($(stat -c %s "$out") bytes): leaving the plugin $optional out"
        bundle_plugins=$(echo "$bundle_plugins" | tr -s ' \n' '\n' | grep -vx "$optional")
        build_bundle "$work" "$out"
    done
    rm -rf "$work"
    [ "$(stat -c %s "$out")" -lt "$bundle_limit" ] ||
        fail "The archive has $(stat -c %s "$out") bytes, more than $bundle_limit." "Name fewer plugins in PLUGINS."
    say "$out: $(stat -c %s "$out") bytes"
    cat >&2 <<END
On the GPU host:  mkdir gpu && tar -C gpu -xzf ${out##*/} && gpu/enter gst-inspect-1.0 cuframessink
                  gpu/enter cuframes-tests [SUITE…]
END
}

build_bundle() {
    local work=$1 out=$2
    say "Collecting the files"
    {
        wanted_system_files
        wanted_project_files
    } | sort -u >"$work/wanted"
    { cat "$work/wanted"; built_files; } | needed_libraries | grep -v "^$build/" >"$work/libraries"
    cat "$work/wanted" "$work/libraries" | with_link_targets | sort -u >"$work/files"
    bundle_extras "$work/extra"
    copy_built_files "$work/extra"
    say "Packing $(wc -l <"$work/files") files"
    tar -C / --no-recursion --files-from="$work/files" -cf "$work/bundle.tar"
    tar -C "$work/extra" -rf "$work/bundle.tar" .
    gzip -6 <"$work/bundle.tar" >"$out"
}

wanted_system_files() {
    local name
    for name in $bundle_plugins; do
        existing "$library_folder/gstreamer-1.0/libgst$name.so"
    done
    for name in bash sh env ls cat cp mv rm ln mkdir mktemp sleep kill ps pgrep timeout seq date head tail grep sed awk mawk sort wc \
        ldd id chmod chown stat setsid unshare mount umount readlink dirname basename tee true false cmp md5sum sha256sum find \
        gst-launch-1.0 gst-inspect-1.0 python3; do
        [ ! -e "/usr/bin/$name" ] || echo "/usr/bin/$name"
    done
    existing /usr/sbin/pivot_root
    existing "$library_folder/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner"
    # Opened by name at run time, by the driver's libraries or through PyGObject, so no program's needs list them.
    for name in libdl.so.2 librt.so.1 libpthread.so.0 libm.so.6 libutil.so.1 libresolv.so.2 libgcc_s.so.1 libstdc++.so.6 \
        libgstcuda-1.0.so.0 libgirepository-1.0.so.1 libgstrtspserver-1.0.so.0 libgstcheck-1.0.so.0; do
        existing "$library_folder/$name"
    done
    find "$library_folder/girepository-1.0" /usr/lib/python3.*[0-9] /usr/lib/python3/dist-packages/{gi,numpy,_pytest,pytest,pluggy,iniconfig,packaging} \
        \( -type f -o -type l \) ! -path '*__pycache__*' ! -path '*/test/*' ! -path '*/tests/*' ! -path '*/idlelib/*' \
        ! -path '*/ensurepip/*' ! -path '*/tkinter/*' ! -path '*/pydoc_data/*' ! -path '*/config-3*' ! -name '*.a' \
        ! -path '*/lib2to3/*' ! -path '*/numpy/f2py/*' 2>/dev/null || true
}

# What is run without being built: scripts of tests and examples.
wanted_project_files() {
    find "$checkout/tests" "$checkout/examples" -type f -perm -u+x
    find "$checkout/tests" "$checkout/examples" -type f -name '*.py'
}

# Programs, libraries and plugins as built.
built_files() {
    find "$build" \( -type f -o -type l \) ! -path '*/tests/packaging/*' ! -path '*.p/*' ! -path '*/meson-*' ! -name '*.o' ! -name '*.a' ! -name '*.ninja*' \
        ! -name '.ninja*' ! -name '*.log' ! -name 'compile_commands.json' ! -name 'gst-registry*.bin'
}

existing() {
    if [ -e "$1" ]; then
        echo "$1"
    else
        say "not here, left out: $1"
    fi
}

# Every shared library that one of the files on stdin needs.
needed_libraries() {
    local file
    while read -r file; do
        case $file in *.py | *.pyi | *.typelib | *.h) continue ;; esac
        if [ -f "$file" ] && [ "$(head -c 4 "$file" | tr -d '\0')" = $'\x7fELF' ]; then echo "$file"; fi
    done | xargs -r ldd 2>/dev/null | grep -oE '/[^ :]+\.so[^ :]*' | sort -u
    existing "/lib64/ld-linux-x86-64.so.2"
}

# Paths relative to / and through /usr (Debian's /lib is a link there), with every link on the way to the real file.
with_link_targets() {
    local file
    while read -r file; do
        while :; do
            file=$(realpath --no-symlinks "$file" | sed -E 's#^/(bin|sbin|lib|lib64)/#/usr/\1/#')
            echo "${file#/}"
            [ -L "$file" ] || break
            file=$(cd "${file%/*}" && realpath --no-symlinks "$(readlink "$file")")
        done
    done
}

# What the archive has beside packed files: the way in, the list of tests, and the links that Debian has at the top.
bundle_extras() {
    local extra=$1 name
    rm -rf "$extra"
    mkdir -p "$extra"/{dev,proc,sys,tmp,run,etc/ssl/certs,usr/bin,usr/lib/nvidia-driver,var/tmp,root}
    for name in bin sbin lib lib64; do
        ln -s "usr/$name" "$extra/$name"
    done
    cp "$checkout/utils/dev/enter-root" "$extra/.enter-root"
    cp "$checkout/utils/dev/bundle-tests.py" "$extra/usr/bin/cuframes-tests"
    meson introspect --tests "$build" >"$extra/etc/cuframes-tests.json"
    bundle_entry >"$extra/enter"
    chmod +x "$extra/enter" "$extra/.enter-root" "$extra/usr/bin/cuframes-tests"
}

# Without debug information, which is most of a test program.
copy_built_files() {
    local extra=$1 file
    built_files | sed 's#^/##' | tar -C / --files-from=- -cf - | tar -C "$extra" -xf -
    find "$extra$build" -type f | while read -r file; do
        if [ "$(head -c 4 "$file" | tr -d '\0')" = $'\x7fELF' ]; then strip --strip-debug "$file"; fi
    done
}

bundle_entry() {
    cat <<END
#!/bin/bash
# enter CMD [ARG…]: runs a command in this folder with the built cuframes and the host's NVIDIA driver in place.
here=\$(dirname "\$(readlink -f "\${BASH_SOURCE[0]}")")
export CUFRAMES_KEEP='$checkout'
exec "\$here/.enter-root" "\$here" env CUFRAMES_BUILD='$build' GST_REGISTRY="/tmp/cuframes-registry-\$(id -u).bin" \\
    PATH="$build/lib/tools:\$PATH" GST_PLUGIN_PATH='$build/gst' GI_TYPELIB_PATH='$build/lib/cuframes-gst' \\
    PYTHONPATH='$build/lib/python' \\
    LD_LIBRARY_PATH='$build/lib/cuframes:$build/lib/cuframes-gst:/usr/lib/nvidia-driver' "\$@"
END
}
