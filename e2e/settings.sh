# What every part of the rig agrees on. To be sourced.
E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Kept between runs: programs and images by version, Go's caches.
CACHE=${FAIRLEAD_CACHE:-/var/cache/fairlead}/rig

# One cluster. Its name is part of the name of everything that it makes, so clusters run side by side.
NAME=${E2E_NAME:-e2e}
[[ "$NAME" =~ ^[a-z0-9]{1,12}$ ]] || { echo "e2e: cluster name '$NAME': give 1 to 12 letters and digits" >&2; exit 2; }
NODES=${NODES:-3}                     # node-1, which also runs the control plane, to node-N
DUAL=${DUAL:-1}                       # 0: IPv4 only
STATES=/var/lib/fairlead-e2e
STATE=$STATES/$NAME                   # certificates, the nodes' disks, logs; goes when the cluster goes
BIN=$STATE/bin                        # links to the programs in the cache
IMAGES=$STATE/images                  # links to the image archives; every node imports them at its start
SHARE=$STATE/share                    # the same folder in every node: /run/share

NETNS=fle2e-$NAME                     # network namespaces: $NETNS-node-N, and the underlay between them
UNDERLAY=$NETNS-underlay
CGROUP=fairlead-e2e/$NAME             # in every cgroup hierarchy
# What a node keeps when its power is cut.
NODE_DIRS="/var/lib/containerd /var/lib/kubelet /var/lib/cni /var/lib/fairlead /etc/cni /opt/cni"

# Addresses exist inside the cluster's own namespaces only.
UNDERLAY_NET=172.18.0 UNDERLAY_NET6=fd00:172:18:
POD_CIDR=10.244.0.0/16 POD_CIDR6=fd00:10:244::/48
SERVICE_CIDR=10.96.0.0/16 SERVICE_CIDR6=fd00:10:96::/112
DNS_IP=10.96.0.10
API_IP=$UNDERLAY_NET.11
API_URL=https://$API_IP:6443
KUBECONFIG_ADMIN=$STATE/certificates/admin.kubeconfig

dual() { [ "$DUAL" != 1 ] || echo "$1"; }
nodes() { seq -f 'node-%g' 1 "$NODES"; }
node_ip() { echo "$UNDERLAY_NET.$((10 + ${1#node-}))"; }
node_ip6() { echo "$UNDERLAY_NET6:$((10 + ${1#node-}))"; }
pod_cidr() { echo "10.244.${1#node-}.0/24"; }
pod_cidr6() { echo "fd00:10:244:${1#node-}::/64"; }

# As a host beside the nodes.
outside() { nsenter --net="/run/netns/$UNDERLAY" "$@"; }
kubectl() { outside "$BIN/kubectl" --kubeconfig "$KUBECONFIG_ADMIN" "$@"; }

fail() {
  echo "e2e: $*" >&2
  exit 1
}
now() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f s", to - from }'; }
step() { # TEXT BEGIN: one line of progress
  printf '  %-44s %10s\n' "$1" "$(since "$2")"
}
# until_ok SECONDS WHAT COMMAND...: polls.
until_ok() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "$what did not come about in time: $*"
    sleep 0.1
  done
}
