#!/usr/bin/env bash
# Builds, runs and tests MetalMoe. `./build.sh help` lists the commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
readonly LAUNCHER=artifacts/metalmoe
readonly RESULTS=artifacts/test-results
readonly DEMO_MODEL=models/tiny-qwen35moe-q4_k_m.gguf
# MSBuild's own language would otherwise follow the user's locale.
export DOTNET_CLI_UI_LANGUAGE=en

die() {
    echo "build.sh: $*" >&2
    exit 1
}

usage() {
    cat <<'TEXT'
usage: ./build.sh COMMAND [ARGS]

  build            builds the command line tool: artifacts/metalmoe
  run [ARGS]       builds if needed, then `metalmoe run` (bundled model, demo prompt)
  test [ARGS]      builds and runs every test project; ARGS go to `dotnet test`
  publish [WHAT] [native]
                   compiles ahead of time into artifacts/publish: cli (one file), lib (the C
                   library and its header) or all; `native` uses all that this processor has
  pack             packs the libraries into artifacts/packages
  bench [ARGS]     runs the benchmarks; ARGS go to BenchmarkDotNet (--filter '*Decode*')
  check            test with ten times the fuzzing, native tests under sanitizers, and the
                   formatter's verdict
TEXT
}

# libmetalmoe: without it there is no metal and no softmetal device, and all else works.
build_native() {
    native/build.sh || echo "build.sh: libmetalmoe not built; devices metal and softmetal are out"
}

need_dotnet() {
    command -v dotnet > /dev/null || die "dotnet not found; install the .NET 10 SDK"
    dotnet --version > /dev/null 2>&1 \
        || die "no .NET SDK that global.json accepts; install the .NET 10 SDK"
}

build() {
    need_dotnet
    local log=artifacts/build.log
    mkdir -p artifacts
    build_native
    if ! dotnet publish src/MetalMoe.Cli -c Release -o artifacts/cli --nologo -v quiet \
        --self-contained false > "$log" 2>&1; then
        grep -E 'error' "$log" | sort -u >&2 || cat "$log" >&2
        die "build failed; the whole log is in $log"
    fi
    # A launcher and not a link: it finds its files from any directory and through links.
    cat > "$LAUNCHER" <<'SH'
#!/usr/bin/env bash
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/cli/MetalMoe.Cli" "$@"
SH
    chmod +x "$LAUNCHER"
}

build_if_needed() {
    if [[ ! -x $LAUNCHER || ! -x artifacts/cli/MetalMoe.Cli ]] \
        || [[ -n $(find src native shaders Directory.*.props global.json \
            -newer "$LAUNCHER" -type f -not -path '*/bin/*' -not -path '*/obj/*' \
            -print -quit) ]]; then
        build
    fi
}

# Exit status of commands that need what this machine lacks; tests then skip themselves.
readonly MISSING=3

# What the ahead-of-time compiler links with.
need_linker() {
    command -v clang gcc > /dev/null && return
    if [[ $(uname) == Linux && $(id -u) -eq 0 ]] && command -v apt-get > /dev/null; then
        echo "build.sh: installing gcc" >&2
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq > /dev/null 2>&1 \
            && apt-get install -y -qq gcc libc6-dev > /dev/null 2>&1 && return
    fi
    echo "build.sh: no C compiler to link with; install gcc and libc6-dev (macOS: the Xcode" \
        "command line tools)" >&2
    exit $MISSING
}

# Builds of its own folders: compiled ahead of time, a project restores other packages.
publish_project() {
    local project=$1 log=artifacts/publish-$1.log
    shift
    if ! dotnet publish "src/$project" -c Release -p:PublishAot=true --use-current-runtime \
        --artifacts-path artifacts/aot -o "artifacts/aot/out/$project" --nologo -v quiet \
        "$@" > "$log" 2>&1; then
        grep -E 'error' "$log" | sort -u >&2 || cat "$log" >&2
        die "publish failed; the whole log is in $log"
    fi
}

publish() {
    local what=all options=() argument
    for argument in "$@"; do
        case $argument in
            cli | lib | all) what=$argument ;;
            native) options=(-p:IlcInstructionSet=native) ;;
            *) die "publish: expected cli, lib, all or native, got '$argument'" ;;
        esac
    done
    need_dotnet
    need_linker
    local out=artifacts/publish
    mkdir -p $out/lib
    if [[ $what != lib ]]; then
        publish_project MetalMoe.Cli ${options[@]+"${options[@]}"}
        install -m 755 artifacts/aot/out/MetalMoe.Cli/MetalMoe.Cli $out/metalmoe
        echo $out/metalmoe
    fi
    if [[ $what != cli ]]; then
        publish_project MetalMoe.CApi ${options[@]+"${options[@]}"}
        local library=libmetalmoe_c.so
        [[ $(uname) == Darwin ]] && library=libmetalmoe_c.dylib
        rm -f $out/lib/*
        install -m 644 artifacts/aot/out/MetalMoe.CApi/{$library,metalmoe_c.h} $out/lib
        echo $out/lib
    fi
}

pack() {
    need_dotnet
    local out=$PWD/artifacts/packages log=artifacts/pack.log project platform file
    mkdir -p artifacts
    rm -rf "$out" artifacts/sample-packages
    for project in src/MetalMoe.Core src/MetalMoe.Cpu src/MetalMoe.Metal src/MetalMoe; do
        if ! dotnet pack $project -c Release -o "$out" --nologo -v quiet > $log 2>&1; then
            grep -E 'error' $log | sort -u >&2 || cat $log >&2
            die "$project does not pack; the whole log is in $log"
        fi
    done
    for platform in osx-arm64:libmetalmoe.dylib linux-x64:libmetalmoe.so; do
        file=artifacts/native/${platform#*:}
        platform=${platform%:*}
        if [[ ! -f $file ]]; then
            echo "build.sh: MetalMoe.NativeAssets.$platform left out: $file is not built" >&2
        elif ! dotnet pack native/package -p:AssetPlatform="$platform" -o "$out" --nologo \
            -v quiet > $log 2>&1; then
            cat $log >&2
            die "MetalMoe.NativeAssets.$platform does not pack"
        fi
    done
    echo artifacts/packages
}

run() {
    build_if_needed
    local args=("$@")
    case " $* " in
        *" --prompt "* | *" --prompt="* | *" -p "* | *" --help "* | *" -h "* | *" -? "*) ;;
        *) args=(--prompt "Once upon a time there was" "$@") ;;
    esac
    if [[ $# -eq 0 ]]; then
        args+=(--max-tokens 200 --temperature 0.7 --top-k 40 --top-p 0.95)
    fi
    case " ${args[*]} " in
        *" --model "* | *" --model="* | *" -m "* | *" --help "* | *" -h "* | *" -? "*) ;;
        *) args=(--model "$DEMO_MODEL" "${args[@]}") ;;
    esac
    exec "$LAUNCHER" run "${args[@]}"
}

# Keeps what a reader wants of the detailed test log: what tests print, slow tests, failures.
# What a test prints comes twice, at once and again in its result; the second time is left out.
filter_log() {
    awk '
        /^ *$/                         { if (++blank == 2) quiet = 0; next }
                                       { blank = 0 }
        /^  (Passed|Skipped) /         { quiet = 0
                                         if (/\[([0-9]+ [hm] |[0-9][0-9]+ s)/) print; next }
        /^  Failed /                   { quiet = 0 }
        /^ *Standard Output Messages:/ { quiet = 1; next }
        /^NUnit Adapter |^Test [Rr]un |^Total tests|^ *(Passed|Failed|Skipped): / { next }
        /^Microsoft|^VSTest|^Copyright|^Starting test|^A total of|\.dll$/ { next }
        /^ +Total time:|NUnit3Test|^Results File/ { next }
        !quiet                         { print; fflush() }'
}

# Prints "name: reason" for every skipped test of a trx file.
skipped_tests() {
    awk 'BEGIN { RS = "<UnitTestResult " }
        NR > 1 && /outcome="NotExecuted"/ {
            name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name)
            reason = "no reason given"
            if (match($0, /<Message>[^<]*/)) reason = substr($0, RSTART + 9, RLENGTH - 9)
            gsub(/\r?\n/, " ", reason); gsub(/&quot;|&apos;/, "\"", reason)
            gsub(/&lt;/, "<", reason); gsub(/&gt;/, ">", reason); gsub(/&amp;/, "\\&", reason)
            print "  skipped " name ": " reason }' "$1"
}

# Sums one attribute of the <Counters> elements of all trx files.
count() {
    cat "$RESULTS"/*.trx 2> /dev/null | sed -n "s/.*<Counters [^>]*$1=\"\([0-9]*\)\".*/\1/p" \
        | awk '{ sum += $1 } END { print sum + 0 }'
}

run_suite() {
    local name=$1
    shift
    local started=$SECONDS
    echo "== $name"
    dotnet test "tests/$name/bin/Release/net10.0/$name.dll" --nologo \
        --logger "console;verbosity=detailed" --logger "trx;LogFileName=$name.trx" \
        --results-directory "$RESULTS" "$@" 2>&1 | filter_log || true
    local counters="0"
    [[ -f $RESULTS/$name.trx ]] \
        && counters=$(sed -n 's/.*<Counters [^>]*passed="\([0-9]*\)".*/\1/p' "$RESULTS/$name.trx")
    echo "== $name: $counters passed in $((SECONDS - started)) s"
}

# The software Metal's own tests; sets native_passed, native_failed, native_skipped.
run_native() {
    local log=artifacts/native-tests.log line started=$SECONDS
    echo "== native"
    [[ -d artifacts/peers/llama.cpp ]] \
        && export METALMOE_LLAMA_SOURCE=$PWD/artifacts/peers/llama.cpp
    tests/native/run.sh > "$log" 2>&1 || echo "  native: exit status $?" >> "$log"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -1) || true
    grep -vxF "${line:-no closing line}" "$log" | sed 's/^/  /' || true
    # A suite that died without its closing line is a failure.
    read -r native_passed _ native_failed _ native_skipped _ \
        <<< "${line:-0 passed, 1 failed, 0 skipped}"
    echo "== native: $native_passed passed, $native_failed failed," \
        "$native_skipped skipped in $((SECONDS - started)) s"
}

run_tests() {
    need_dotnet
    if command -v npm > /dev/null && [[ -x tests/peers/install.sh ]]; then
        # Without the peers the tests that compare with them are skipped, and say so.
        tests/peers/install.sh || echo "build.sh: peers not installed; their tests are skipped"
    fi
    # Without clang and GNUstep the tests of native code are skipped, and say so.
    native/install-deps.sh || true
    # Without a browser the test of the chat page is skipped.
    tests/peers/install-browser.sh || true
    build
    local log=artifacts/build-tests.log
    rm -rf "$RESULTS"
    mkdir -p "$RESULTS"
    local project
    if ! dotnet build MetalMoe.sln -c Release --nologo -v quiet > "$log" 2>&1; then
        grep -E 'error' "$log" | sort -u >&2 || cat "$log" >&2
        die "the tests do not build; the whole log is in $log"
    fi
    for project in tests/*/*.csproj; do
        run_suite "$(basename "$project" .csproj)" "$@"
        # With a filter a suite may have nothing to run.
        [[ -f $RESULTS/$(basename "$project" .csproj).trx || $# -gt 0 ]] || crashed+=("$project")
    done
    # Arguments are for dotnet test: a filtered run leaves the native suite out.
    [[ $# -gt 0 ]] || run_native
    for project in "$RESULTS"/*.trx; do
        [[ -f $project ]] && skipped_tests "$project"
    done
    local passed failed skipped total
    passed=$(count passed)
    failed=$(count failed)
    total=$(count total)
    skipped=$((total - passed - failed + native_skipped))
    passed=$((passed + native_passed))
    failed=$((failed + native_failed))
    # A suite that died without a report is a failure of its own.
    failed=$((failed + ${#crashed[@]}))
    for project in ${crashed[@]+"${crashed[@]}"}; do
        echo "  no report from $project: the test host died"
    done
    echo "$passed passed, $failed failed, $skipped skipped"
    [[ $failed -eq 0 && $passed -gt 0 ]]
}
crashed=()
native_passed=0 native_failed=0 native_skipped=0

bench() {
    need_dotnet
    exec dotnet run --project bench/MetalMoe.Benchmarks -c Release -- "$@"
}

check() {
    export METALMOE_FUZZ_FACTOR=10
    dotnet format MetalMoe.sln --verify-no-changes --verbosity minimal \
        || die "the formatter would change files; run: dotnet format MetalMoe.sln"
    echo "== native, under AddressSanitizer and UndefinedBehaviorSanitizer"
    SANITIZE=1 tests/native/run.sh | grep -v '^passed' || die "the sanitizers object"
    run_tests "$@"
}

command=${1:-help}
[[ $# -gt 0 ]] && shift
case $command in
    build) build && echo "artifacts/metalmoe" ;;
    run) run "$@" ;;
    test) run_tests "$@" ;;
    publish) publish "$@" ;;
    pack) pack ;;
    bench) bench "$@" ;;
    check) check "$@" ;;
    help | -h | --help) usage ;;
    *) usage >&2; echo "build.sh: unknown command '$command'" >&2; exit 2 ;;
esac
