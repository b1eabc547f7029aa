#!/usr/bin/env bash
# Writes the secrets that docker-compose.yml mounts, each a file in deploy/secrets/. What is there already stays:
# changing a password means changing it in the service too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The folder is closed to other users of this machine; inside the containers each file is read by a user without rights.
mkdir -p secrets
chmod 700 secrets

random() { # hexadecimal, so that it fits into an address and a configuration file as it is
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

secret() { # NAME CONTENT
    [ -s "secrets/$1" ] && return
    printf '%s' "$2" >"secrets/$1"
    chmod 444 "secrets/$1"
    echo "made deploy/secrets/$1"
}

secret postgres_password "$(random)"
secret redis_password "$(random)"
secret secret_key "$(random)"
secret storage_access_key "$(random)"
secret storage_secret_key "$(random)"

secret database_url "postgres://graft:$(cat secrets/postgres_password)@postgres:5432/graft"
secret redis_url "redis://:$(cat secrets/redis_password)@redis:6379/0"
secret redis_config "requirepass $(cat secrets/redis_password)
save \"\"
appendonly no
"
access_key=$(cat secrets/storage_access_key)
secret_key=$(cat secrets/storage_secret_key)
secret storage_url "s3://$access_key:$secret_key@graft?endpoint=http://storage:8333&region=us-east-1"
secret storage_identities "{\"identities\": [{\"name\": \"graft\",
  \"credentials\": [{\"accessKey\": \"$access_key\", \"secretKey\": \"$secret_key\"}],
  \"actions\": [\"Admin\", \"Read\", \"List\", \"Tagging\", \"Write\"]}]}
"
