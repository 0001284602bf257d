#!/bin/sh
# Builds the programs beside it. Needs clang, lld, wasi-libc and libclang-rt-dev-wasm32 (Debian's names).
set -e
cd "$(dirname "$0")"
for source in *.c; do
  clang --target=wasm32-wasi -Os -Wall -Wl,--strip-all -o "${source%.c}.wasm" "$source"
done
