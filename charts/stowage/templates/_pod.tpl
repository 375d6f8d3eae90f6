{{- define "stowage.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end }}

{{/* The restricted Pod Security Standard, and a root file system that nobody writes to. */}}
{{- define "stowage.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* The same of a pod, where Kubernetes takes it and Knative does not. */}}
{{- define "stowage.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/*
The Secrets that a component sees, as JSON: [{volume, secret, path, items}]. Given (dict "root" $ "component" name); the
component "single" is every function in one.
*/}}
{{- define "stowage.secretMounts" -}}
{{- $component := .component -}}
{{- $mounts := list -}}
{{- with .root.Values.registryCredentials -}}
  {{- if or (eq $component "single") (has $component .functions) -}}
    {{- range $i, $secret := .secretNames -}}
      {{- $items := list (dict "key" ".dockerconfigjson" "path" "config.json") -}}
      {{- $mounts = append $mounts (dict "volume" (printf "registry-%d" $i) "secret" $secret "path" (printf "/etc/stowage-registries/%s" $secret) "items" $items) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $name, $given := .root.Values.secrets -}}
  {{- if and $given.secretName (or (eq $component "single") (has $component $given.functions)) -}}
    {{- $mounts = append $mounts (dict "volume" (printf "secret-%s" $name) "secret" $given.secretName "path" (printf "/etc/stowage-secrets/%s" $name)) -}}
  {{- end -}}
{{- end -}}
{{- toJson $mounts -}}
{{- end }}

{{- define "stowage.volumes" -}}
- name: tmp
  emptyDir: {}
- name: config
  configMap:
    name: {{ include "stowage.fullname" .root }}
{{- range include "stowage.secretMounts" . | fromJsonArray }}
- name: {{ .volume }}
  secret:
    secretName: {{ .secret }}
    {{- with .items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- with .root.Values.caCertificates.configMap }}
- name: ca-certificates
  configMap:
    name: {{ . }}
{{- end }}
{{- end }}

{{- define "stowage.volumeMounts" -}}
- { name: tmp, mountPath: /tmp }
- { name: config, mountPath: /etc/stowage, readOnly: true }
{{- range include "stowage.secretMounts" . | fromJsonArray }}
- { name: {{ .volume }}, mountPath: {{ .path }}, readOnly: true }
{{- end }}
{{- if .root.Values.caCertificates.configMap }}
- { name: ca-certificates, mountPath: /etc/stowage-ca, readOnly: true }
{{- end }}
{{- end }}

{{/* The environment of every container. */}}
{{- define "stowage.env" -}}
- { name: STOWAGE_CONFIG, value: /etc/stowage/stowage.yaml }
- { name: HOME, value: /tmp }
{{- with .Values.caCertificates }}
{{- if .configMap }}
- { name: NODE_EXTRA_CA_CERTS, value: {{ printf "/etc/stowage-ca/%s" .key | quote }} }
{{- end }}
{{- end }}
{{- with .Values.observability.otlpEndpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ quote . }} }
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What operators decide about pods, if anything. */}}
{{- define "stowage.podOptions" -}}
{{- $options := dict -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" -}}
  {{- with index $.Values $key -}}
    {{- $_ := set $options $key . -}}
  {{- end -}}
{{- end -}}
{{- $secrets := list -}}
{{- range .Values.image.pullSecrets -}}
  {{- $secrets = append $secrets (dict "name" .) -}}
{{- end -}}
{{- with $secrets -}}
  {{- $_ := set $options "imagePullSecrets" . -}}
{{- end -}}
{{- with $options -}}
  {{- toYaml . -}}
{{- end -}}
{{- end }}
