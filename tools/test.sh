#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what the tests need (as root, on Debian), builds, and runs every test. Arguments go to
# ctest: tools/test.sh -L unit. With IMGZ_WERROR=ON in the environment warnings are errors.
set -eu -o pipefail
cd "$(dirname "$0")/.."

tools/install.sh build test
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DIMGZ_TESTS=ON -DIMGZ_BENCH=ON \
    -DIMGZ_WERROR="${IMGZ_WERROR:-OFF}"
cmake --build build --parallel "$(nproc)"
exec ctest --test-dir build --output-on-failure --no-tests=error --parallel "$(nproc)" "$@"
