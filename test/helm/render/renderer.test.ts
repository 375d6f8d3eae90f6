import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { openRenderer } from "../../../lib/helm/index.ts";
import { podOf, writeChart } from "../../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-in-process-"));
after(() => rm(work, { recursive: true, force: true }));

const chart = await writeChart(
  work,
  { name: "web", version: "1.0.0" },
  {
    "values.yaml": "image: web:1",
    "templates/pod.yaml": podOf("{{ .Values.image }}"),
    "templates/random.yaml": "a: {{ randAlphaNum 20 }} {{ now | unixEpoch }} {{ (genCA `x` 1).Cert | b64enc }}",
  },
);
const broken = await writeChart(
  work,
  { name: "broken", version: "1.0.0" },
  { "templates/a.yaml": "a: 1\nb: {{ .Values.a.b }}" },
);

for (const threads of [0, 2]) {
  const renderer = openRenderer({ threads });

  test(`${threads} threads: a chart is rendered, each time to the same bytes`, async () => {
    const options = { set: ["image=web:2"] };
    const [first, second] = await Promise.all([renderer.render(chart, options), renderer.render(chart, options)]);
    assert.match(first.find(({ path }) => path === "web/templates/pod.yaml")!.text, /image: "web:2"/);
    assert.deepEqual(second, first);
  });

  test(`${threads} threads: a chart that does not render is CHART_UNRENDERABLE, with template, line and value`, async () => {
    await assert.rejects(renderer.render(broken), {
      code: "CHART_UNRENDERABLE",
      disposition: "reject",
      message: /broken\/templates\/a\.yaml:2:\d+.*\.Values\.a\.b.*nil pointer/,
    });
    await assert.rejects(renderer.render(join(work, "nothing")), { code: "CHART_UNRENDERABLE", message: /ENOENT/ });
  });

  test(`${threads} threads: bad input is bounded, and the charts beside it are unharmed`, async () => {
    const bombs = [
      "{{ range until 100000000 }}x{{ end }}",
      '{{ define "r" }}{{ include "r" . }}{{ end }}{{ include "r" . }}',
      '{{ range until 4000 }}{{ repeat 100000 "x" }}{{ end }}',
      '{{ regexMatch "(a+)+$" (repeat 100000 "a" | printf "%sb") }}{{ fail "not reached by time" }}',
      '{{ $x := "x" }}{{ range until 100 }}{{ $x = printf "%s%s" $x $x }}{{ end }}',
    ];
    const charts = await Promise.all(
      bombs.map((template, i) =>
        writeChart(work, { name: `bomb${i}-${threads}`, version: "1.0.0" }, { "templates/a.yaml": template }),
      ),
    );
    const results = await Promise.allSettled([...charts, chart].map((path) => renderer.render(path)));
    assert.deepEqual(
      results.map(({ status }) => status),
      [...bombs.map(() => "rejected"), "fulfilled"],
    );
    for (const result of results.slice(0, -1)) {
      assert.equal((result as PromiseRejectedResult).reason.code, "CHART_UNRENDERABLE");
    }
  });
}

test("templates see neither cluster, environment, network nor files", async () => {
  const blind = await writeChart(
    work,
    { name: "blind", version: "1.0.0" },
    {
      "templates/a.yaml":
        'a: [{{ lookup "v1" "Secret" "x" "y" | toJson }}, {{ getHostByName "localhost" | quote }}, {{ .Files.Get "/etc/hostname" | quote }}]',
    },
  );
  const [template] = await openRenderer({ threads: 0 }).render(blind);
  assert.equal(template!.text, 'a: [{}, "", ""]');
  const reads = await writeChart(
    work,
    { name: "env", version: "1.0.0" },
    { "templates/a.yaml": 'a: {{ env "HOME" }}' },
  );
  await assert.rejects(openRenderer({ threads: 0 }).render(reads), /function "env" not defined/);
});

test("a render that is aborted ends with the reason of the abort", async () => {
  const slow = await writeChart(
    work,
    { name: "slow", version: "1.0.0" },
    { "templates/a.yaml": "{{ range until 4000000 }}{{ . | quote | sha256sum | trunc 0 }}{{ end }}" },
  );
  const abort = new AbortController();
  const rendering = openRenderer({ threads: 1 }).render(slow, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(rendering, /enough/);
});

test("idle threads do not keep the process alive", async () => {
  const script = `import { openRenderer } from ${JSON.stringify(join(import.meta.dirname, "../../../lib/helm/index.ts"))};
console.log((await openRenderer({ threads: 2 }).render(process.argv[1])).length);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, chart]);
  assert.equal(stdout, "2\n");
});

test("a chart at which the renderer breaks is rendered by another one, where there is one, and refused loudly where not", async () => {
  const breaking = { set: [5 as unknown as string] };
  const other = [{ path: "web/templates/pod.yaml", text: "kind: Pod" }];
  const fallback = async () => ({ version: "other", render: async () => other });
  for (const threads of [0, 1]) {
    assert.deepEqual(await openRenderer({ threads, fallback }).render(chart, breaking), other);
    await assert.rejects(openRenderer({ threads }).render(chart, breaking), {
      code: "CHART_UNRENDERABLE",
      message: /the renderer failed: TypeError/,
    });
  }
});
