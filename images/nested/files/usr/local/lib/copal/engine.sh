# What a container needs before a Docker Engine can run inside of it. Sourced by the builder's and the device's start.

say() { echo "$*" >&2; }

# Mounts propagate to the containers inside, and cgroups can be written, of either version.
prepare_mounts() {
  mount --make-rshared /
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    remount_writable /sys/fs/cgroup
    # A cgroup with controllers for its children may have no processes of its own (cgroups v2).
    mkdir -p /sys/fs/cgroup/init
    while read -r process; do
      echo "$process" > /sys/fs/cgroup/init/cgroup.procs 2>/dev/null || true
    done < /sys/fs/cgroup/cgroup.procs
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
      echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
    done
  else
    awk '$3 == "cgroup" { print $2 }' /proc/mounts | while read -r folder; do remount_writable "$folder"; done
  fi
  remount_writable /sys
}

remount_writable() {
  # Of the mount alone ("bind"): the file system behind it is the host's, too.
  mount -o remount,bind,rw "$1" 2>/dev/null || mount -o remount,rw "$1" || say "cannot make $1 writable"
}

# Not every kernel has what the newer iptables needs.
choose_iptables() {
  iptables -nL > /dev/null 2>&1 && return
  for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    family=${name%%-*} action=${name#"$family"}
    ln -sf "/usr/sbin/$family-legacy$action" "/usr/local/sbin/$name"
  done
}

# JSON for the runc in front of runc: what containers can be given where CAP_SYS_RESOURCE is missing, else nothing.
allowed_powers() {
  capabilities=$(setpriv --dump | sed -n 's/^Capability bounding set: //p')
  case ,$capabilities, in
    *,sys_resource,*) echo '{}' && return ;;
  esac
  jq -n --arg names "$capabilities" --rawfile limits /proc/self/limits '{
    capabilities: [$names | split(",")[] | "CAP_" + ascii_upcase],
    rlimits: ({
      "Max open files": "RLIMIT_NOFILE", "Max processes": "RLIMIT_NPROC", "Max locked memory": "RLIMIT_MEMLOCK",
      "Max core file size": "RLIMIT_CORE", "Max stack size": "RLIMIT_STACK", "Max file size": "RLIMIT_FSIZE",
      "Max pending signals": "RLIMIT_SIGPENDING", "Max msgqueue size": "RLIMIT_MSGQUEUE",
      "Max nice priority": "RLIMIT_NICE", "Max realtime priority": "RLIMIT_RTPRIO",
      "Max address space": "RLIMIT_AS", "Max data size": "RLIMIT_DATA", "Max resident set": "RLIMIT_RSS",
      "Max file locks": "RLIMIT_LOCKS", "Max realtime timeout": "RLIMIT_RTTIME", "Max cpu time": "RLIMIT_CPU"
    } as $types
      | [$limits | split("\n")[] | capture("^(?<name>Max [a-z ]+?) {2,}\\S+ +(?<hard>\\d+)")
         | select($types[.name]) | { key: $types[.name], value: (.hard | tonumber) }]
      | from_entries)
  }'
}

# Names for containers, answered at the bridge: whatever the host's resolver is, the engine outside knows how to ask
# it, at 127.0.0.11, which containers inside cannot reach. $1: the bridge's address; then more options.
serve_names() {
  address=$1
  shift
  # bind-dynamic: the bridge appears only when the engine inside has started.
  dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root \
    --bind-dynamic --interface=docker0 --except-interface=lo --listen-address="$address" \
    --no-resolv --server=127.0.0.11 --cache-size=1000 --no-negcache "$@"
}
