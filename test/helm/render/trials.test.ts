import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { settingOf } from "../../../lib/helm/render/setting.ts";
import { ChartTrials } from "../../../lib/helm/render/trials.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-trials-"));
after(() => rm(work, { recursive: true, force: true }));

let count = 0;
async function trialsOf(files: Readonly<Record<string, string>>): Promise<ChartTrials<string>> {
  const directory = await writeChart(work, { name: `t${++count}`, version: "1.0.0" }, files);
  return ChartTrials.open(directory, {}, ({ text }) => text.trim());
}

const set = (path: string) => settingOf(path.split("."), true);

test("another Kubernetes version is worth a try only where the version led to the refusal, or may have", async () => {
  const fails = '{{ fail "no" }}';
  const looks = "{{ $v := .Capabilities.KubeVersion.Minor }}";
  const cases: readonly (readonly [matters: boolean, files: Readonly<Record<string, string>>])[] = [
    [false, { "templates/a.yaml": fails }],
    [true, { "templates/a.yaml": `${looks}${fails}` }],
    [true, { "templates/a.yaml": `{{ $v := toYaml .Capabilities }}${fails}` }],
    // templates run from the last to the first
    [false, { "templates/a.yaml": fails, "templates/z.yaml": looks }],
    [false, { "templates/a.yaml": fails, "templates/z.yaml": `{{ $_ := set .Values "a" 1 }}${looks}` }],
    [true, { "templates/a.yaml": fails, "templates/z.yaml": `${looks}{{ $_ := set .Values "a" $v }}` }],
    // what is put out is read when all are done
    [false, { "templates/a.yaml": looks, "templates/b.yaml": "a: [", "templates/c.yaml": looks }],
    [true, { "templates/a.yaml": "a: 1", "templates/b.yaml": `${looks}a: [` }],
    [true, { "Chart.yaml": "apiVersion: v2\nname: old\nversion: 1.0.0\nkubeVersion: '<1.30.0'\n" }],
    [true, { "values.yaml": `text: '${looks}'`, "templates/a.yaml": `{{ tpl .Values.text . }}${fails}` }],
    [false, { "templates/a.yaml": "{{ range until 100000000 }}a{{ end }}" }],
    [true, { "templates/a.yaml": `${looks}{{ range until 100000000 }}a{{ end }}` }],
    [false, { "values.schema.json": '{"required": ["a"]}', "templates/a.yaml": looks }],
  ];
  for (const [matters, files] of cases) {
    const trial = (await trialsOf(files)).render();
    assert.notEqual(trial.refused, undefined);
    assert.equal(trial.versionMatters, matters, JSON.stringify(files));
  }
});

test("settings concern a template that reads them, and one whose chart takes part by them", async () => {
  const trials = await trialsOf({
    "Chart.yaml":
      "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{ name: db, version: 1.0.0, condition: db.enabled, tags: [store] }]\n",
    "values.yaml": "a: { up: false, off: false }\nb: { up: false }\nglobal: { c: false }\n",
    "templates/a.yaml": "a: {{ .Values.a.up }}",
    "templates/all.yaml": "a: {{ toJson .Values.a | quote }}",
    "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
    "charts/db/templates/db.yaml": "a: {{ .Values.global.c }} {{ .Values.up }}",
  });
  trials.render();
  const settings = ["a.up", "a.off", "a.more", "b.up", "b", "global.c", "db.up", "db.enabled", "tags.store"].map(set);
  const { concerning } = trials.render(settings.filter(({ text }) => text !== "b=true"));
  const textsFor = (subchart: string, template: string): readonly string[] =>
    concerning([{ subchart, template }], settings).map(({ text }) => text.slice(0, -"=true".length));
  assert.deepEqual(textsFor("", "templates/a.yaml"), ["a.up"]);
  assert.deepEqual(textsFor("", "templates/all.yaml"), ["a.up", "a.off", "a.more"]);
  assert.deepEqual(textsFor("db", "charts/db/templates/db.yaml"), ["global.c", "db.up", "db.enabled", "tags.store"]);
  assert.equal(textsFor("", "templates/unknown.yaml").length, settings.length);
  assert.deepEqual(concerning([], [{ option: "apiVersions", text: "acme.io/v1" }]).length, 1);
});

test("a switch that is on by default says nothing new", async () => {
  const trials = await trialsOf({
    "values.yaml": "a: { up: true, off: false }\ndb: { up: false }\n",
    "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
    "charts/db/values.yaml": "up: true\nown: true\n",
  });
  const said = ["a.up", "a.off", "a.none", "db.up", "db.own"].filter((path) => trials.isDefault(set(path)));
  assert.deepEqual(said, ["a.up", "db.own"]);
  assert.equal(trials.isDefault(settingOf(["a", "up"], "true")), false);
});

test("what was explored is not explored once more, what was only rendered is", async () => {
  const branch = (name: string): string => `a: 1\n{{ if .Values.${name} }}image: ${name}:1\n{{ end }}`;
  const trials = await trialsOf({ "templates/a.yaml": branch("a"), "templates/b.yaml": branch("b") });
  const explored = (settings: Parameters<ChartTrials<string>["render"]>[0]): readonly string[] => {
    const texts: string[] = [];
    trials.render(settings, { onBranch: ({ text }) => texts.push(text.trim()) });
    return texts;
  };
  trials.render();
  trials.render();
  assert.deepEqual(explored([]), ["image: b:1", "image: a:1"]);
  assert.deepEqual(explored([set("c")]), []);
  trials.render([set("b")]);
  trials.render([settingOf(["a"], false)]);
  assert.deepEqual(explored([settingOf(["a"], false)]), ["image: a:1"]);
});

test("what an explored branch changes shows in no render", async () => {
  const trials = await trialsOf({
    "values.yaml": "a: { up: false, size: 1 }\n",
    "templates/a.yaml": "size: {{ .Values.a.size }} {{ .Values.a.more }} {{ .made }}",
    "templates/z.yaml":
      '{{ if .Values.a.up }}{{ $_ := set .Values.a "size" 2 }}{{ $_ := set .Values.a "more" (dict) }}{{ $_ := set . "made" 1 }}text: 1{{ end }}',
  });
  const shown = () => trials.render([], { onBranch: () => {} }).seen;
  assert.deepEqual([shown(), shown()], [["size: 1"], ["size: 1"]]);
  assert.deepEqual(trials.render([set("a.up")]).seen, ["size: 2 map[] 1", "text: 1"]);
});
