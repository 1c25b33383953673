#!/usr/bin/env bash
# Two hosts on one machine: network namespaces, joined by a link. Runs a program as one process on each, over MPI's TCP.
#
#   scripts/two_hosts.sh [--rate 1gbit] [--burst 256kb] [--cut SECONDS] PROGRAM ARGS…
#
# --rate limits the link, and what passes at once, in tc's words: 10gbit wants a burst of 4mb. --cut takes it down after so many seconds, as if a host were lost. Needs Linux, root,
# iproute2 and Open MPI; ends with 77 where the machine allows no network namespaces. The exit code is mpirun's.
set -euo pipefail

rate='' burst=256kb cut=''
while true; do
    case ${1:-} in
        --rate) rate=$2; shift 2 ;;
        --burst) burst=$2; shift 2 ;;
        --cut) cut=$2; shift 2 ;;
        *) break ;;
    esac
done
for tool in ip tc mpirun; do command -v $tool >/dev/null || { echo "no $tool here" >&2; exit 77; }; done
[ $# -gt 0 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2; }

net=10.$((RANDOM % 200 + 20)).$((RANDOM % 250))
hosts=("sibert-$$-0" "sibert-$$-1")
work=$(mktemp -d)
clean() {
    for host in "${hosts[@]}"; do
        { ip netns pids "$host" | xargs -r kill -9; ip netns del "$host"; } 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean EXIT

for host in "${hosts[@]}"; do
    ip netns add "$host" 2>"$work/error" || { echo "no network namespaces here: $(cat "$work/error")" >&2; exit 77; }
done
ip link add "s$$-0" netns "${hosts[0]}" type veth peer name "s$$-1" netns "${hosts[1]}" 2>"$work/error" ||
    { echo "no link between network namespaces here: $(cat "$work/error")" >&2; exit 77; }
for n in 0 1; do
    ip -n "${hosts[n]}" addr add "$net.$((n + 1))/24" dev "s$$-$n"
    ip -n "${hosts[n]}" link set "s$$-$n" up
    ip -n "${hosts[n]}" link set lo up
    [ -z "$rate" ] || tc -n "${hosts[n]}" qdisc add dev "s$$-$n" root tbf rate "$rate" burst "$burst" latency 50ms
done

# What mpirun takes for ssh: HOST COMMAND…
cat > "$work/rsh" <<RSH
#!/usr/bin/env bash
while [[ \$1 == -* ]]; do shift; done
case \$1 in $net.1) host=${hosts[0]} ;; *) host=${hosts[1]} ;; esac
shift
exec ip netns exec "\$host" sh -c "\$*"
RSH
chmod +x "$work/rsh"

if [ -n "$cut" ]; then
    (sleep "$cut"; ip -n "${hosts[1]}" link set "s$$-1" down) &
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ip netns exec "${hosts[0]}" mpirun --mca plm_rsh_agent "$work/rsh" --mca pml ob1 --mca btl tcp,self \
    --mca btl_tcp_if_include "$net.0/24" --mca oob_tcp_if_include "$net.0/24" \
    -H "$net.1:1,$net.2:1" --bind-to none -n 2 "$@"
