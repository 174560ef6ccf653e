#!/bin/sh
# Starts one Valkey with the account `berth` only. Usage: start.sh broker|data; reads VALKEY_PASSWORD.
# The password goes into files of mode 0600 as a SHA-256, never into a command line.
set -eu
umask 077
role=$1
home=${VALKEY_HOME:-/data}
temporary=${VALKEY_TMP:-/tmp}
port=${VALKEY_PORT:-6379}
digest=$(printf '%s' "$VALKEY_PASSWORD" | sha256sum | cut -d ' ' -f 1)
admin="user berth on #$digest ~* &* +@all"
nobody="user default off resetchannels -@all"
config="$temporary/valkey.conf"

printf 'bind * -::*\nport %s\ndir "%s"\nloglevel notice\nsave ""\n' "$port" "$home" >"$config"
case $role in
broker)
    printf 'appendonly no\n%s\n%s\n' "$nobody" "$admin" >>"$config"
    ;;
data)
    users="$home/users.acl"
    touch "$users"
    { printf '%s\n%s\n' "$nobody" "$admin"; grep -Ev '^user (berth|default) |^$' "$users" || true; } >"$users.new"
    mv "$users.new" "$users"
    printf 'appendonly yes\nappendfsync everysec\naclfile "%s"\n' "$users" >>"$config"
    ;;
*)
    echo "start.sh: the role is broker or data, not $role" >&2
    exit 2
    ;;
esac
unset VALKEY_PASSWORD
exec valkey-server "$config"
