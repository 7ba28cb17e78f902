# Two servers on different nodes, a client whom their policy lets in, a stranger whom it does not, and steady
# traffic between them. To be sourced, after settings.sh and checks.sh; $suite names the suite that does.
cluster=$E2E/cluster/cluster
probe=$E2E/../build/release/bin/fairlead-probe
[ -x "$probe" ] || fail "there is no $probe; build it: cmake --build --preset release --target fairlead-probe"
image=fairlead.e2e/probe:1
archive=$(mktemp --suffix=.tar)
space=$suite-$$
logs=$STATE/reports/$suite
mkdir -p "$logs"
cleanup() {
  rm -f "$archive"
  kubectl delete namespace "$space" --wait=false >/dev/null 2>&1
}
trap cleanup EXIT
python3 "$E2E/images/oci_archive.py" "$archive" --tag "$image" --base --busybox --file "$probe=usr/bin/fairlead-probe"
"$cluster" load "$archive" 2>/dev/null
cp "$probe" "$SHARE/fairlead-probe"

# --- pods ---------------------------------------------------------------------------------------------
kc() { kubectl -n "$space" "$@"; }
pod() { # NAME NODE LABEL COMMAND
  cat <<YAML
---
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $3}}
spec:
  nodeName: $2
  terminationGracePeriodSeconds: 1
  containers:
  - {name: probe, image: $image, imagePullPolicy: Never, command: [sh, -c, "$4"], ports: [{containerPort: 8080}]}
YAML
}
address() { kc get "$1" -o jsonpath="{$2}"; }
start_pods() {
  local serve="exec fairlead-probe serve tcp:8080 udp:8081"
  kubectl create namespace "$space" >/dev/null
  {
    pod server-2 node-2 server "$serve"
    pod server-3 node-3 server "$serve"
    pod client node-1 client "sleep 100000"
    pod stranger node-1 stranger "sleep 100000"
    cat <<YAML
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec:
  selector: {app: server}
  ports: [{name: tcp, port: 8080}, {name: udp, port: 8081, protocol: UDP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server}
spec:
  podSelector: {matchLabels: {app: server}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]
YAML
  } | kc apply -f - >/dev/null
  check "pods become ready" kc wait --for=condition=Ready pod --all --timeout=60s
  service=$(address service/server .spec.clusterIP)
  there=$(address pod/server-2 .status.podIP)
  check "the client reaches the Service" within 10 client connect "$service:8080"
  check "policy keeps the stranger out" stays_out
}

ctr() { # NODE ARGUMENT...
  local node=$1
  shift
  "$cluster" exec "$node" "$BIN/ctr" -n k8s.io "$@" 2>/dev/null # it warns of cgroup v1 every time
}
container_of() { # POD container|sandbox: a filter
  echo "labels.\"io.kubernetes.pod.name\"==$1,labels.\"io.kubernetes.pod.namespace\"==$space,labels.\"io.cri-containerd.kind\"==$2"
}
# The processes of a pod go on without the API server; kubectl exec does not. So: inside the node.
in_pod() { # POD COMMAND...: with the pod's network, on node-1
  local sandbox pid
  sandbox=$(ctr node-1 containers ls -q "$(container_of "$1" container)")
  pid=$(ctr node-1 tasks ls | awk -v ids="$sandbox" 'index(ids, $1) && $3 == "RUNNING" { print $2 }')
  [ -n "$pid" ] || { echo "pod $1 has no running container"; return 1; }
  shift
  "$cluster" exec node-1 nsenter -t "$pid" -n "$@"
}
client() { in_pod client /run/share/fairlead-probe "$@"; }
stranger() { in_pod stranger /run/share/fairlead-probe "$@"; }
stays_out() {
  local answer
  answer=$(stranger connect "$there:8080" --timeout-ms 700 2>&1)
  grep timeout <<<"$answer" || { echo "$answer"; return 1; }
}

# --- traffic ------------------------------------------------------------------------------------------
nobody_answered() { # FILE: what the stranger's stream has reported
  python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
print(report)
sys.exit(report["sent"] == 0 or report["answered"] != 0)' "$1"
}
# To be run with &: a process of its own, which lets go of the fifo's writing end.
in_stream() { # FILE client|stranger ARGUMENT...: until the fifo's last writer has gone
  exec {stop}>&-
  "$2" stream "${@:3}" --duration 0 --until-eof <"$logs/stop" >"$logs/$1" 2>"$logs/$1-errors"
}
# under_traffic WHAT COMMAND...: connections that stand and a steady rate of new ones, TCP and UDP, to a pod and
# through a Service, and a stranger who goes on trying, from two seconds before the command until $settle (6)
# seconds after its end.
under_traffic() {
  local what=$1 i kind targets stop jobs=()
  shift
  targets=("$there:8080" "$service:8080" "$there:8081/udp" "$service:8081/udp")
  rm -f "$logs/stop"
  mkfifo "$logs/stop"
  exec {stop}<>"$logs/stop"
  for i in "${!targets[@]}"; do
    in_stream stand-$i client "${targets[i]}" & jobs+=($!)
    in_stream new-$i client "${targets[i]}" --new-connections --interval-ms 20 & jobs+=($!)
  done
  in_stream stranger stranger "$there:8080" --new-connections --interval-ms 50 --timeout-ms 300 -o json &
  local strangers=$!
  sleep 2
  "$@"
  sleep "${settle:-6}"
  exec {stop}>&- # they end with the last that could write
  for i in "${!jobs[@]}"; do
    kind=stand
    [ $((i % 2)) -eq 0 ] || kind=new
    wait "${jobs[i]}"
    check "$what: traffic to ${targets[i / 2]} ($kind) goes on" test $? -eq 0
    [ "$failed" -eq 0 ] || cat "$logs/$kind-$((i / 2))" "$logs/$kind-$((i / 2))-errors" | sed 's/^/    /'
  done
  wait "$strangers"
  check "$what: policy holds all the time" nobody_answered "$logs/stranger"
}
