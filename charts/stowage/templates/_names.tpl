{{/* How names of objects begin. 38 characters: the longest name of a trigger still fits into a DNS label. */}}
{{- define "stowage.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 38 | trimSuffix "-" -}}
{{- end }}

{{- define "stowage.brokerName" -}}
{{- default (include "stowage.fullname" .) .Values.broker.name -}}
{{- end }}

{{/* Of a component, for ever: no version, no chart. Given (dict "root" $ "component" name); without component, of all. */}}
{{- define "stowage.selectorLabels" -}}
app.kubernetes.io/name: stowage
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* Of pods: they change with what runs, not with the chart around it. */}}
{{- define "stowage.podLabels" -}}
{{ include "stowage.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: stowage
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "stowage.labels" -}}
{{ include "stowage.podLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "stowage.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "stowage.labels" . | nindent 2 }}
{{- end }}
