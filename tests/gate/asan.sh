#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What clang warns of is an error, its -Wthread-safety too. What it built runs with
# AddressSanitizer and UndefinedBehaviorSanitizer: unit, fault and the quick system tests.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
source tests/gate/lib.sh

tools/install.sh build test gate
build fuzz -DIMGZ_WERROR=ON
code=0
in_memory ctest --test-dir build-fuzz "${ctest[@]}" -L '^(unit|fault)$' || code=1
ctest --test-dir build-fuzz "${ctest[@]}" -L '^quick$' || code=1
exit "$code"
