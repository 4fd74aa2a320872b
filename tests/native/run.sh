#!/usr/bin/env bash
# Builds the native code and runs its tests; prints `N passed, N failed, N skipped`. Arguments are
# parts of test names. SANITIZE=1 builds with AddressSanitizer and UndefinedBehaviorSanitizer.
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
command -v cmake > /dev/null || skip "cmake is not installed ($root/native/install-deps.sh)"
[[ $(uname -s) != Linux ]] || "$root/native/install-deps.sh" --check || skip "see above"

mkdir -p "$build"
options=(-DMETALMOE_SANITIZE=OFF)
# One compiler for all languages: each has a sanitizer library of its own.
[[ $sanitize == 1 ]] && options=(-DMETALMOE_SANITIZE=ON -DCMAKE_C_COMPILER=clang-19
    -DCMAKE_CXX_COMPILER=clang++-19)
[[ $sanitize == 1 && $(uname -s) == Darwin ]] && options=(-DMETALMOE_SANITIZE=ON)
{
    cmake -S "$root/native" -B "$build" "${options[@]}" -DCMAKE_BUILD_TYPE=RelWithDebInfo &&
        cmake --build "$build" --parallel 2
} > "$build/build.log" 2>&1 || {
    grep -E 'error|Error' "$build/build.log" | head -20 >&2
    echo "run.sh: build failed; the whole log is in $build/build.log" >&2
    exit 1
}
# Kernels are compiled alike for both builds.
export METALMOE_CACHE=${METALMOE_CACHE:-${build%-asan}/cache}
# Stacks of fibers confuse the check for use after return. Leaks are found by counting objects:
# GNUstep keeps some of its own.
export ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0
exec "$build/tests/native_tests" "$@"
