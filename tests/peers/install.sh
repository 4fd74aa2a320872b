#!/usr/bin/env bash
# Brings the peers of the oracle tests into artifacts/peers: a prebuilt llama.cpp, its source
# (headers, vocabulary files, chat templates) and a public-domain text. Says nothing when they
# are there already. When something cannot be had it says so in one line, leaves the reason in
# artifacts/peers/UNAVAILABLE, and exits 0: the tests that need it are then skipped, visibly.
set -uo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
peers="$(cd "$here/../.." && pwd)/artifacts/peers"
llama_version="3.22.1"
stamp="$(cat "$here/package.json" "${BASH_SOURCE[0]}" | cksum)"

unavailable() {
    mkdir -p "$peers"
    echo "$1" > "$peers/UNAVAILABLE"
    echo "peers: not available ($1); the tests that compare with them will be skipped"
    exit 0
}

[ -f "$peers/READY" ] && [ "$(cat "$peers/READY")" = "$stamp" ] && exit 0

case "$(uname -s) $(uname -m)" in
    "Linux x86_64") binaries="linux-x64" ;;
    "Linux aarch64") binaries="linux-arm64" ;;
    "Darwin arm64") binaries="mac-arm64-metal" ;;
    *) unavailable "no prebuilt llama.cpp for $(uname -s) $(uname -m)" ;;
esac
command -v npm > /dev/null || unavailable "npm is not installed"
command -v git > /dev/null || unavailable "git is not installed"

echo "peers: installing llama.cpp and test texts into artifacts/peers (once)"
mkdir -p "$peers"
rm -f "$peers/READY" "$peers/UNAVAILABLE" "$peers/package-lock.json"
cp "$here/package.json" "$peers/package.json"
(cd "$peers" && npm install --ignore-scripts --omit=optional --no-package-lock --no-audit \
    --no-fund --loglevel=error "@node-llama-cpp/$binaries@$llama_version") \
    > "$peers/install.log" 2>&1 \
    || unavailable "npm install failed, see artifacts/peers/install.log"

if [ ! -f "$peers/llama.cpp/include/llama.h" ]; then
    rm -rf "$peers/llama.cpp" "$peers/llama.cpp.part"
    git -c advice.detachedHead=false clone --quiet \
        "$peers/node_modules/node-llama-cpp/llama/gitRelease.bundle" "$peers/llama.cpp.part" \
        >> "$peers/install.log" 2>&1 \
        || unavailable "cloning the llama.cpp bundle failed, see artifacts/peers/install.log"
    mv "$peers/llama.cpp.part" "$peers/llama.cpp"
fi
echo "$stamp" > "$peers/READY"
