#!/bin/sh
# Writes what Tomo Monitor shows of this server's containers into /run/tomo/containers, for all to read: names, images,
# states, health, restarts and compose project. Nothing of their commands, environment, other labels or logs. Run by root, every half minute.
LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 022
template='{"Id":{{json .ID}},"Name":{{json .Name}},"Created":{{json .Created}},"Image":{{json .Image}},"RestartCount":{{json .RestartCount}},"State":{"Status":{{json .State.Status}},"ExitCode":{{json .State.ExitCode}},"OOMKilled":{{json .State.OOMKilled}},"StartedAt":{{json .State.StartedAt}},"FinishedAt":{{json .State.FinishedAt}}{{with .State.Health}},"Health":{"Status":{{json .Status}}}{{end}}},"HostConfig":{"RestartPolicy":{"Name":{{json .HostConfig.RestartPolicy.Name}}}},"Config":{"Image":{{json .Config.Image}},"Labels":{"com.docker.compose.project":{{json (index .Config.Labels "com.docker.compose.project")}},"com.docker.compose.service":{{json (index .Config.Labels "com.docker.compose.service")}},"com.docker.compose.container-number":{{json (index .Config.Labels "com.docker.compose.container-number")}},"com.docker.compose.oneoff":{{json (index .Config.Labels "com.docker.compose.oneoff")}}}}}'

# engine NAME OPTION: how it fares and, a line each, its containers.
engine() {
  told=''
  ids=$(timeout 10 "$1" ps -aq --no-trunc "$2" 501 2>/dev/null) || { echo "$1 down" && return; }
  # shellcheck disable=SC2086  # one id a word
  [ -z "$ids" ] || told=$(timeout 10 "$1" inspect --type container --format "$template" $ids 2>/dev/null)
  if [ -n "$ids" ] && [ -z "$told" ]; then echo "$1 slow" && return; fi
  printf '%s listed\n%s\n' "$1" "$told"
}

mkdir -p /run/tomo
{
  echo "tomo-containers 1 $(date +%s)"
  if command -v docker >/dev/null; then engine docker -n; fi
  if command -v podman >/dev/null && [ -d /var/lib/containers/storage ]; then engine podman --last; fi
} >/run/tomo/containers.new
mv /run/tomo/containers.new /run/tomo/containers
