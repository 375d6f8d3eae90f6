import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { stringify } from "yaml";
import { readTemplate } from "../../lib/jobs/index.ts";
import { jobTemplate } from "../fixtures/job-template.ts";

const directory = mkdtempSync(join(tmpdir(), "stowage-templates-"));
after(() => rmSync(directory, { recursive: true }));
const written = (text: string) => {
  writeFileSync(join(directory, "build-bundle.yaml"), text);
  return readTemplate(directory, "build-bundle");
};

test("a template that keeps the rules is read, with what else it says", async () => {
  const { spec } = await written(stringify(jobTemplate));
  assert.equal(spec["backoffLimit"], 3);
  assert.deepEqual(spec.template.spec.containers[0]?.["command"], ["node", "/app/dist/job.mjs"]);
});

test("a function without template, and what is no name of one, has no Jobs", async () => {
  for (const name of ["mirror-images", "..", "../build-bundle", "build-bundle.yaml", "", "A", "x".repeat(40)]) {
    await assert.rejects(readTemplate(directory, name), { name: "RejectedError", code: "CONFIG_INVALID" }, name);
  }
});

test("a Job that would get a token, rights on its node, or never end is refused, all of it at once", async () => {
  type Changed = Record<string, unknown>;
  const { spec } = jobTemplate;
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const withPod = (change: Changed) => ({
    ...jobTemplate,
    spec: { ...spec, template: { spec: { ...pod, ...change } } },
  });
  const withContainer = (change: Changed) => withPod({ containers: [{ ...container, ...change }] });
  const secured = (change: Changed) => withContainer({ securityContext: { ...container.securityContext, ...change } });
  const token = { name: "t", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } };
  const table: readonly [object, RegExp][] = [
    [{ ...jobTemplate, metadata: { name: "mine" } }, /metadata\.name/],
    [{ ...jobTemplate, spec: { ...spec, activeDeadlineSeconds: undefined } }, /activeDeadlineSeconds/],
    [{ ...jobTemplate, spec: { ...spec, ttlSecondsAfterFinished: undefined } }, /ttlSecondsAfterFinished/],
    [withPod({ automountServiceAccountToken: true }), /automountServiceAccountToken/],
    [withPod({ automountServiceAccountToken: undefined }), /automountServiceAccountToken/],
    [withPod({ restartPolicy: "OnFailure" }), /restartPolicy/],
    [withPod({ hostNetwork: true, hostPID: true, hostIPC: true }), /hostNetwork.*hostPID.*hostIPC/],
    [withPod({ securityContext: { runAsNonRoot: false } }), /runAsNonRoot.*seccompProfile/],
    [withPod({ volumes: [{ name: "v", hostPath: { path: "/" } }] }), /hostPath/],
    [withPod({ volumes: [token] }), /serviceAccountToken/],
    [withPod({ containers: [] }), /containers/],
    [withContainer({ ports: [{ containerPort: 80, hostPort: 80 }] }), /hostPort/],
    [withContainer({ securityContext: undefined }), /containers\.0\.securityContext/],
    [secured({ privileged: true, allowPrivilegeEscalation: true }), /privileged.*allowPrivilegeEscalation/],
    [secured({ readOnlyRootFilesystem: false, runAsUser: 0 }), /readOnlyRootFilesystem.*runAsUser/],
    [secured({ capabilities: { drop: ["NET_RAW"] } }), /capabilities\.drop/],
    [secured({ capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } }), /add/],
    [secured({ seccompProfile: { type: "Unconfined" } }), /seccompProfile/],
    [withPod({ initContainers: [{ name: "init" }] }), /initContainers\.0/],
  ];
  for (const [template, reason] of table) {
    await assert.rejects(written(stringify(template)), (error: Error & { code: string }) => {
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, reason);
      return true;
    });
  }
});

test("what is no YAML, repeats itself or is too large is refused", async () => {
  const bomb = `a: &a [x]\nb: ${JSON.stringify(Array.from({ length: 100 }, () => "*a")).replaceAll('"', "")}\n`;
  for (const text of ["a: [", "a: 1\na: 2", "", "- 1", bomb, `# ${"x".repeat(256 * 1024)}`]) {
    await assert.rejects(written(text), { name: "RejectedError", code: "CONFIG_INVALID" }, text.slice(0, 20));
  }
});
