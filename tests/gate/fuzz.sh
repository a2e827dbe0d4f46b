#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every libFuzzer program replays its corpus, then searches for ten seconds.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
source tests/gate/lib.sh

tools/install.sh build test gate
build fuzz -DIMGZ_WERROR=ON -DIMGZ_FUZZ_SECONDS=10 -- fuzz_tests
in_memory ctest --test-dir build-fuzz "${ctest[@]}" -L '^fuzz$'
