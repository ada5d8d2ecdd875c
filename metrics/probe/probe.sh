# Tomo Monitor's probe: reads /proc and /sys, writes nothing anywhere, and takes nothing from its caller
# but requests of the form "@ NUMBER NONCE PARTS". Each answer is made of parts, marked by "@@NONCE NAME"
# at the start of a line, and ends with "@@NONCE end NUMBER". PARTS: f = facts, m = look for mounts anew.
# POSIX sh with awk, stat and grep; tried with dash, bash and busybox.
LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset IFS ENV CDPATH
newline='
'
locals='' remotes='' sensors=''

limit() { "$@"; }
if timeout 5 true </dev/null >/dev/null 2>&1; then
  limit() { timeout -s KILL 2 "$@"; }
elif timeout -t 5 true </dev/null >/dev/null 2>&1; then
  limit() { timeout -t 2 -s KILL "$@"; }
fi

# The mount points of one sort, a line each, with the kernel's octal escapes undone.
mount_points() {
  awk -v remote="$1" '
    function decoded(s) {
      gsub(/\\040/, " ", s); gsub(/\\011/, "\t", s); gsub(/\\043/, "#", s); gsub(/\\134/, "\\", s)
      return s
    }
    $3 ~ /^(autofs|binfmt_misc|bpf|cgroup|cgroup2|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|fuse\.lxcfs|fuse\.gvfsd-fuse|fuse\.portal|hugetlbfs|iso9660|mqueue|nsfs|proc|pstore|rpc_pipefs|ramfs|securityfs|selinuxfs|squashfs|erofs|sysfs|tmpfs|tracefs)$/ { next }
    $3 == "overlay" && $2 != "/" { next }
    $2 ~ /^\/(proc|sys|dev|run\/credentials|var\/lib\/docker|var\/lib\/containers)(\/|$)/ || $2 ~ /\\012/ { next }
    ($3 ~ /^(nfs|nfs4|cifs|smb3|smbfs|ceph|glusterfs|lustre|afs|9p|fuse\.sshfs|fuse\.glusterfs|fuse\.s3fs|fuse\.rclone|fuse\.ceph)$/) == remote { print decoded($2) }
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

usage() { limit stat -f -c '%S %b %f %a %c %d %n' -- "$@" </dev/null 2>/dev/null; }

filesystems() {
  echo "@@$nonce filesystems"
  IFS=$newline
  set -f
  # shellcheck disable=SC2086  # one mount point a line
  [ -n "$locals" ] && usage $locals
  answering='' jobs=''
  for mount in $remotes; do
    usage "$mount" &
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

devices() {
  echo "@@$nonce blocks"
  echo /sys/block/*
  echo "@@$nonce interfaces"
  for interface in /sys/class/net/*; do
    [ -e "$interface/bonding_slave" ] && printf '%s slave\n' "${interface##*/}"
    [ -e "$interface/device" ] && printf '%s device\n' "${interface##*/}"
  done
}

temperatures() {
  echo "@@$nonce temperatures"
  [ -n "$sensors" ] && limit grep -s . /dev/null /sys/class/hwmon/hwmon*/name /sys/class/hwmon/hwmon*/temp*_label \
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

kernel() {
  awk -v nonce="$nonce" '
    function part(name, file,   line) {
      print "@@" nonce " " name
      while ((getline line < file) > 0) print line
      close(file)
    }
    BEGIN {
      part("boot_id", "/proc/sys/kernel/random/boot_id")
      part("uptime", "/proc/uptime")
      print "@@" nonce " stat"
      while ((getline line < "/proc/stat") > 0) if (line ~ /^(cpu|btime)/) print line
      print "@@" nonce " diskstats"
      while ((getline line < "/proc/diskstats") > 0) if (line !~ / (loop|ram|zram|fd|sr)[0-9]+ /) print line
      part("net", "/proc/net/dev")
      part("loadavg", "/proc/loadavg")
      print "@@" nonce " meminfo"
      while ((getline line < "/proc/meminfo") > 0)
        if (line ~ /^(Mem(Total|Free|Available)|Buffers|Cached|SReclaimable|Shmem|Swap(Total|Free|Cached)):/) print line
      part("pressure_cpu", "/proc/pressure/cpu")
      part("pressure_memory", "/proc/pressure/memory")
      part("pressure_io", "/proc/pressure/io")
      print "@@" nonce " arcstats"
      while ((getline line < "/proc/spl/kstat/zfs/arcstats") > 0) if (line ~ /^(size|c_min) /) print line
      print "@@" nonce " mounts"
      while ((getline line < "/proc/self/mounts") > 0) {
        split(line, field, " ")
        if (field[3] !~ /^(overlay|cgroup2?|tmpfs|nsfs|squashfs)$/ || field[2] == "/")
          print field[1], field[2], field[3], substr(field[4], 1, 2)
      }
    }' </dev/null 2>/dev/null
}

{
  echo 'tomo-probe 1'
  while read -r at number nonce parts; do
    [ "$at" = @ ] || continue
    case $number in '' | *[!0-9]*) continue ;; esac
    case $nonce in '' | *[!0-9a-f]*) continue ;; esac
    case $parts in *m*) look_for_mounts ;; esac
    kernel
    devices
    filesystems
    temperatures
    case $parts in *f*) facts ;; esac
    echo "@@$nonce end $number"
  done
}
