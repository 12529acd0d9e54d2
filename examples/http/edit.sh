#!/bin/sh
# Edits a photo on a studio's server, and waits for the layers. Needs curl 7.76 or later.
#
#   text2live studio --no-open            # prints its address, with the token
#   sh edit.sh http://127.0.0.1:5483 <token> teapot.jpg '{"prompt": "golden teapot", "source": "teapot"}'
set -eu
api=$1/api/v1 token=$2 photo=$3 options=$4
ask() { curl -sS --fail-with-body -H "Authorization: Bearer $token" "$@"; }

run=$(ask -F "options=$options" -F "photo=@$photo" "$api/runs" | sed 's/.*"run":"\([^"]*\)".*/\1/')
echo "run $run"
while state=$(ask "$api/runs/$run" | sed 's/.*"state":"\([a-z]*\)".*/\1/'); do
  case $state in
    finished) break ;;
    failed | stopped) echo "run $run: $state" >&2; exit 1 ;;
  esac
  sleep 1
done
ask -o layers.psd "$api/runs/$run/files/layers.psd"
echo "layers.psd"
