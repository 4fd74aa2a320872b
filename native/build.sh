#!/usr/bin/env bash
# Builds libmetalmoe into artifacts/native: on a Mac over Apple's Metal, on Linux over the
# software Metal. Says what to install when it cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${NATIVE_BUILD_DIR:-$here/../artifacts/native}

fail() {
    echo "native/build.sh: $*" >&2
    exit 1
}
case $(uname -s) in
    Linux) "$here/install-deps.sh" --check || exit 1 ;;
    Darwin) xcrun --find clang > /dev/null 2>&1 || fail "install Xcode's command line tools" ;;
    *) fail "Metal and the software Metal run on macOS and Linux" ;;
esac
command -v cmake > /dev/null || fail "cmake is not installed"

mkdir -p "$build"
{
    cmake -S "$here" -B "$build" -DMETALMOE_SANITIZE=OFF &&
        cmake --build "$build" --target metalmoe --parallel 2
} > "$build/library.log" 2>&1 || {
    grep -E 'error|Error' "$build/library.log" | head -20 >&2
    fail "build failed; the whole log is in $build/library.log"
}
