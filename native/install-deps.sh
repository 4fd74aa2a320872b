#!/usr/bin/env bash
# Installs what the native code needs on Debian and Ubuntu: clang with its run-time library
# (kernels are compiled when a pipeline is made), cmake, a host compiler, and GNUstep with the GNU
# Objective-C and blocks runtimes for the Metal classes.
#   install-deps.sh           installs what is missing; says what to install when it cannot
#   install-deps.sh --check   only says what is missing; status 1 then
set -euo pipefail
packages=(clang-19 lld-19 libclang-rt-19-dev cmake g++ binutils
    libgnustep-base-dev gobjc libblocksruntime-dev)

missing=()
for package in "${packages[@]}"; do
    if command -v dpkg-query > /dev/null; then
        dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' \
            || missing+=("$package")
    fi
done
if ! command -v dpkg-query > /dev/null && ! command -v clang++-19 clang++ > /dev/null; then
    missing=("clang 18 or newer with compiler-rt")
fi
[[ ${#missing[@]} -eq 0 ]] && exit 0

if [[ ${1:-} != --check ]] && command -v apt-get > /dev/null && [[ $(id -u) -eq 0 ]]; then
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq > /dev/null 2>&1 \
        && apt-get install -y -qq "${missing[@]}" > /dev/null 2>&1; then
        exit 0
    fi
fi
echo "install-deps.sh: not installed: ${missing[*]} (apt install ${missing[*]})" >&2
exit 1
