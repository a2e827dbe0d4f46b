#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Unit and stress tests with ThreadSanitizer.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
source tests/gate/lib.sh

tools/install.sh build test
build tsan -- unit_tests stress_tests
in_memory ctest --test-dir build-tsan "${ctest[@]}" -L '^(unit|stress)$'
