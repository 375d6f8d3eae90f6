#!/bin/sh
# Runs a script of the project with the project's own Node: sh tools/node.sh SCRIPT [ARG…]
#
# Node 24 comes as an npm package (docs/decisions/0003-node-from-npm.md), so an older Node on the machine only has to
# run npm once. `exec` leaves no process of ours between the caller and the script: signals and exit status pass through.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
node="$root/node_modules/.bin/node"
installed="$root/node_modules/.stowage-lock.json"

if ! cmp -s "$root/package-lock.json" "$installed"; then
  echo "stowage: installing the dependencies of package-lock.json with npm ci (once)" >&2
  (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2)
  cp "$root/package-lock.json" "$installed"
fi
if [ ! -x "$node" ]; then
  echo "stowage: no Node 24 for $(uname -s) $(uname -m) in node_modules; the project runs on Linux x64 and arm64" >&2
  exit 1
fi
PATH="$root/node_modules/.bin:$PATH"
export PATH
exec "$node" "$@"
