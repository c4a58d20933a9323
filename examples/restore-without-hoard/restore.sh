#!/bin/sh
# Restores a backup that hoard took, without hoard: by gpg, zstd, xz, jq and GNU coreutils. docs/restore-without-hoard.md explains its steps.
#
#   restore.sh REPOSITORY SITE BACKUP|latest DIRECTORY [OID=DIRECTORY]...   a backup, and its tablespaces, into empty directories
#   restore.sh wal REPOSITORY SITE NAME FILE                               one WAL file: what restore_command calls
#
# REPOSITORY is the repository's folder, or a copy of it, on a local file system. From the environment:
#   SIGNER            fingerprint of the key that must have signed what is read; without it no signature is looked at
#   GNUPGHOME         where gpg has its keys, where that is not ~/.gnupg
#   PASSPHRASE_FILE   a file with the passphrase of the private key, where no gpg-agent can ask for it
#   SNAPPY            a command that opens Snappy's framing format, from standard input to standard output, where that was used
#   TMPDIR            room for the manifest three times, and 600 MB
set -eu
umask 077
export LC_ALL=C

failure=1 scratch='' unfinished=''
ended() {
  rm -rf "$scratch" "$unfinished"
  if [ "$1" -gt 0 ] && [ "$1" -le 125 ]; then exit "$failure"; fi
}
trap 'ended $?' EXIT
trap 'exit 143' HUP INT TERM

say() { echo "restore.sh: $*" >&2; }
fail() { say "$*" && exit "$failure"; }

gpg() {
  command gpg --batch --quiet ${PASSPHRASE_FILE:+--pinentry-mode loopback --passphrase-file "$PASSPHRASE_FILE"} "$@"
}

# STORED OUTPUT
snappy() {
  [ -n "${SNAPPY:-}" ] || fail "SNAPPY is not set: it has to be a command that opens Snappy's framing format"
  $SNAPPY <"$1" >"$2"
}

# FILE SHA256 NAME
check_hash() {
  echo "$2  $1" | sha256sum --check --status || fail "$3 is damaged: its SHA-256 is not $2"
}

# KEY OUTPUT: the plain content of a stored object; KEY is its path in the repository.
open_object() {
  content=$repository/$1
  case $1 in
    *.pgp)
      content=$scratch/content
      rm -f "$content" "$scratch/status"
      gpg $verify --status-file "$scratch/status" --output "$content" --decrypt "$repository/$1" || fail "gpg cannot open $1"
      ;;
  esac
  if [ -n "$signer" ]; then check_signature "$1"; fi
  case ${1%.pgp} in
    *.zst) zstd -dqc <"$content" >"$2" || fail "zstd cannot open $1" ;;
    *.xz) xz -dqc <"$content" >"$2" || fail "xz cannot open $1" ;;
    *.sz) snappy "$content" "$2" || fail "snappy cannot open $1" ;;
    *.raw) cat "$content" >"$2" ;;
    *) fail "$1 is of a form that this script does not know" ;;
  esac
}

# KEY: a valid signature by the signer that names this object, or somebody could hand us one object for another.
check_signature() {
  [ "$content" = "$scratch/content" ] || fail "$1 bears no signature"
  # A key may have expired since; one that was revoked signs nothing.
  grep -Eq '^\[GNUPG:\] (GOODSIG|EXPKEYSIG) ' "$scratch/status" || fail "$1 bears no signature that holds"
  grep -q "^\[GNUPG:\] VALIDSIG .* $signer\$" "$scratch/status" || fail "$1 is not signed by $signer"
  object=$(sed -n '/ NOTATION_NAME object@hoard$/,/ NOTATION_NAME /s/^\[GNUPG:\] NOTATION_DATA //p' "$scratch/status" | tr -d '\n')
  [ "$object" = "$1" ] || fail "$1 bears the signature of another object: $object"
}

# NAME FILE. PostgreSQL takes 1 for the end of the WAL, and what is above 125 for an error: a recovery stops and can be tried again. A standby
# asks again by itself, and would end above 125.
fetch_wal() {
  if [ ! -e standby.signal ]; then failure=255; fi
  open_repository
  case $1 in
    *[!0-9A-Za-z.]*) fail "$1 is not a WAL file" ;;
    *.history) folder=$(printf %.8s "$1") ;;
    *) folder=$(printf %.8s "$1")/$(printf %.16s "$1" | tail -c 8) ;;
  esac
  key='' sha256=''
  for found in "$site/wal/$folder/$1"-*; do
    if [ ! -e "$found" ]; then break; fi
    hash=${found##*-} && hash=${hash%%.*}
    [ "${sha256:-$hash}" = "$hash" ] || fail "there are two contents of $1: find out which is right and move the other away"
    sha256=$hash key=${found#"$repository/"}
  done
  if [ -z "$key" ]; then
    # A folder that cannot be read must not pass for the end of the WAL.
    found=''
    if [ -d "$site/wal" ]; then found=$(find "$site/wal" -name "$1-*") || fail "$site/wal cannot be read"; fi
    [ -z "$found" ] || fail "$1 is not where it should be: $found"
    failure=1
    fail "there is no $1"
  fi
  unfinished=$2.restore.$$
  open_object "$key" "$unfinished"
  check_hash "$unfinished" "$sha256" "$key"
  mv -f "$unfinished" "$2"
}

# FILTER: lines of the manifest, as fields separated by tabs.
of_manifest() {
  jq -r "$1 | @tsv" "$scratch/manifest" || fail "jq cannot read the manifest"
}

# Sets `file` to where the file of a line of the manifest goes. @tsv escapes tabs, newlines and backslashes.
place() {
  file=$1
  case $file in *\\*) file=$(printf '%b.' "$file") && file=${file%.} ;; esac
  case /$file/ in */../* | */./* | *//*) fail "the manifest has the path $1" ;; esac
  if [ "$file" = global/pg_control ]; then file=$file.restore; fi
  file=$directory/$file
}

# LIST of chunks of one pack, a line each: pack, bytes of its key, offset, length, SHA-256, `-` and extensions, position in the file, path.
# Each chunk becomes a file of its own, so that each tool is started once for all of them. The key of the pack is asked for once, as
# every use of a private key takes gpg-agent some milliseconds, and of one with a passphrase far more than 100.
restore_chunks() {
  rm -rf "$scratch/chunks"
  mkdir "$scratch/chunks"
  number=0
  while IFS=$tab read -r pack key_bytes offset length sha256 extension _; do
    number=$((number + 1))
    stored=$site/packs/$pack
    {
      if [ "$key_bytes" -gt 0 ]; then head -c "$key_bytes" "$stored"; fi
      tail -c "+$((offset + 1))" "$stored" | head -c "$length"
    } >"$scratch/chunks/$number$extension"
    echo "$sha256  $number-"
  done <"$1" >"$scratch/hashes"
  IFS=$tab read -r pack key_bytes _ <"$1"
  if [ "$key_bytes" -gt 0 ]; then
    gpg --skip-verify --status-file "$scratch/status" --show-session-key --decrypt "$scratch/chunks"/1-* >"$scratch/first" 2>"$scratch/said" ||
      { cat "$scratch/said" >&2 && fail "gpg cannot open $pack"; }
    sed -n 's/^\[GNUPG:\] SESSION_KEY //p' "$scratch/status" >"$scratch/key"
    gpg --override-session-key-fd 3 --decrypt-files "$scratch/chunks"/*.pgp 3<"$scratch/key" || fail "gpg cannot open $pack"
  fi
  find "$scratch/chunks" -name '*.zst' -exec zstd -dq {} + || fail "zstd cannot open $pack"
  find "$scratch/chunks" -name '*.xz' -exec xz -dkq {} + || fail "xz cannot open $pack"
  for chunk in "$scratch/chunks"/*.sz; do
    if [ -e "$chunk" ]; then snappy "$chunk" "${chunk%.sz}" || fail "snappy cannot open $pack"; fi
  done
  (cd "$scratch/chunks" && sha256sum --check --quiet ../hashes >&2) || fail "$pack is damaged"
  number=0
  while IFS=$tab read -r _ _ _ _ _ _ position path; do
    number=$((number + 1))
    place "$path"
    dd if="$scratch/chunks/$number-" of="$file" bs=1M oflag=seek_bytes seek="$position" conv=notrunc status=none
  done <"$1"
}

# BACKUP DIRECTORY [OID=DIRECTORY]...
restore_backup() {
  open_repository
  backup=$1
  if [ "$backup" = latest ]; then
    for marker in "$site"/backups/*/backup.json; do backup=$(basename "$(dirname "$marker")"); done
  fi
  marker=$site/backups/$backup/backup.json
  [ -e "$marker" ] || fail "there is no backup $backup of site $(basename "$site")"
  head -n -2 "$marker" >"$scratch/marker"
  check_hash "$scratch/marker" "$(jq -r .checksum "$marker")" "backup.json of $backup"
  manifest=sites/$(basename "$site")/backups/$backup/$(jq -r .manifest.key "$marker")
  check_hash "$repository/$manifest" "$(jq -r .manifest.sha256 "$marker")" "$manifest"
  open_object "$manifest" "$scratch/manifest"

  mkdir -p "$2"
  directory=$(cd "$2" && pwd)
  [ -z "$(ls -A "$directory")" ] || fail "$directory is not empty"
  shift 2
  mkdir "$directory/pg_tblspc"
  of_manifest 'select(.kind == "header") | .tablespaces[] | [.oid, .path]' >"$scratch/list"
  while IFS=$tab read -r oid path; do
    tablespace=''
    for mapping; do if [ "${mapping%%=*}" = "$oid" ]; then tablespace=${mapping#*=}; fi; done
    [ -n "$tablespace" ] || fail "say where tablespace $oid goes, which was in $path: $oid=DIRECTORY"
    mkdir -p "$tablespace"
    tablespace=$(cd "$tablespace" && pwd)
    [ -z "$(ls -A "$tablespace")" ] || fail "$tablespace is not empty"
    ln -s "$tablespace" "$directory/pg_tblspc/$oid"
    echo "$oid $tablespace" >>"$directory/tablespace_map"
  done <"$scratch/list"

  of_manifest 'select(.kind == "directory") | [.path]' >"$scratch/list"
  while read -r path; do
    place "$path"
    mkdir -p "$file"
  done <"$scratch/list"
  # A copy decides by itself what it is, and has links of its own.
  files='select(.kind == "file" and ([.path] | inside(["tablespace_map", "standby.signal", "recovery.signal", "postmaster.pid", "postmaster.opts"]) | not))'
  of_manifest "$files | [.path]" >"$scratch/list"
  while read -r path; do
    place "$path"
    : >"$file"
  done <"$scratch/list"

  say "restoring $backup into $directory"
  # In the order of the packs, in lists of at most 256 chunks, each of one pack.
  # shellcheck disable=SC2016 # the variables are those of jq
  of_manifest "$files"' | .path as $path | foreach .chunks[] as [$sha256, $size, $codec, $pack, $offset, $length, $keyBytes]
    ({end: 0}; {start: .end, end: (.end + $size)};
      ($pack | split("/")) as [$backup, $number] | ($keyBytes // 0) as $keyBytes | (if $keyBytes > 0 then ".pgp" else "" end) as $pgp
      | [$backup + "/" + ("0000000" + $number)[-8:] + ".pack" + $pgp, $keyBytes, $offset, $length, $sha256,
         {zstd: "-.zst", lzma: "-.xz", snappy: "-.sz", none: "-"}[$codec] + $pgp, .start, $path])' >"$scratch/chunk-list"
  mkdir "$scratch/lists"
  sort -t "$tab" -k 1,1 -k 3,3n "$scratch/chunk-list" | awk -F "$tab" -v to="$scratch/lists" '
    $1 != pack || count == 256 { close(list); list = sprintf("%s/%09d", to, ++lists); pack = $1; count = 0 }
    { print > list; count++ }'
  for list in "$scratch"/lists/*; do restore_chunks "$list"; done

  of_manifest "$files | [.mode, .size, .path]" >"$scratch/list"
  while IFS=$tab read -r mode size path; do
    place "$path"
    [ "$(stat -c %s "$file")" -eq "$size" ] || fail "$file has not the $size bytes that the manifest says"
    if [ "$mode" -ne 384 ]; then chmod "$(printf %o "$mode")" "$file"; fi # 0600, as PostgreSQL makes them
  done <"$scratch/list"
  of_manifest 'select(.kind == "directory" and .mode != 448) | [.mode, .path]' >"$scratch/list"
  while IFS=$tab read -r mode path; do
    place "$path"
    chmod "$(printf %o "$mode")" "$file"
  done <"$scratch/list"

  jq -j 'select(.kind == "footer") | .backupLabel // empty' "$scratch/manifest" >"$scratch/backup_label"
  if [ -s "$scratch/backup_label" ]; then cp "$scratch/backup_label" "$directory/backup_label"; fi
  write_settings
  : >"$directory/recovery.signal"
  # PostgreSQL does not start without pg_control: a restore that was broken off is none.
  sync
  mv "$directory/global/pg_control.restore" "$directory/global/pg_control"
  sync
  say "done: start PostgreSQL $(($(jq .version "$marker") / 10000)) on $directory; what is to be set before, the recovery's target say, goes to the end of postgresql.auto.conf"
}

# Of two recovery targets PostgreSQL takes none, and a copy must not archive into the repository of its source.
write_settings() {
  command=''
  for word in env ${GNUPGHOME:+"GNUPGHOME=$GNUPGHOME"} ${PASSPHRASE_FILE:+"PASSPHRASE_FILE=$PASSPHRASE_FILE"} ${signer:+"SIGNER=$signer"} \
    ${SNAPPY:+"SNAPPY=$SNAPPY"} \
    sh "$(cd "$(dirname "$0")" && pwd)/$(basename "$0")" wal "$repository" "$(basename "$site")"; do
    command="$command'$(printf %s "$word" | sed "s/'/'\\\\''/g")' "
  done
  settings=$directory/postgresql.auto.conf
  if [ -e "$settings" ]; then sed -E -i 's/^[[:space:]]*recovery_target(_lsn|_name|_time|_xid)?[[:space:]=]/# &/' "$settings"; fi
  {
    echo
    printf %s "$command" | sed -e 's/%/%%/g' -e 's/\\/\\\\/g' -e "s/'/''/g" -e "s/^/restore_command = '/"
    echo "%f \"%p\"'"
    echo "archive_mode = off"
  } >>"$settings"
}

# Sets `repository` and `site`, and refuses what is neither: an empty folder must not pass for one without backups or WAL.
open_repository() {
  repository=$(cd "$repository" && pwd)
  site=$repository/sites/$site
  for document in "$repository/hoard.json" "$site/site.json"; do
    [ -e "$document" ] || fail "there is no $document: this is not a site in a repository of hoard"
  done
  scratch=$(mktemp -d)
}

tab=$(printf '\t')
signer=$(printf %s "${SIGNER:-}" | tr -d ' ' | tr a-f A-F)
verify=''
if [ -z "$signer" ]; then verify=--skip-verify; fi
if [ "$#" -eq 5 ] && [ "$1" = wal ]; then
  repository=$2 site=$3
  fetch_wal "$4" "$5"
elif [ "$#" -ge 4 ]; then
  repository=$1 site=$2
  shift 2
  if [ -z "$signer" ]; then say "SIGNER is not set: whether the backup was signed is not looked at"; fi
  restore_backup "$@"
else
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 1
fi
