{{- define "wraft.labels" -}}
{{ include "wraft.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "wraft.selector" -}}
app.kubernetes.io/name: wraft
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The name by which other nodes and clients dial a node: its pod, below the headless service. */ -}}
{{- define "wraft.host" -}}
{{ .root.Release.Name }}-{{ .id }}.{{ .root.Release.Name }}-nodes.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end }}

{{- define "wraft.node" -}}
- id: {{ .id }}
  peer: "{{ include "wraft.host" . }}:{{ .root.Values.ports.peer }}"
  api: "{{ include "wraft.host" . }}:{{ .root.Values.ports.api }}"
{{- end }}
