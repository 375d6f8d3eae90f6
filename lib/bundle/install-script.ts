/** An image as the script finds it. */
export interface InstallableImage {
  readonly form: string;
  /** Of the archive or tree that holds it. */
  readonly path: string;
  /** Its full name. */
  readonly image: string;
  /** What an OCI layout calls it. */
  readonly name: string;
  /** `repository:tag` or `repository@digest`: what it is called at a registry. */
  readonly target: string;
  /** Not all platforms that its index names are there. */
  readonly sparse: boolean;
}

export interface InstallScript {
  readonly name: string;
  readonly version: string;
  readonly images: readonly InstallableImage[];
  /** Of a delta: the bundle without which it is nothing. */
  readonly base?: { readonly directory: string; readonly sha256: string } | undefined;
  /** Of a delta: the directory of the bundle that comes out. */
  readonly directory: string;
}

/**
 * `install.sh` of a bundle: POSIX sh, for hosts that have little (docs/bundles.md). It checks the bundle, loads its images
 * into docker, nerdctl, podman or containerd, pushes them with skopeo, serves a registry's tree, and joins a delta with its
 * base.
 *
 * This file is as long as the script: one program, which is easier to check in one piece.
 */
export function installScript({ name, version, images, base, directory }: InstallScript): string {
  const lines = images.map(({ form, path, image, name: own, target, sparse }) =>
    [form, path, image, own, target, sparse ? "sparse" : "whole"].join("\t"),
  );
  const settings = { name, version, base: base?.sha256 ?? "", base_name: base?.directory ?? "", directory };
  const assigned = Object.entries(settings).map(([key, value]) => `${key}=${quote(value)}`);
  return `${head}${assigned.join("\n")}\n\nimages() {\n  cat <<'IMAGES'\n${lines.map((line) => `${line}\n`).join("")}IMAGES\n}\n${body}`;
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const head = `#!/bin/sh
# Made by stowage. Needs no network but to a registry that is named: see --help.
set -eu
`;

// Without braces behind a dollar sign, which this language would take for its own.
const body = String.raw`
tab=$(printf '\t')
self=$(basename "$0")
dir=$(CDPATH='' cd "$(dirname "$0")" && pwd)
tmp=''
server=''
dry=''
with=''
namespace='k8s.io'
insecure=''
authfile=''
base_dir=''
into=''
address='127.0.0.1:5000'

usage() {
  cat <<USAGE
Usage: sh $self [OPTION]... COMMAND

Install $name $version.

Commands:
  verify           check every file against SHA256SUMS
  list             print the images
  load             verify, then load the images into this host's container engine
  push REGISTRY    verify, then push the images with skopeo: to HOST[:PORT][/PREFIX]
  serve            verify, then serve the registry's tree, read-only
  join             verify a delta and put it together with its base

Options:
  --with ENGINE    docker, nerdctl, podman or ctr; default: the first of them that is there
  --namespace NAME of containerd, for ctr and nerdctl; default: $namespace
  --insecure       the registry speaks http, or has a certificate nobody knows
  --authfile FILE  credentials for the registry
  --address A      where to serve; default: $address
  --base DIR       the unpacked bundle that a delta is based on
  --into DIR       where join puts the bundle; default: beside this directory
  --dry-run        print the commands that would be run
  --help           this text
USAGE
}

fail() {
  printf '%s: %s\n' "$self" "$*" >&2
  exit 1
}

note() { printf '%s: %s\n' "$self" "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

run() {
  if [ -n "$dry" ]; then
    printf '+'
    printf " '%s'" "$@"
    printf '\n'
  else
    "$@" </dev/null
  fi
}

cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || :
  [ -z "$tmp" ] || rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

temporary() { [ -n "$tmp" ] || tmp=$(mktemp -d); }

# The sha256 of a file, by whatever this host has.
sum_of() {
  if have sha256sum; then sha256sum <"$1" | cut -d' ' -f1
  elif have busybox; then busybox sha256sum <"$1" | cut -d' ' -f1
  elif have shasum; then shasum -a 256 <"$1" | cut -d' ' -f1
  elif have openssl; then openssl dgst -sha256 -r <"$1" | cut -d' ' -f1
  else fail 'cannot check files: needs sha256sum, busybox, shasum or openssl'
  fi
}

# Check every file of a directory against its SHA256SUMS.
check() {
  [ -f "$1/SHA256SUMS" ] || fail "cannot check \"$1\": it has no SHA256SUMS"
  wanted=$(grep -c . "$1/SHA256SUMS") || fail "cannot check \"$1\": its SHA256SUMS is empty"
  note "checking $wanted files of $1"
  if have sha256sum; then said=$(cd "$1" && sha256sum -c SHA256SUMS 2>&1) || :
  elif have busybox; then said=$(cd "$1" && busybox sha256sum -c SHA256SUMS 2>&1) || :
  elif have shasum; then said=$(cd "$1" && shasum -a 256 -c SHA256SUMS 2>&1) || :
  else said=$(cd "$1" && check_one_by_one) || exit 1
  fi
  good=$(printf '%s\n' "$said" | grep -c ': OK$') || :
  [ "$good" = "$wanted" ] && return 0
  printf '%s\n' "$said" | grep -v ': OK$' >&2 || :
  fail "\"$1\" is damaged or not complete: only $good of $wanted files are right"
}

check_one_by_one() {
  while IFS= read -r line; do
    path=$(printf '%s\n' "$line" | cut -c67-)
    sum=''
    if [ -f "$path" ]; then sum=$(sum_of "$path") || exit 1; fi
    if [ "$sum" = "$(printf '%s\n' "$line" | cut -c1-64)" ]; then printf '%s: OK\n' "$path"
    else printf '%s: FAILED\n' "$path"
    fi
  done <SHA256SUMS
}

# FILE OFFSET SIZE: part of a file. Offsets are whole blocks of 512 bytes.
part_of() {
  {
    dd bs=512 skip=$(($2 / 512)) count=0 2>/dev/null
    head -c "$3"
  } <"$1"
}

join() {
  [ -n "$base" ] || fail 'this bundle is no delta: there is nothing to join'
  check "$dir"
  [ -n "$base_dir" ] || fail "this is a delta: unpack $base_name and name its directory with --base"
  [ -f "$base_dir/bundle.json" ] || fail "\"$base_dir\" is no unpacked bundle: it has no bundle.json"
  [ "$(sum_of "$base_dir/bundle.json")" = "$base" ] || fail "\"$base_dir\" is not $base_name, on which this delta is based"
  [ -n "$into" ] || into="$dir/../$directory"
  [ ! -e "$into" ] || fail "cannot join into \"$into\": it is there already"
  if [ -n "$dry" ]; then
    note "would join \"$dir\" and \"$base_dir\" into \"$into\""
    return 0
  fi
  part="$into.part"
  rm -rf "$part"
  mkdir -p "$part"
  while IFS="$tab" read -r kind a b c; do
    case $kind in
      file)
        path=$b
        at=0
        mkdir -p "$(dirname "$part/$path")"
        : >"$part/$path"
        chmod "$a" "$part/$path"
        ;;
      new)
        part_of "$dir/new/$path" "$at" "$a" >>"$part/$path"
        at=$((at + a))
        ;;
      base)
        [ -f "$base_dir/$c" ] || fail "\"$base_dir\" lacks $c"
        part_of "$base_dir/$c" "$a" "$b" >>"$part/$path"
        ;;
      *) fail "join.list has a line that nobody knows: $kind" ;;
    esac
  done <"$dir/join.list"
  check "$part"
  mv "$part" "$into"
  note "joined into $into"
}

unpack() {
  case $1 in
    *.gz | *.tgz) gunzip -c "$1" | (cd "$2" && tar -xf -) ;;
    *) (cd "$2" && tar -xf -) <"$1" ;;
  esac
}

load() {
  engine=$with
  if [ -z "$engine" ]; then
    for each in docker nerdctl podman ctr; do
      if have "$each"; then engine=$each && break; fi
    done
  fi
  [ -n "$engine" ] || fail 'cannot load: needs docker, nerdctl, podman or ctr'
  have "$engine" || fail "cannot load: $engine is not there"
  check "$dir"
  images | cut -f1,2 | sort -u | while IFS="$tab" read -r form path; do
    [ "$form" != registry-tree ] || fail "$path is the tree of a registry: use serve or push"
    file="$dir/$path"
    note "loading $path into $engine"
    case $engine in
      docker | podman) run "$engine" load -i "$file" ;;
      nerdctl) run nerdctl --namespace "$namespace" load -i "$file" ;;
      ctr)
        case $path in
          *.gz | *.tgz)
            if [ -n "$dry" ]; then run ctr --namespace "$namespace" images import -
            else gunzip -c "$file" | ctr --namespace "$namespace" images import -
            fi
            ;;
          *) run ctr --namespace "$namespace" images import "$file" ;;
        esac
        ;;
      *) fail "cannot load with $engine: docker, nerdctl, podman and ctr are known" ;;
    esac
  done
}

copy() {
  note "pushing $2"
  if [ "$3" = whole ]; then set -- --all "$1" "docker://$registry/$2"
  else
    note "not all platforms of its index are there: only this host's is pushed"
    set -- "$1" "docker://$registry/$2"
  fi
  [ -z "$insecure" ] || set -- --dest-tls-verify=false "$@"
  [ -z "$authfile" ] || set -- --authfile "$authfile" "$@"
  run skopeo --insecure-policy copy --quiet --src-tls-verify=false "$@"
}

push() {
  [ -n "$registry" ] || fail 'cannot push: name a registry'
  have skopeo || fail 'cannot push: needs skopeo'
  check "$dir"
  temporary
  images | cut -f1,2 | sort -u | while IFS="$tab" read -r form path; do
    trap stop_registry EXIT
    if [ "$form" = registry-tree ]; then
      if [ -n "$dry" ]; then source='127.0.0.1:PORT'
      else
        start_registry "$path" 127.0.0.1:0
        source=$listening
      fi
    elif [ -z "$dry" ]; then
      rm -rf "$tmp/layout"
      mkdir "$tmp/layout"
      unpack "$dir/$path" "$tmp/layout"
    fi
    images | while IFS="$tab" read -r _ at _ own target whole; do
      [ "$at" = "$path" ] || continue
      if [ "$form" = registry-tree ]; then copy "docker://$source/$target" "$target" "$whole"
      else copy "oci:$tmp/layout:$own" "$target" "$whole"
      fi
    done
    stop_registry
  done
}

# PATH ADDRESS: start a registry on a tree, and set "listening" to where it is.
start_registry() {
  program=''
  for each in registry docker-registry; do
    if have "$each"; then program=$each && break; fi
  done
  [ -n "$program" ] || fail 'cannot serve: needs the registry of distribution (registry or docker-registry)'
  temporary
  tree="$dir/$1"
  if [ -f "$tree" ]; then
    tree="$tmp/tree"
    mkdir -p "$tree"
    unpack "$dir/$1" "$tree"
  fi
  yaml=$(printf '%s\n' "$tree" | sed "s/'/''/g")
  cat >"$tmp/registry.yml" <<CONFIG
version: 0.1
storage:
  filesystem: {rootdirectory: '$yaml'}
  maintenance: {readonly: {enabled: true}}
http: {addr: '$2'}
CONFIG
  "$program" serve "$tmp/registry.yml" >"$tmp/registry.log" 2>&1 </dev/null &
  server=$!
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    listening=$(sed -n 's/.*listening on \([^" ,]*\).*/\1/p' "$tmp/registry.log" | head -n 1)
    [ -z "$listening" ] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 1
  done
  cat "$tmp/registry.log" >&2
  fail "cannot serve: $program did not start"
}

stop_registry() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null || :
  wait "$server" 2>/dev/null || :
  server=''
}

serve() {
  trees=$(images | grep '^registry-tree' | cut -f2 | sort -u)
  [ -n "$trees" ] || fail 'this bundle has no tree of a registry: use load or push'
  [ "$(printf '%s\n' "$trees" | grep -c .)" = 1 ] || fail 'this bundle has several trees: serve them one by one with a registry of your own'
  check "$dir"
  if [ -n "$dry" ]; then
    note "would serve $trees at $address"
    return 0
  fi
  start_registry "$trees" "$address"
  note "serving at $listening; interrupt to end"
  wait "$server"
}

# A delta does nothing alone: join it, and let what comes out go on.
through_joined() {
  join
  [ -z "$dry" ] || return 0
  exec sh "$into/install.sh" "$@"
}

command=''
registry=''
while [ $# -gt 0 ]; do
  case $1 in
    --with | --namespace | --authfile | --address | --base | --into)
      [ $# -gt 1 ] || fail "$1 needs a value; see --help"
      case $1 in
        --with) with=$2 ;;
        --namespace) namespace=$2 ;;
        --authfile) authfile=$2 ;;
        --address) address=$2 ;;
        --base) base_dir=$2 ;;
        --into) into=$2 ;;
      esac
      shift
      ;;
    --insecure) insecure=1 ;;
    --dry-run) dry=1 ;;
    --help | -h)
      usage
      exit 0
      ;;
    -*)
      note "there is no option $1; see --help"
      exit 2
      ;;
    *)
      if [ -z "$command" ]; then command=$1
      elif [ "$command" = push ] && [ -z "$registry" ]; then registry=$1
      else
        note "unexpected argument $1; see --help"
        exit 2
      fi
      ;;
  esac
  shift
done

case $command in
  verify) check "$dir" ;;
  list) images | cut -f3 ;;
  join) join ;;
  load | push | serve)
    if [ -n "$base" ]; then
      set -- --namespace "$namespace" --address "$address"
      [ -z "$with" ] || set -- "$@" --with "$with"
      [ -z "$authfile" ] || set -- "$@" --authfile "$authfile"
      [ -z "$insecure" ] || set -- "$@" --insecure
      if [ -n "$registry" ]; then through_joined "$@" "$command" "$registry"
      else through_joined "$@" "$command"
      fi
    else
      "$command"
    fi
    ;;
  '')
    usage >&2
    exit 2
    ;;
  *)
    note "there is no command $command; see --help"
    exit 2
    ;;
esac
`;
