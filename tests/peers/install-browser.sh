#!/usr/bin/env bash
# Installs Chromium on Debian and Ubuntu, for the test that uses the chat page as a person would.
# Says nothing when there is one; says what to install when it cannot, and exits 1: that test is
# then skipped, visibly.
set -euo pipefail

command -v chromium chromium-browser google-chrome > /dev/null && exit 0
if command -v apt-get > /dev/null && [[ $(id -u) -eq 0 ]]; then
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq > /dev/null 2>&1 \
        && apt-get install -y -qq --no-install-recommends chromium > /dev/null 2>&1; then
        exit 0
    fi
fi
echo "install-browser.sh: not installed: chromium (apt install chromium)" >&2
exit 1
