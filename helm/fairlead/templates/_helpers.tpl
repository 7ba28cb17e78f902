{{- define "fairlead.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What selects our pods; the programs find each other by these two, so they never change. */ -}}
{{- define "fairlead.selector" -}}
app.kubernetes.io/name: fairlead
app.kubernetes.io/component: {{ . }}
{{- end -}}

{{- define "fairlead.labels" -}}
app.kubernetes.io/name: fairlead
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* "--api-server" arguments: the value, or the endpoints of the Service "kubernetes" (none when Helm
       renders without a cluster; the programs then use the environment's virtual address). */ -}}
{{- define "fairlead.apiServerArgs" -}}
{{- $servers := .Values.apiServers -}}
{{- if not $servers -}}
{{- range (lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "").items -}}
{{- $slice := . -}}
{{- if eq (get ($slice.metadata.labels | default dict) "kubernetes.io/service-name") "kubernetes" -}}
{{- range $endpoint := $slice.endpoints -}}
{{- range $address := $endpoint.addresses -}}
{{- range $port := $slice.ports -}}
{{- $host := ternary (printf "[%s]" $address) $address (contains ":" $address) -}}
{{- $servers = append $servers (printf "https://%s:%d" $host (int $port.port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $servers | uniq }}
- --api-server={{ . }}
{{- end }}
{{- end -}}

{{- /* The address that stands for all of this node's. */ -}}
{{- define "fairlead.anyAddress" -}}
{{ ternary "0.0.0.0" "[::]" (eq .Values.ipFamilies "ipv4") }}
{{- end -}}

{{- define "fairlead.metricsAddress" -}}
{{ if .Values.metrics.expose }}{{ include "fairlead.anyAddress" . }}{{ else }}127.0.0.1{{ end }}
{{- end -}}

{{- define "fairlead.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end -}}

{{- /* What a pod on a node's own files and network has in common: agents and the uninstaller. */ -}}
{{- define "fairlead.nodeSecurityContext" -}}
# The host's files of ours belong to root; what makes root powerful is dropped, except:
runAsUser: 0
runAsGroup: 0
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
  add:
    - BPF        # load programs, make and pin maps
    - PERFMON    # programs that read the kernel's structs (tp_btf, iterators) and are free to compare pointers
    - NET_ADMIN  # attach programs to devices and cgroups; links, routes, neighbours; /proc/sys/net
    - SYS_ADMIN  # programs, maps and links by their ids (read-back of what is attached), the namespace of
                 # the device that reassembles fragments, and a writable procfs of our own for /proc/sys/net
# Allows bpf(), setns(), unshare() and fsmount() to those who have the capabilities above.
seccompProfile: {type: RuntimeDefault}
# The runtimes' profile forbids any write below /sys/fs/bpf.
appArmorProfile: {type: Unconfined}
# The type that may use the host's folders, where SELinux is on.
seLinuxOptions: {type: spc_t, level: s0}
{{- end -}}

{{- define "fairlead.nodeVolumeMounts" -}}
- {name: bpf, mountPath: /sys/fs/bpf, mountPropagation: HostToContainer}
- {name: cni-bin, mountPath: /host/opt/cni/bin}
- {name: cni-conf, mountPath: /host/etc/cni/net.d}
{{- end -}}

{{- define "fairlead.nodeVolumes" -}}
# Pinned programs, links and maps: what keeps forwarding without us. systemd mounts a bpffs there.
- {name: bpf, hostPath: {path: /sys/fs/bpf, type: Directory}}
- {name: cni-bin, hostPath: {path: {{ .Values.cni.binDir }}, type: DirectoryOrCreate}}
- {name: cni-conf, hostPath: {path: {{ .Values.cni.confDir }}, type: DirectoryOrCreate}}
{{- end -}}

{{- /* metav1.Condition, as a list by type. */ -}}
{{- define "fairlead.conditionsSchema" -}}
type: array
x-kubernetes-list-type: map
x-kubernetes-list-map-keys: [type]
items:
  type: object
  required: [type, status, reason, message, lastTransitionTime]
  properties:
    type: {type: string, maxLength: 316}
    status: {type: string, enum: ["True", "False", Unknown]}
    observedGeneration: {type: integer, format: int64, minimum: 0}
    lastTransitionTime: {type: string, format: date-time}
    reason: {type: string, minLength: 1, maxLength: 1024}
    message: {type: string, maxLength: 32768}
{{- end -}}
