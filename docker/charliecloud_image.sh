#!/bin/sh
# The image as a folder for Charliecloud's ch-run: charliecloud_image.sh IMAGE FOLDER. Like ch-convert, with docker alone.
set -eu
image=$1 folder=$2
mkdir -p "$folder"
container=$(docker create "$image")
docker export "$container" | tar --extract --directory "$folder" --no-same-owner --exclude='dev/*'
docker rm "$container" >/dev/null
mkdir -p "$folder/dev" "$folder/proc" "$folder/sys" "$folder/tmp" "$folder/ch"
# ch-run applies the image's variables only from this file.
docker image inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$image" >"$folder/ch/environment"
