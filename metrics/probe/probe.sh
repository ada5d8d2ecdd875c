# Tomo Monitor's probe: reads /proc and /sys, writes nothing anywhere, and takes nothing from its caller
# but requests of the form "@ NUMBER NONCE PARTS IDS". Each answer is made of parts, marked by "@@NONCE NAME"
# at the start of a line, and ends with "@@NONCE end NUMBER". PARTS: any of f = facts, m = look for mounts anew,
# c = list the containers even if none came or went; or inspect-ENGINE or logs-ENGINE, of the containers IDS alone.
# POSIX sh with awk, stat and grep, and curl, gzip and base64 where an engine is asked; tried with dash, bash and
# busybox.
LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset IFS ENV CDPATH
newline='
'
locals='' remotes='' sensors='' found='' listed=unknown
hex='[0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
user=$(id -u)
docker_way='' docker_socket='' podman_way='' podman_socket=''

# limit SECONDS COMMAND …
limit() { shift && "$@"; }
if timeout 5 true </dev/null >/dev/null 2>&1; then
  limit() { timeout -s KILL "$@"; }
elif timeout -t 5 true </dev/null >/dev/null 2>&1; then
  limit() { timeout -s KILL -t "$@"; }
fi

awk='awk'
command -v mawk >/dev/null && awk='mawk' # starts and runs in half of gawk's time

# Where the cgroups of containers are: version 2 has one tree, version 1 one for each controller, all alike.
groups=/sys/fs/cgroup
if [ ! -e $groups/cgroup.controllers ]; then
  for controller in memory cpuacct systemd; do
    [ -d /sys/fs/cgroup/$controller ] && groups=/sys/fs/cgroup/$controller && break
  done
fi

# The mount points of one sort, a line each, with the kernel's octal escapes undone. A disk's figures are in the kernel's
# memory; anything else may hang, and is asked under a time limit.
mount_points() {
  awk -v remote="$1" '
    function decoded(s) {
      gsub(/\\040/, " ", s); gsub(/\\011/, "\t", s); gsub(/\\043/, "#", s); gsub(/\\134/, "\\", s)
      return s
    }
    $3 ~ /^(autofs|binfmt_misc|bpf|cgroup|cgroup2|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|fuse\.lxcfs|fuse\.gvfsd-fuse|fuse\.portal|hugetlbfs|iso9660|mqueue|nsfs|proc|pstore|rpc_pipefs|ramfs|securityfs|selinuxfs|squashfs|erofs|sysfs|tmpfs|tracefs)$/ { next }
    $3 == "overlay" && $2 != "/" { next }
    $2 ~ /^\/(proc|sys|dev|run\/credentials|var\/lib\/docker|var\/lib\/containers)(\/|$)/ || $2 ~ /\\012/ { next }
    ($3 ~ /^(ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|bcachefs|nilfs2|vfat|exfat|ntfs3|overlay)$/) != remote { print decoded($2) }
  ' /proc/self/mounts </dev/null 2>/dev/null
}

look_for_mounts() {
  locals=$(mount_points 0)
  remotes=$(mount_points 1)
  sensors=''
  for sensor in /sys/class/hwmon/hwmon*/temp*_input /sys/class/thermal/thermal_zone*/temp; do
    [ -e "$sensor" ] && sensors=yes
  done
}

usage='%S %b %f %a %c %d %n'

look_at_disks() {
  figures=''
  [ -n "$locals" ] || return
  IFS=$newline
  set -f
  # shellcheck disable=SC2086  # one mount point a line
  figures=$(stat -f -c "$usage" -- $locals </dev/null 2>/dev/null)
  set +f
  unset IFS
}

remote_filesystems() {
  [ -n "$remotes" ] || return
  IFS=$newline
  set -f
  answering='' jobs=''
  for mount in $remotes; do
    limit 2 stat -f -c "$usage" -- "$mount" </dev/null 2>/dev/null &
    jobs="$jobs$!$newline"
  done
  # shellcheck disable=SC2086  # one process a line
  set -- $jobs
  for mount in $remotes; do
    # One that hangs is left out until the mounts are looked for again.
    wait "$1" && answering="$answering$mount$newline"
    shift
  done
  remotes=$answering
  set +f
  unset IFS
}

# In $devices, for each thing that a shell prints is a packet of its own, with all that this costs on both sides.
look_for_devices() {
  set -- /sys/block/*
  devices="@@$nonce blocks$newline$*$newline@@$nonce interfaces$newline"
  for interface in /sys/class/net/*; do
    [ -e "$interface/bonding_slave" ] && devices="$devices${interface##*/} slave$newline"
    [ -e "$interface/device" ] && devices="$devices${interface##*/} device$newline"
  done
}

temperatures() {
  echo "@@$nonce temperatures"
  [ -n "$sensors" ] && limit 2 grep -s . /dev/null /sys/class/hwmon/hwmon*/name /sys/class/hwmon/hwmon*/temp*_label \
    /sys/class/hwmon/hwmon*/temp*_input /sys/class/thermal/thermal_zone*/type /sys/class/thermal/thermal_zone*/temp </dev/null 2>/dev/null
}

facts() {
  echo "@@$nonce os-release"
  awk '{ print }' /etc/os-release </dev/null 2>/dev/null # ends the last line even where the file does not
  echo "@@$nonce uname"
  uname -srm
  echo "@@$nonce cpuinfo"
  awk '/^(model name|Model|Hardware|cpu model)[ \t]*:/ { print; exit }' /proc/cpuinfo </dev/null 2>/dev/null
}

# What the kernel counts of the server, and below of each container: one awk for both. It prints all at its end, because
# gawk writes what it has whenever it opens a file.
server_program='
  function say(line) { said[++lines] = line }
  function part(name, file,   line) {
    say("@@" nonce " " name)
    while ((getline line < file) > 0) say(line)
    close(file)
  }
  BEGIN {
    part("boot_id", "/proc/sys/kernel/random/boot_id")
    part("uptime", "/proc/uptime")
    say("@@" nonce " stat")
    while ((getline line < "/proc/stat") > 0) if (line ~ /^(cpu|btime)/) say(line)
    say("@@" nonce " diskstats")
    while ((getline line < "/proc/diskstats") > 0) if (line !~ / (loop|ram|zram|fd|sr)[0-9]+ /) say(line)
    part("net", "/proc/net/dev")
    part("loadavg", "/proc/loadavg")
    say("@@" nonce " meminfo")
    while ((getline line < "/proc/meminfo") > 0)
      if (line ~ /^(Mem(Total|Free|Available)|Buffers|Cached|SReclaimable|Shmem|Swap(Total|Free|Cached)):/) say(line)
    part("pressure_cpu", "/proc/pressure/cpu")
    part("pressure_memory", "/proc/pressure/memory")
    part("pressure_io", "/proc/pressure/io")
    say("@@" nonce " arcstats")
    while ((getline line < "/proc/spl/kstat/zfs/arcstats") > 0) if (line ~ /^(size|c_min) /) say(line)
    say("@@" nonce " mounts")
    while ((getline line < "/proc/self/mounts") > 0) {
      split(line, field, " ")
      if (field[3] !~ /^(overlay|cgroup2?|tmpfs|nsfs|squashfs)$/ || field[2] == "/")
        say(field[1] " " field[2] " " field[3] " " substr(field[4], 1, 2))
    }
    say("@@" nonce " session")
    if ((getline line < ("/proc/" parent "/stat")) > 0 && line ~ /^[0-9]+ [(](sshd|dropbear)/) {
      sub(/.*[)] /, "", line)
      split(line, field, " ")
      say(field[12] " " field[13])
    }
  }
'

# Every container's cgroup with one of its processes, a line each; docs/architecture.md shows the layouts. A container
# that is started anew has a cgroup with another inode, and one on the server's own network has the inode of that.
look_for_containers() {
  found='' places='' networks='' count=0
  sessions="$groups/user.slice/user-*.slice/user@*.service"
  # shellcheck disable=SC2086,SC2231  # a pattern
  for place in "$groups"/*/ "$groups"/*/*.slice/ "$groups"/libpod_parent/*/ $sessions/*/ $sessions/*/*.slice/; do
    # shellcheck disable=SC2231
    for group in "$place"*$hex$hex*; do
      case $group in *conmon* | *' '* | *'*'*) continue ;; esac
      process=''
      for inner in '' /container /init /init.scope; do
        [ -n "$process" ] || read -r process <"$group$inner/cgroup.procs"
      done
      [ -n "$process" ] || continue
      found="$found$group $process$newline"
      places="$places $group"
      networks="$networks /proc/$process/net/dev"
      count=$((count + 1))
      if [ $count -gt 500 ] || [ ${#found} -gt 100000 ]; then break 2; fi
    done
  done 2>/dev/null
}

# The inodes of all that was looked at; in front those that change when a container comes or goes: $running.
look_at_containers() {
  inodes=''
  # shellcheck disable=SC2086  # one file a word
  [ -n "$found" ] && inodes=$(stat -c '%i %n' $places /proc/self/net/dev $networks </dev/null 2>/dev/null)
  running=${inodes%% /proc/self/*}
}

# A line per container: cgroup, a process, CPU time, memory, its inactive file cache and limit, CPU quota and period,
# processes, bytes read and written, out-of-memory kills, bytes received and sent; "-" is what cannot be read.
# shellcheck disable=SC2016
containers_program='
  function value(file, key, column,   text) {
    text = "-"
    while ((getline < file) > 0) if (key == "" || $1 == key) { text = $column; break }
    close(file)
    return text
  }
  function moved(file,   there, i, read, written) {
    while ((there = (getline < file)) > 0) {
      if ($2 == "Read") read += $3
      if ($2 == "Write") written += $3
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^rbytes=/) read += substr($i, 8)
        if ($i ~ /^wbytes=/) written += substr($i, 8)
      }
    }
    close(file)
    return there < 0 ? "- -" : sprintf("%.0f %.0f", read, written)
  }
  function passed(file,   there, received, sent) {
    while ((there = (getline < file)) > 0) {
      if (!sub(/:/, " ") || $1 == "lo") continue
      received += $2
      sent += $10
    }
    close(file)
    return there < 0 ? "- -" : sprintf("%.0f %.0f", received, sent)
  }
  function quota(text) { return text ~ / / ? text : "- -" }
  BEGIN {
    v2 = tree == "/sys/fs/cgroup"
    say("@@" nonce " cgroups")
    say(v2 ? "v2" : "v1")
    groups = split(ENVIRON["found"], found, "\n")
    for (n = 1; n <= groups; n++) {
      if (split(found[n], word, " ") != 2) continue
      group = word[1]; process = word[2]
      if (v2)
        say(group " " process " " value(group "/cpu.stat", "usage_usec", 2) " " value(group "/memory.current", "", 1) \
          " " value(group "/memory.stat", "inactive_file", 2) " " value(group "/memory.max", "", 1) \
          " " quota(value(group "/cpu.max", "", 0)) " " value(group "/pids.current", "", 1) " " moved(group "/io.stat") \
          " " value(group "/memory.events", "oom_kill", 2) " " passed("/proc/" process "/net/dev"))
      else {
        path = substr(group, length(tree) + 1)
        cpu = "/sys/fs/cgroup/cpu" path; memory = "/sys/fs/cgroup/memory" path
        say(group " " process " " value("/sys/fs/cgroup/cpuacct" path "/cpuacct.usage", "", 1) \
          " " value(memory "/memory.usage_in_bytes", "", 1) " " value(memory "/memory.stat", "total_inactive_file", 2) \
          " " value(memory "/memory.limit_in_bytes", "", 1) " " value(cpu "/cpu.cfs_quota_us", "", 1) \
          " " value(cpu "/cpu.cfs_period_us", "", 1) " " value("/sys/fs/cgroup/pids" path "/pids.current", "", 1) \
          " " moved("/sys/fs/cgroup/blkio" path "/blkio.throttle.io_service_bytes") \
          " " value(memory "/memory.oom_control", "oom_kill", 2) " " passed("/proc/" process "/net/dev"))
      }
    }
    for (n = 1; n <= lines; n++) print said[n]
  }
'

kernel() {
  found=$found $awk -v nonce="$nonce" -v tree="$groups" -v parent="$PPID" "$server_program $containers_program" </dev/null 2>/dev/null
  printf '@@%s inodes\n%s\n%s@@%s filesystems\n%s\n' "$nonce" "$inodes" "$devices" "$nonce" "$figures"
}

packed() { gzip -c | base64 | head -c 400000; } # what is cut off so cannot be unpacked, and spoils nothing else

# over_socket LIST SOCKET…: the list of containers from the first that answers, in $answer; $way is socket, or what
# stood in the way of the first that is there: absent, denied, down, slow, or uncurled.
over_socket() {
  list=$1 way=absent answer=''
  shift
  for socket; do
    [ -S "$socket" ] || continue
    reason=denied
    if [ -w "$socket" ]; then
      command -v curl >/dev/null || { way=uncurled && return; }
      answer=$(limit 4 curl -sf -w '%{http_code}' --unix-socket "$socket" "http://localhost/$list" </dev/null 2>/dev/null)
      case $?-$answer in
        0-*) way=socket answer=${answer%200} && return ;;
        7-* | 22-5*) reason=down ;;
        22-*) ;;
        *) reason=slow ;;
      esac
      answer=''
    fi
    [ "$way" = absent ] && way=$reason
  done
}

list_docker() {
  over_socket 'containers/json?all=1&limit=501' /run/tomo/docker.sock /var/run/docker.sock "/run/user/$user/docker.sock"
  if [ "$way" = uncurled ]; then
    answer=$(limit 4 docker -H "unix://$socket" ps -a --no-trunc -n 501 --format '{"Id":{{json .ID}},"Names":[{{json .Names}}],"Image":{{json .Image}},"State":{{json .State}},"Status":{{json .Status}},"Labels":{"com.docker.compose.project":{{json (.Label "com.docker.compose.project")}},"com.docker.compose.service":{{json (.Label "com.docker.compose.service")}},"com.docker.compose.container-number":{{json (.Label "com.docker.compose.container-number")}},"com.docker.compose.oneoff":{{json (.Label "com.docker.compose.oneoff")}}}}' </dev/null 2>/dev/null)
    case $? in
      0) way=cli ;;
      127) ;;
      *) way=down ;;
    esac
  fi
  [ "$way" = absent ] && command -v dockerd >/dev/null && way=down
  docker_way=$way docker_socket=$socket
}

list_podman() {
  # Its answer in Docker's own form has no health.
  over_socket 'v4.0.0/libpod/containers/json?all=true&limit=501' /run/podman/podman.sock "/run/user/$user/podman/podman.sock"
  storage=$HOME/.local/share/containers/storage
  [ "$user" = 0 ] && storage=/var/lib/containers/storage
  if [ "$way" != socket ] && [ -d "$storage" ] && command -v podman >/dev/null; then
    answer=$(limit 4 podman ps -a --last 501 --format json </dev/null 2>/dev/null) && way=cli || way=slow
  fi
  podman_way=$way podman_socket=$socket
}

# What a helper run by root wrote, else what the engines themselves tell.
containers() {
  if [ -r /run/tomo/containers ]; then
    echo "@@$nonce helper"
    packed </run/tomo/containers
    return
  fi
  for engine in docker podman; do
    list_$engine
    echo "@@$nonce $engine"
    echo "$way"
    case $way in socket | cli) printf '%s\n' "$answer" | packed ;; esac
  done
}

# ask_about WHAT ENGINE: of the containers $ids, over the way that listed them.
ask_about() {
  what=$1 engine=$2 urls=''
  case $engine in
    docker) way=$docker_way socket=$docker_socket ;;
    podman) way=$podman_way socket=$podman_socket ;;
  esac
  echo "@@$nonce $what"
  echo "$way"
  case $what in
    inspect) page='json' after='\n' most=2000000 ;;
    logs) page='logs?stdout=1&stderr=1&tail=50' after='' most=250000 ;;
  esac
  for id in $ids; do urls="$urls http://localhost/containers/$id/$page"; done
  # shellcheck disable=SC2086  # one word a container
  case $way in
    socket) limit 4 curl -sf --unix-socket "$socket" -w "$after" $urls ;;
    cli) "${what}_by_cli" ;;
  esac </dev/null 2>&1 | head -c "$most" | packed
}

# What of an inspection is wanted, in the shape of the engines' own answer.
inspect_by_cli() {
  # shellcheck disable=SC2086
  by_cli inspect --type container --format '{"Id":{{json .ID}},"Name":{{json .Name}},"Created":{{json .Created}},"Image":{{json .Image}},"RestartCount":{{json .RestartCount}},"State":{"Status":{{json .State.Status}},"ExitCode":{{json .State.ExitCode}},"OOMKilled":{{json .State.OOMKilled}},"StartedAt":{{json .State.StartedAt}},"FinishedAt":{{json .State.FinishedAt}}{{with .State.Health}},"Health":{"Status":{{json .Status}}}{{end}}},"HostConfig":{"RestartPolicy":{"Name":{{json .HostConfig.RestartPolicy.Name}}}},"Config":{"Image":{{json .Config.Image}}}}' $ids
}

# shellcheck disable=SC2086
logs_by_cli() { by_cli logs --tail 50 $ids; }

by_cli() {
  case $engine in
    docker) limit 4 docker -H "unix://$socket" "$@" ;;
    podman) limit 4 podman "$@" ;;
  esac
}

# What watching has cost here so far: the CPU time of this shell and of all that it started. That of its SSH session, in
# ticks, is told above.
cost() {
  echo "@@$nonce cost"
  times
}

sample() {
  case $parts in *m*) look_for_mounts ;; esac
  look_for_containers
  look_at_containers
  look_for_devices
  look_at_disks
  kernel
  remote_filesystems
  temperatures
  case $parts in *c*) listed=unknown ;; esac
  [ "$running" = "$listed" ] || containers
  listed=$running
  case $parts in *f*) facts ;; esac
  cost
}

{
  echo 'tomo-probe 1'
  while read -r at number nonce parts ids; do
    [ "$at" = @ ] || continue
    case $number in '' | *[!0-9]*) continue ;; esac
    case $nonce in '' | *[!0-9a-f]*) continue ;; esac
    case $ids in *[!0-9a-f\ ]*) continue ;; esac
    case $parts in
      inspect-docker | inspect-podman) ask_about inspect "${parts#inspect-}" ;;
      logs-docker | logs-podman) ask_about logs "${parts#logs-}" ;;
      *) sample ;;
    esac
    echo "@@$nonce end $number"
  done
}
