import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeDefect, type ImageList, readLists } from "../../lib/images/list-file.ts";
import { listOfLines } from "../../lib/images/list-inputs.ts";
import { type ListRules, listDefects } from "../../lib/images/list-line.ts";
import { formatReference } from "../../lib/oci/reference.ts";

const oem: ListRules = { form: "project", projects: ["release", "library"] };
const references: ListRules = { form: "reference", projects: [] };

/** Bytes as they would lie in a file, in chunks of the given size. */
const input = (content: string | Uint8Array, file = "images.list", size = 64 * 1024) => ({
  file,
  async open() {
    const bytes = Buffer.from(content);
    return (async function* () {
      for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
    })();
  },
});
const readText = (text: string | Uint8Array, rules = oem) => readLists([input(text)], rules);
const namesOf = ({ images }: ImageList): readonly string[] =>
  images.map(({ registry, ...rest }) =>
    registry === undefined
      ? formatReference({ registry: "", ...rest }).slice(1)
      : formatReference({ registry, ...rest }),
  );
const problemsOf = ({ defects }: ImageList) =>
  defects.map(({ line, defect, proposal }) => `${line} ${defect}${proposal === undefined ? "" : ` -> ${proposal}`}`);

for (const [row, line, names, problems] of [
  ["an image is accepted", "release/lantern:v1\n", ["release/lantern:v1"], []],
  ["a comment and an empty line are skipped", "# note\n\nrelease/lantern:v1\n", ["release/lantern:v1"], []],
  ["a trailing blank is repaired", "release/lantern:v1 \n", ["release/lantern:v1"], ["1 trailing-blank"]],
  ["CR LF is repaired", "release/lantern:v1\r\n", ["release/lantern:v1"], ["1 carriage-return"]],
  ["a stray quote is an error", "release/lantern:v1'\n", [], ["1 stray-quote -> release/lantern:v1"]],
  ["a slash for a colon", "library/php/7.1-apache\n", [], ["1 slash-for-colon -> library/php:7.1-apache"]],
  ["no tag is an error", "release/lantern\n", [], ["1 no-tag"]],
  ["another project is an error", "store/lantern:v1\n", [], ["1 unknown-project"]],
  ["a host is an error", "localhost:5000/release/lantern:v1\n", [], ["1 host-in-list -> release/lantern:v1"]],
  ["a nested path is accepted", "release/team/lantern:v1\n", ["release/team/lantern:v1"], []],
  ["the same line twice is one image", "release/a:v1\nrelease/a:v1\n", ["release/a:v1"], ["2 duplicate"]],
  [
    "a last line without newline is read",
    "release/a:v1\nrelease/b:v1",
    ["release/a:v1", "release/b:v1"],
    ["2 missing-final-newline"],
  ],
] as const) {
  test(`OEM-T1: ${row}`, async () => {
    const list = await readText(line);
    assert.deepEqual([namesOf(list), problemsOf(list)], [names, problems]);
    const severities = list.defects.map(({ severity }) => severity);
    assert.equal(list.errors, severities.filter((one) => one === "error").length);
    assert.equal(list.errors + list.warnings, severities.length);
  });
}

test("OEM-T1: an error carries its file, line, text and a proposal", async () => {
  const { defects } = await readLists(
    [input("release/a:v1\n", "a.list"), input("# x\r\n\r\nlibrary/php/7.1-apache\r\n", "b.list")],
    oem,
  );
  assert.deepEqual(defects.at(-1), {
    file: "b.list",
    line: 3,
    text: "library/php/7.1-apache",
    defect: "slash-for-colon",
    severity: "error",
    proposal: "library/php:7.1-apache",
  });
});

test("OEM-T1: an image of two lists is copied once, with a warning that names the second", async () => {
  const list = await readLists(
    [input("release/a:v1\n", "a.list"), input("release/a:v1\nrelease/b:v1\n", "b.list")],
    oem,
  );
  assert.deepEqual(namesOf(list), ["release/a:v1", "release/b:v1"]);
  assert.deepEqual(
    list.defects.map(({ file, line, defect }) => [file, line, defect]),
    [["b.list", 1, "duplicate"]],
  );
});

test("OEM-T1: lists are joined with both neighbours intact when the first has no last newline", async () => {
  const list = await readLists([input("# a\nrelease/a:v1", "a.list"), input("release/b:v1\n", "b.list")], oem);
  assert.deepEqual(namesOf(list), ["release/a:v1", "release/b:v1"]);
});

test("which projects are allowed is a matter of configuration", async () => {
  for (const [projects, errors] of [
    [["store"], 0],
    [["*"], 0],
    [["release"], 1],
  ] as const) {
    assert.equal((await readText("store/lantern:v1\n", { form: "project", projects })).errors, errors);
  }
  const dotted = await readText("my.project/lantern:v1\n", { form: "project", projects: ["my.project"] });
  assert.deepEqual(namesOf(dotted), ["my.project/lantern:v1"]);
});

for (const [what, line, problem] of [
  ["a blank inside", "release/a :v1", "inner-blank -> release/a:v1"],
  ["a comment behind an image", "release/a:v1 # mine", "inner-blank -> release/a:v1"],
  ["two images on a line", "release/a:v1 release/b:v1", "inner-blank"],
  ["a typographic quote", "“release/a:v1”", "stray-quote -> release/a:v1"],
  ["an upper-case name", "release/Lantern:V1", "not-a-reference -> release/lantern:V1"],
  ["a Cyrillic letter, which nobody can guess", "rele\u0430se/a:v1", "not-ascii"],
  ["full-width letters", "\uff52elease/a:v1", "not-ascii -> release/a:v1"],
  ["a zero-width space", "release/\u200ba:v1", "not-ascii -> release/a:v1"],
  ["a text that turns around", "release/\u202ea:v1", "not-ascii -> release/a:v1"],
  ["a no-break space at the end", "release/a:v1\u00a0", "not-ascii -> release/a:v1"],
  ["a terminal's escape", "release/a:v1\u001b[2J", "control-character"],
  ["a NUL", "release/a\0:v1", "control-character -> release/a:v1"],
  ["a name without project", "lantern:v1", "no-project"],
  ["a host with dots", "quay.io/release/a:v1", "host-in-list -> release/a:v1"],
  ["a digest that is none", "release/a:v1@sha256:12", "not-a-reference"],
  ["an empty part", "release//a:v1", "not-a-reference"],
  ["a path that climbs", "release/../a:v1", "not-a-reference"],
  ["an option", "--all", "not-a-reference"],
  ["a version with upper case behind a slash", "release/a/v1.0.0-RC1", "slash-for-colon -> release/a:v1.0.0-RC1"],
  ["a last part that is no version", "release/team/7zip", "no-tag"],
] as const) {
  test(`${what} is an error`, async () => {
    assert.deepEqual(problemsOf(await readText(`${line}\n`)), [`1 ${problem}`]);
  });
}

test("a part that looks like a version is a name where a tag follows", async () => {
  assert.deepEqual(namesOf(await readText("release/team/2.0-app:v1\n")), ["release/team/2.0-app:v1"]);
});

test("leading blanks, tabs and a byte order mark are repaired", async () => {
  const list = await readText("\ufeff release/a:v1\n\trelease/b:v1\t\r\n");
  assert.deepEqual(namesOf(list), ["release/a:v1", "release/b:v1"]);
  assert.deepEqual(problemsOf(list), [
    "1 byte-order-mark",
    "1 leading-blank",
    "2 leading-blank",
    "2 trailing-blank",
    "2 carriage-return",
  ]);
});

test("bytes that are no UTF-8 are an error, also those of a whole file in UTF-16", async () => {
  const broken = await readText(Buffer.from([0x72, 0xff, 0xfe, 0x0a]));
  assert.deepEqual(problemsOf(broken), ["1 not-utf8"]);
  assert.notEqual((await readText(Buffer.from("release/a:v1\r\nrelease/b:v1\r\n", "utf16le"))).errors, 0);
});

test("full references are pulled from the hosts they name, by tag or digest", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const lines = [`docker.io/library/nginx:1.27`, `quay.io:8443/a/b@${digest}`, `localhost/x/y:1@${digest}`];
  const list = await readText(`${lines.join("\n")}\n`, references);
  assert.deepEqual([namesOf(list), list.errors], [lines, 0]);
});

test("a full reference without a host is an error, not one of Docker Hub", async () => {
  for (const line of ["nginx:1.27", "release/lantern:v1"]) {
    assert.deepEqual(problemsOf(await readText(`${line}\n`, references)), ["1 no-host"]);
  }
});

test("two images that would get the same name at the target are an error", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  for (const [first, second] of [
    ["a.example/x/y:1", "b.example/x/y:1"],
    ["a.example/x/y:1", `a.example/x/y:1@${digest}`],
  ]) {
    assert.deepEqual(problemsOf(await readText(`${first}\n${second}\n`, references)), ["2 same-name"]);
  }
});

test("a list without images is a warning beside others and an error alone", async () => {
  const empty = input("# nothing\n\n", "empty.list");
  const beside = await readLists([empty, input("release/a:v1\n")], oem);
  assert.deepEqual([problemsOf(beside), beside.errors], [["2 no-images"], 0]);
  for (const text of ["", "\n\n", "# nothing\n"]) {
    const { defects, errors } = await readText(text);
    assert.deepEqual([defects.map(({ defect }) => defect), errors], [["no-images", "empty"], 1]);
  }
});

test("a line of a megabyte is one error with the beginning of its text, and the next line is read", async () => {
  const list = await readText(`release/${"x".repeat(1024 * 1024)}:v1\nrelease/a:v1\n`);
  assert.deepEqual([problemsOf(list), namesOf(list)], [["1 too-long"], ["release/a:v1"]]);
  assert.ok(list.defects[0]!.text.length <= 200);
  const blanks = await readText(`${" ".repeat(2000)}release/a:v1\n`);
  assert.deepEqual(problemsOf(blanks), ["1 too-long"], "what is not looked at is never skipped");
  assert.deepEqual(problemsOf(await readText(`#${"x".repeat(5000)}\nrelease/a:v1\n`)), []);
});

/** A million lines, made as they are read. */
const million = (line: (number: number) => string) => ({
  file: "million.list",
  async open() {
    return (async function* () {
      for (let at = 0; at < 1_000_000; at += 1000) {
        yield Buffer.from(Array.from({ length: 1000 }, (_, i) => `${line(at + i)}\n`).join(""));
      }
    })();
  },
});

test("a million lines that name a thousand images are a thousand images", async () => {
  const list = await readLists([million((number) => `release/app-${number % 1000}:v1`)], oem);
  assert.equal(list.images.length, 1000);
  assert.deepEqual([list.errors, list.warnings, list.defects.length], [0, 999_000, 1000]);
});

test("a million images are refused, with one error at the first that is too many", async () => {
  const { images, defects, errors } = await readLists([million((number) => `release/app-${number}:v1`)], oem);
  assert.deepEqual([images.length, errors], [50_000, 1]);
  assert.deepEqual([defects[0]?.line, defects[0]?.defect], [50_001, "too-many-images"]);
});

test("of a million errors the first thousand are reported and all are counted, and warnings do not hide them", async () => {
  const warned = input("release/a:v1\n".repeat(2000), "warned.list");
  const list = await readLists([warned, million((number) => `release/app-${number}'`)], oem);
  assert.deepEqual([list.errors, list.warnings, list.defects.length], [1_000_000, 1999, 2000]);
});

const part = fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,4})?$/);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
const image = fc
  .tuple(fc.constantFrom("release", "library"), fc.array(part, { minLength: 1, maxLength: 3 }), tag)
  .map(([project, path, version]) => `${[project, ...path].join("/")}:${version}`);
const noise = fc.oneof(
  image,
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(..."release/lantern:v1 '\"\t\r#@.\ufeff\u200b\u0430".split("")), maxLength: 30 }),
);

test("property: what a list of images says is read back, each once, in its order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(image, { minLength: 1, maxLength: 20 }), async (lines) => {
      const list = await readText(lines.map((line) => `${line}\n`).join(""));
      assert.deepEqual([namesOf(list), list.errors], [[...new Set(lines)], 0]);
      assert.equal(list.warnings, lines.length - list.images.length);
    }),
  );
});

test("property: how the bytes come in chunks changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { maxLength: 12 }), fc.integer({ min: 1, max: 7 }), async (lines, size) => {
      const text = lines.join("\n");
      const whole = await readLists([input(text)], oem);
      assert.deepEqual(await readLists([input(text, "images.list", size)], oem), whole);
    }),
  );
});

test("property: every line is skipped, an image, a duplicate or an error, and no line is two of them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { minLength: 1, maxLength: 12 }), async (parts) => {
      const text = `release/first:v1\n${parts.join("\n")}\n`;
      const { images, defects, errors } = await readText(text);
      const lines = text.split("\n").slice(0, -1);
      const skipped = lines.filter((line) => /^[ \t]*(#|[ \t\r]*$)/.test(line)).length;
      const duplicates = defects.filter(({ defect }) => defect === "duplicate").length;
      assert.equal(images.length + duplicates + errors + skipped, lines.length);
    }),
  );
});

test("property: reading what was read changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { minLength: 1, maxLength: 12 }), async (lines) => {
      const list = await readText(`release/first:v1\n${lines.join("\n")}\n`);
      const again = await readLists([listOfLines("again", namesOf(list))], oem);
      assert.deepEqual([again.images, again.errors + again.warnings], [list.images, 0]);
    }),
  );
});

test("property: every proposal is a line without defect", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { maxLength: 12 }), fc.boolean(), async (lines, full) => {
      const rules = full ? references : oem;
      for (const { proposal } of (await readText(`${lines.join("\n")}\n`, rules)).defects) {
        if (proposal !== undefined) assert.equal((await readText(`${proposal}\n`, rules)).defects.length, 0);
      }
    }),
    { numRuns: 300 },
  );
});

test("property: a defect is told in one line of visible ASCII", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { maxLength: 12 }), async (lines) => {
      for (const defect of (await readText(lines.join("\n"))).defects) {
        assert.match(describeDefect(defect), /^images\.list:\d+: [\x20-\x7e]+$/);
        assert.equal(defect.severity, listDefects[defect.defect].severity);
      }
    }),
  );
});
