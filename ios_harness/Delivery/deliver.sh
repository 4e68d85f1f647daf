#!/bin/sh
# A Run Script build phase of Xcode: brings what a lock takes into the app, or fails the build with
# the reason. docs/delivery.md says how to set it up. POSIX sh alone; nothing is changed but the
# folder in the app.
#
# What is not given by a build setting is looked for among the phase's input files: *.lock.json is
# the lock, manifest.json lies in the bundle, *.toml is the policy.
#
#   POCKETMATTE_SOURCES     a checkout of PocketMatte
#   POCKETMATTE_LOCK, POCKETMATTE_BUNDLE, POCKETMATTE_POLICY
#   POCKETMATTE_RESULTS     a folder of results that the lock was chosen by
#   POCKETMATTE_NETWORKS    networks that select was told to choose for: rvm,foreground
#   POCKETMATTE_FROZEN      YES: the lock is not chosen again
#   POCKETMATTE_NEIGHBOURS  tiers on each side, for the device to step to
#   POCKETMATTE_FOLDER      folder of the app's resources: matte
#   POCKETMATTE_PYTHON      a Python of 3.11 or newer: the first of PATH
set -eu

# Xcode shows a line that begins so in its list of issues.
fail() {
    printf 'error: pocketmatte: %s\n' "$1" >&2
    exit 1
}

# Print the first input file of the phase that a pattern fits.
input_file() {
    number=0
    while [ "$number" -lt "${SCRIPT_INPUT_FILE_COUNT:-0}" ]; do
        eval "file=\${SCRIPT_INPUT_FILE_$number-}"
        # shellcheck disable=SC2254 # the pattern is meant as one
        case $file in
            $1)
                printf '%s' "$file"
                return
                ;;
        esac
        number=$((number + 1))
    done
}

# Print the first Python of PATH that is new enough.
find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ "${ENABLE_USER_SCRIPT_SANDBOXING:-NO}" = YES ]; then
    fail "the sandbox of scripts hides the files of the bundle; set ENABLE_USER_SCRIPT_SANDBOXING to NO for this target"
fi
if [ -z "${TARGET_BUILD_DIR-}" ] || [ -z "${UNLOCALIZED_RESOURCES_FOLDER_PATH-}" ]; then
    fail "TARGET_BUILD_DIR or UNLOCALIZED_RESOURCES_FOLDER_PATH is not set; run this as a build phase of a target with resources"
fi

# Relative paths of settings begin at the project, wherever the phase is run.
cd "${SRCROOT:-.}" || fail "SRCROOT is ${SRCROOT-}, which is no folder"

sources=${POCKETMATTE_SOURCES-}
[ -n "$sources" ] || fail "POCKETMATTE_SOURCES is not set; set it to a checkout of PocketMatte"
[ -f "$sources/pocketmatte/selection/__main__.py" ] ||
    fail "POCKETMATTE_SOURCES is $sources, which holds no pocketmatte/selection; set it to a checkout of PocketMatte"

lock=${POCKETMATTE_LOCK-}
[ -n "$lock" ] || lock=$(input_file '*.lock.json')
[ -n "$lock" ] || fail "no lock is given; add tiers.lock.json to the input files, or set POCKETMATTE_LOCK"

bundle=${POCKETMATTE_BUNDLE-}
if [ -z "$bundle" ]; then
    manifest=$(input_file '*/manifest.json')
    bundle=${manifest%/manifest.json}
fi
[ -n "$bundle" ] || fail "no bundle is given; add its manifest.json to the input files, or set POCKETMATTE_BUNDLE"

policy=${POCKETMATTE_POLICY-}
[ -n "$policy" ] || policy=$(input_file '*.toml')

python=${POCKETMATTE_PYTHON-}
if [ -z "$python" ]; then
    python=$(find_python)
    [ -n "$python" ] || fail "there is no python3 of 3.11 or newer in PATH; set POCKETMATTE_PYTHON to one"
fi
new_enough "$python" || fail "$python is no Python of 3.11 or newer; set POCKETMATTE_PYTHON to one"

folder=${POCKETMATTE_FOLDER:-matte}
case $folder in
    /* | . | .. | ../* | */.. | */../*) fail "POCKETMATTE_FOLDER is $folder; give a folder inside the app" ;;
esac
out=$TARGET_BUILD_DIR/$UNLOCALIZED_RESOURCES_FOLDER_PATH/$folder

set -- "$lock" --bundle "$bundle" --out "$out" --layout assets --platform apple
[ -z "$policy" ] || set -- "$@" --policy "$policy"
[ -z "${POCKETMATTE_RESULTS-}" ] || set -- "$@" --results "$POCKETMATTE_RESULTS"
[ -z "${POCKETMATTE_NETWORKS-}" ] || set -- "$@" --network "$POCKETMATTE_NETWORKS"
[ -z "${POCKETMATTE_NEIGHBOURS-}" ] || set -- "$@" --neighbours "$POCKETMATTE_NEIGHBOURS"
[ "${POCKETMATTE_FROZEN:-NO}" != YES ] || set -- "$@" --frozen

code=0
said=$(PYTHONPATH=$sources PYTHONIOENCODING=utf-8 \
    "$python" -B -s -m pocketmatte.selection deliver "$@" 2>&1) || code=$?
if [ "$code" -ne 0 ]; then
    printf '%s\n' "$said" | sed 's/^/error: /' >&2
    exit 1
fi
printf '%s\n' "$said" | sed 's/^/note: /'

# The build system asks whether the output is newer than the inputs, and files that did not change
# keep their time.
[ -z "${SCRIPT_OUTPUT_FILE_0-}" ] || touch "$SCRIPT_OUTPUT_FILE_0"
