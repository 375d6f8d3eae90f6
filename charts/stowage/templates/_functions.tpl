{{/*
The functions that are installed, as JSON: name → every setting, those of serviceDefaults or jobDefaults included.
An object of the chart that belongs to a function is rendered by what is in this table, and by nothing else.
*/}}
{{- define "stowage.functions" -}}
{{- $functions := dict -}}
{{- range $name, $given := .Values.functions -}}
  {{- $installed := ne $given.enabled false -}}
  {{- if has $name (list "follow-release" "report-release") -}}
    {{- $installed = and $installed $.Values.releases.enabled -}}
  {{- else if eq $name "start-job" -}}
    {{- $installed = and $installed (eq $.Values.jobDefaults.startedBy "start-job") -}}
  {{- end -}}
  {{- if $installed -}}
    {{- $function := deepCopy $given -}}
    {{- $defaults := ternary $.Values.jobDefaults $.Values.serviceDefaults (eq $given.runs "job") -}}
    {{- range $key, $value := $defaults -}}
      {{- if eq $key "resources" -}}
        {{- $_ := set $function $key (merge (dict) (default dict $given.resources) $value) -}}
      {{- else if not (hasKey $given $key) -}}
        {{- $_ := set $function $key $value -}}
      {{- end -}}
    {{- end -}}
    {{- $_ := set $functions $name $function -}}
  {{- end -}}
{{- end -}}
{{- toJson $functions -}}
{{- end }}

{{/* Functions that send events besides replies; Jobs send their replies as well. */}}
{{- define "stowage.publishers" -}}
{{- toJson (list "receive-webhook" "list-images" "follow-release" "bury") -}}
{{- end }}

{{/* What functions may do at the API server, as JSON: name → rules of a Role. The others have neither a right nor a token. */}}
{{- define "stowage.rights" -}}
{{- toJson (dict
  "follow-release" (list (dict "apiGroups" (list "stowage.dev") "resources" (list "releases") "verbs" (list "get" "list")))
  "report-release" (list
    (dict "apiGroups" (list "stowage.dev") "resources" (list "releases") "verbs" (list "get"))
    (dict "apiGroups" (list "stowage.dev") "resources" (list "releases/status") "verbs" (list "patch")))
  "start-job" (list
    (dict "apiGroups" (list "batch") "resources" (list "jobs") "verbs" (list "create" "get"))
    (dict "apiGroups" (list "") "resources" (list "secrets") "verbs" (list "create" "get")))
) -}}
{{- end }}

{{/* What functions post events to. */}}
{{- define "stowage.brokerUrl" -}}
{{- $ingress := get (dict "MTChannelBasedBroker" "broker-ingress" "Kafka" "kafka-broker-ingress") .Values.broker.class -}}
{{- if .Values.broker.url -}}
{{- .Values.broker.url -}}
{{- else if $ingress -}}
http://{{ $ingress }}.{{ .Values.knative.eventingNamespace }}.svc.{{ .Values.knative.clusterDomain }}/{{ .Release.Namespace }}/{{ include "stowage.brokerName" . }}
{{- else -}}
{{- fail (printf "Cannot tell functions where broker.class %q takes events: set broker.url, or broker.sinkBinding to true" .Values.broker.class) -}}
{{- end -}}
{{- end }}

{{/* stowage.yaml. */}}
{{- define "stowage.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if eq .Values.mode "knative" -}}
  {{- $store := default "s3://stowage" $config.store -}}
  {{- if not (regexMatch "^(s3|oss)://" $store) -}}
    {{- fail (printf "Cannot use config.store %q in mode knative: pods share nothing but a bucket, s3://… or oss://…" $store) -}}
  {{- end -}}
  {{- $_ := set $config "store" $store -}}
{{- end -}}
{{- $credentials := default list $config.credentials -}}
{{- range .Values.registryCredentials.secretNames -}}
  {{- $credentials = append $credentials (printf "/etc/stowage-registries/%s/config.json" .) -}}
{{- end -}}
{{- with $credentials -}}
  {{- $_ := set $config "credentials" . -}}
{{- end -}}
{{- toYaml $config -}}
{{- end }}
