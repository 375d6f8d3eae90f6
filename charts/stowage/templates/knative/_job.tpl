{{/*
The Job of a function, without a name: what a JobSink makes of an event, and what start-job makes of it. Both add the name, and the
event as a Secret at $K_EVENT_PATH. Given (dict "root" $ "name" name "function" settings).
*/}}
{{- define "stowage.job" -}}
{{- $root := .root -}}
{{- $component := dict "root" $root "component" .name -}}
apiVersion: batch/v1
kind: Job
metadata:
  labels:
    {{- include "stowage.podLabels" $component | nindent 4 }}
spec:
  backoffLimit: {{ .function.backoffLimit | int }}
  activeDeadlineSeconds: {{ .function.activeDeadlineSeconds | int }}
  ttlSecondsAfterFinished: {{ .function.ttlSecondsAfterFinished | int }}
  podFailurePolicy:
    rules:
      # rejected: trying again is of no use
      - action: FailJob
        onExitCodes: { operator: In, values: [3] }
      # an eviction is no failure of the job
      - action: Ignore
        onPodConditions:
          - { type: DisruptionTarget, status: "True" }
  template:
    metadata:
      labels:
        {{- include "stowage.podLabels" $component | nindent 8 }}
      annotations:
        cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
        {{- with $root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "stowage.fullname" $root }}-{{ .name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        {{- include "stowage.podSecurityContext" $root | nindent 8 }}
      {{- with include "stowage.podOptions" $root }}
      {{- . | nindent 6 }}
      {{- end }}
      containers:
        - name: job
          image: {{ include "stowage.image" $root | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: [node, /app/dist/job.mjs]
          env:
            - { name: FUNCTION_TARGET, value: {{ .name }} }
            {{- include "stowage.env" $root | nindent 12 }}
            {{- if not $root.Values.broker.sinkBinding }}
            - { name: K_SINK, value: {{ include "stowage.brokerUrl" $root | quote }} }
            {{- end }}
          resources:
            {{- toYaml .function.resources | nindent 12 }}
          securityContext:
            {{- include "stowage.securityContext" $root | nindent 12 }}
          volumeMounts:
            {{- include "stowage.volumeMounts" $component | nindent 12 }}
      volumes:
        {{- include "stowage.volumes" $component | nindent 8 }}
{{- end }}
