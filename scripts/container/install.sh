#!/bin/sh
# Installs a packed text2live for the CPU: no install script runs, what is of other systems is removed, and unless the third
# word is "video", the codecs with the GPL part (docs/dependencies.md) are left out.
# Usage: sh scripts/container/install.sh <package.tgz> <new folder> [video]
set -eu
package=$(realpath "$1")
mkdir "$2"
cd "$2"
if [ "${3:-}" = video ]; then
  echo '{ "private": true }' >package.json
else
  mkdir no-node-av
  echo '{ "name": "node-av", "version": "6.1.1" }' >no-node-av/package.json
  echo '{ "private": true, "overrides": { "node-av": "file:no-node-av" } }' >package.json
fi
ONNXRUNTIME_NODE_INSTALL=skip npm install --ignore-scripts --no-audit --no-fund --silent "$package"
rm -r node_modules/onnxruntime-node/bin/napi-v6/darwin node_modules/onnxruntime-node/bin/napi-v6/win32
