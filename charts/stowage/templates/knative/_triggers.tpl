{{/*
Where events for a function go, as JSON. Given (dict "root" $ "functions" table "name" name). Without a JobSink, start-job is asked for
a Job by path.
*/}}
{{- define "stowage.destination" -}}
{{- $function := index .functions .name -}}
{{- if not $function -}}
  {{- fail (printf "Cannot send events to function %q: it is not installed" .name) -}}
{{- end -}}
{{- $target := .name -}}
{{- $ref := dict "apiVersion" "serving.knative.dev/v1" "kind" "Service" "namespace" .root.Release.Namespace -}}
{{- $destination := dict "ref" $ref -}}
{{- if eq $function.runs "job" -}}
  {{- if eq .root.Values.jobDefaults.startedBy "jobsink" -}}
    {{- $_ := set $ref "apiVersion" "sinks.knative.dev/v1alpha1" -}}
    {{- $_ := set $ref "kind" "JobSink" -}}
  {{- else -}}
    {{- $target = "start-job" -}}
    {{- $_ := set $destination "uri" (printf "/%s" .name) -}}
  {{- end -}}
{{- end -}}
{{- $_ := set $ref "name" (printf "%s-%s" (include "stowage.fullname" .root) $target) -}}
{{- toJson $destination -}}
{{- end }}

{{/* The Broker, as a destination. */}}
{{- define "stowage.brokerDestination" -}}
ref:
  apiVersion: eventing.knative.dev/v1
  kind: Broker
  name: {{ include "stowage.brokerName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
