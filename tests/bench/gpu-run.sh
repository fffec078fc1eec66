#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#     gpu-run.sh BUILD [CLIP.mp4…]
#
# Everything that only a real GPU can answer, in one go of a few minutes: decoded frames compared with the decoder's
# own, namespaces, the benchmark beside cudaipcsink and cudaipcsrc, the demo, and the conformance suite over GPU memory.
# BUILD is the build folder, CLIPs are H.264 files. Logs of all steps go to $OUT (default: ./gpu-run); the tables come
# last. $SECONDS_IN_ALL (560) bounds the whole; $ONLY names the steps to run, by the first word of their name.
set -u
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
demo=$here/../../examples/demo/demo.py
build=$(cd "${1:?the build folder is needed}" && pwd) || exit 2
shift
clips=("$@")
mkdir -p "${OUT:=gpu-run}"
out=$(cd "$OUT" && pwd)

export GST_PLUGIN_PATH=$build/gst GST_REGISTRY=$out/gst-registry.bin
export LD_LIBRARY_PATH=$build/lib/cuframes${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
bench=(python3 "$here/bench.py" --programs "$build/tests/bench" --memory cuda)
steps=() failed=0

# step NAME SECONDS COMMAND…
step() {
    local name=$1 limit=$2 start=$SECONDS status verdict=ok
    shift 2
    if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" ${name%%-*} "* ]]; then
        return
    fi
    timeout --kill-after=10 "$limit" "$@" >"$out/$name.log" 2>&1
    status=$?
    if [ "$status" -ne 0 ]; then
        failed=$((failed + 1))
        verdict="FAIL $status"
    fi
    steps+=("$(printf '%-30s %-8s %4d s' "$name" "$verdict" $((SECONDS - start)))")
    echo "${steps[-1]}"
}

machine() {
    cat /proc/driver/nvidia/version /proc/driver/nvidia/gpus/*/information | grep -E '^(NVRM|Model)'
    echo "CPU cores: $(grep -c ^processor /proc/cpuinfo)"
    gst-inspect-1.0 --version | grep '^GStreamer'
    for element in nvh264dec cudaipcsink cuframessink; do
        gst-inspect-1.0 --exists "$element" || { echo "there is no $element" && return 1; }
    done
}
export -f machine

step machine 60 bash -c machine
for clip in "${clips[@]}"; do
    name=${clip##*/}
    step "identity-${name%.*}" 120 python3 "$here/decode_identity.py" --clip "$clip" --decoder nvh264dec
done
step namespaces 60 "${bench[@]}" --systems cuframes --readers 2 --frames 240 --isolate
step bench 330 "${bench[@]}" --readers 1,4,8 --sizes 1920x1080,3840x2160 --unpaced 10000
if [ ${#clips[@]} -gt 0 ]; then
    step demo-file 60 python3 "$demo" --seconds 8 --png "$out/file.png" --mp4 "$out/file-demo.mp4" "${clips[0]}"
fi
if gst-inspect-1.0 --exists x264enc || gst-inspect-1.0 --exists openh264enc; then
    step demo-camera 60 python3 "$demo" --seconds 8 --png "$out/camera.png" --mp4 "$out/camera-demo.mp4"
fi
left=$((${SECONDS_IN_ALL:-560} - SECONDS))
step conformance $((left > 30 ? left : 30)) "$build/tests/conformance/conformance" --backend=cuda --gtest_brief=1

echo
for name in machine namespaces demo-file demo-camera conformance; do
    [ ! -e "$out/$name.log" ] || { echo "--- $name" && tail -n 12 "$out/$name.log"; }
done
echo "--- identity"
grep -h . "$out"/identity-*.log
echo
sed -n '/^|/p; /^$/p; /FAIL/p' "$out/bench.log"
echo
printf '%s\n' "${steps[@]}"
[ "$failed" -eq 0 ]
