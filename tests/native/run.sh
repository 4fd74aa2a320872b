#!/usr/bin/env bash
# Builds the software Metal and runs its tests; prints `N passed, N failed, N skipped`.
# SANITIZE=1 builds with AddressSanitizer and UndefinedBehaviorSanitizer.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
sanitize=${SANITIZE:-0}
build=${NATIVE_BUILD_DIR:-$root/artifacts/native}
[[ $sanitize == 1 ]] && build+=-asan

skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
[[ $(uname -s) == Linux ]] || skip "the software Metal runs on Linux"
command -v cmake > /dev/null || skip "cmake is not installed ($root/native/install-deps.sh)"
"$root/native/install-deps.sh" --check || skip "see above"

mkdir -p "$build"
flag=OFF
[[ $sanitize == 1 ]] && flag=ON
{
    cmake -S "$root/native" -B "$build" -DMETALMOE_SANITIZE=$flag \
        -DCMAKE_BUILD_TYPE=RelWithDebInfo &&
        cmake --build "$build" --parallel 2
} > "$build/build.log" 2>&1 || {
    grep -E 'error|Error' "$build/build.log" | head -20 >&2
    echo "run.sh: build failed; the whole log is in $build/build.log" >&2
    exit 1
}
export METALMOE_CACHE=${METALMOE_CACHE:-$build/cache}
# Stacks of fibers confuse the check for use after return.
export ASAN_OPTIONS=detect_stack_use_after_return=0
exec "$build/tests/softmetal_tests" "$@"
