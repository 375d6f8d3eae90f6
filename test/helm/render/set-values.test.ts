import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Table } from "../../../lib/helm/render/coalesce.ts";
import { type SetKind, setValues } from "../../../lib/helm/render/set-values.ts";
import { userValues } from "../../../lib/helm/render/values.ts";
import { writeJson } from "../../../lib/yaml/index.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";
import { openHelm } from "../../real/helm.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-set-"));
const helm = await openHelm();
after(async () => {
  await helm[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

const parse = (argument: string, kind: SetKind = "set", values: Table = new Map()): string => {
  setValues(values, argument, kind, (path) => `content of ${path}`);
  return writeJson(values);
};

/** Each stands under a key of its own, so one run of helm reads them all. */
const accepted: readonly (readonly [kind: SetKind, argument: string])[] = [
  ["set", "K=1,K2=true,K3=FALSE,K4=text,K5=0,K6=007,K7=+5,K8=-3,K9=1.5"],
  ["set", "K=null,K2=NULL,K3=,K4=9223372036854775807,K5=9223372036854775808,K6=-0,K7=1e3"],
  ["set", "K.a.b=1,K.a.c=2,K.d={}"],
  ["set", "K={a,b,1,true,null},K2={a\\,b,c\\}d},K3={x}"],
  ["set", "K[0]=a,K[2]=c"],
  ["set", "K[1].a=1,K[1].b=2,K[0].c=3"],
  ["set", "K[0][1]=x,K[0][0]=y,K[1][0]=z"],
  ["set", "K[0]={a,b},K[1].c={d}"],
  ["set", "K\\.x=1,K.y\\.z=2,K3=a\\=b,K4=c=d=e,K5=\\\\"],
  ["set", "K.a=1,K.a=2"],
  ["set", "K=a b  c,K2= lead"],
  ["set", "K=ünï✓,K2.ключ=🚢"],
  ["set", "K[0].a="],
  ["set", "K.a=x,K.b[0]="],
  ["string", "K=1,K2=true,K3=null,K4={1,2},K5[0]=0"],
  ["json", 'K={"a":[1,{"b":null}],"c":1.0},K2=[1,2],K3="s",K4=1e3 , K5=null,K6=,K7=true'],
  ["json", 'K[0]={"x":"}"},K[1]="a,b"'],
  ["literal", "K=a,b=c\\,{d}[0]"],
  ["literal", "K.a[1]=x=y"],
];

const flags: Readonly<Record<SetKind, string>> = {
  set: "--set",
  string: "--set-string",
  json: "--set-json",
  literal: "--set-literal",
  file: "--set-file",
};

test("every form of an argument means what the real helm makes of it", async () => {
  const chart = await writeChart(
    work,
    { name: "set", version: "1.0.0" },
    { "templates/a.yaml": "{{ toJson .Values }}" },
  );
  const named = accepted.map(([kind, argument], i) => [kind, argument.replaceAll(/K(\d?)/g, `k${i}x$1`)] as const);
  const output = await helm.run("template", chart, ...named.flatMap(([kind, argument]) => [flags[kind], argument]));
  const ours = userValues(
    {
      files: [],
      setJson: named.filter(([kind]) => kind === "json").map(([, argument]) => argument),
      set: named.filter(([kind]) => kind === "set").map(([, argument]) => argument),
      setString: named.filter(([kind]) => kind === "string").map(([, argument]) => argument),
      setFile: [],
      setLiteral: named.filter(([kind]) => kind === "literal").map(([, argument]) => argument),
    },
    () => "",
  );
  assert.equal(writeJson(ours), output.slice(output.indexOf("{")).trim());
});

test("an argument changes only what it names in values that are there", () => {
  const values: Table = new Map([
    ["a", new Map<string, never>()],
    ["list", ["x", "y"]],
  ] as never);
  assert.equal(parse("a.b=1,list[1]=z", "set", values), '{"a":{"b":1},"list":["x","z"]}');
});

test("--set-file puts in what the file holds, with a place of its own for every path", () => {
  assert.equal(parse("a=x/y.txt,b.c=z", "file"), '{"a":"content of x/y.txt","b":{"c":"content of z"}}');
});

const refused: readonly (readonly [kind: SetKind, argument: string, message: RegExp])[] = [
  ["set", "a", /key "a" has no value/],
  ["set", "a,b=1", /cannot end with ,/],
  ["set", "a={b,c", /list must terminate/],
  ["set", "a[x]=1", /index/],
  ["set", "a[-1]=1", /negative/],
  ["set", "a[65537]=1", /greater than maximum/],
  ["set", "a[0]b=1", /unexpected data/],
  ["set", "a=1,a.b=2", /is not a map/],
  ["set", "a=1,a[0]=2", /is not a list/],
  ["set", `${"a.".repeat(31)}b=1`, /nested level/],
  ["set", "a.=1", /has no value/],
  ["json", "a={b}", /./],
];

for (const [kind, argument, message] of refused) {
  test(`${flags[kind]} ${argument.slice(0, 20)} is refused, and says why`, async () => {
    assert.throws(() => parse(argument, kind), message);
  });
}

test("the real helm refuses the same arguments", async () => {
  const chart = await writeChart(work, { name: "refused", version: "1.0.0" }, { "templates/a.yaml": "a: b" });
  await Promise.all(
    refused.map(([kind, argument]) => assert.rejects(helm.run("template", chart, flags[kind], argument), argument)),
  );
});

test("what comes later wins: files, --set-json, --set, --set-string, --set-file, --set-literal", async () => {
  const chart = await writeChart(
    work,
    { name: "order", version: "1.0.0" },
    { "templates/a.yaml": "{{ toJson .Values }}" },
  );
  const keys = ["a", "b", "c", "d", "e", "f"];
  const files = ["first", "second"].map(
    (text) => `{a: ${text}, b: file, c: file, d: file, e: file, f: file, t: {${text}: 1}}`,
  );
  const argument = (value: string, from: number): string =>
    keys
      .slice(from)
      .map((key) => `${key}=${value}`)
      .join(",");
  const content = join(work, "content");
  await writeFile(content, "content");
  await Promise.all(files.map((text, i) => writeFile(join(work, `${i}.yaml`), text)));
  const given = {
    files,
    setJson: ['{"b": "json", "c": "json", "d": "json", "e": "json", "f": "json"}'],
    set: [argument("set", 2)],
    setString: [argument("string", 3)],
    setFile: [argument(content, 4)],
    setLiteral: ["f=literal"],
  };
  const output = await helm.run(
    "template",
    chart,
    ...["--set-literal", given.setLiteral[0]!, "--set-file", given.setFile[0]!, "--set-string", given.setString[0]!],
    ...["--set", given.set[0]!, "--set-json", given.setJson[0]!],
    ...files.flatMap((_, i) => ["--values", join(work, `${i}.yaml`)]),
  );
  const ours = userValues(given, () => "content");
  assert.equal(writeJson(ours), output.slice(output.indexOf("{")).trim());
});
