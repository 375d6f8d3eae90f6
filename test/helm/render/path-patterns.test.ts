import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { glob } from "../../../lib/helm/render/glob.ts";
import { IgnoreRules } from "../../../lib/helm/render/ignore-rules.ts";

const globs: readonly (readonly [pattern: string, takes: readonly string[], refuses: readonly string[]])[] = [
  ["*.yaml", ["a.yaml", ".yaml"], ["x/a.yaml", "a.yml"]],
  ["**.yaml", ["a.yaml", "x/y/a.yaml"], ["a.yml"]],
  ["conf/**", ["conf/", "conf/a/b"], ["conf", "x/conf/a"]],
  ["a?c", ["abc", "aüc"], ["a/c", "ac", "abbc"]],
  ["[a-c]x", ["ax", "cx"], ["dx", "-x"]],
  ["[!a-c]x", ["dx", "/x"], ["ax"]],
  ["[abc]x", ["bx"], ["dx"]],
  ["[!abc]", ["d"], ["b"]],
  ["{a,b*,c/**}.txt", ["a.txt", "bbb.txt", "c/d/e.txt"], ["b/c.txt", "d.txt"]],
  ["{a,{b,c}}", ["a", "b", "c"], ["d", ""]],
  ["a\\*b", ["a*b"], ["axb"]],
  ["a,b", ["a,b"], ["a"]],
  ["", [""], ["a"]],
  ["a.b", ["a.b"], ["axb"]],
];

test("file patterns mean what they mean to helm's .Files.Glob", () => {
  for (const [pattern, takes, refuses] of globs) {
    const matches = glob(pattern);
    for (const path of takes) assert.ok(matches(path), `${pattern} takes ${path}`);
    for (const path of refuses) assert.ok(!matches(path), `${pattern} refuses ${path}`);
  }
});

test("a file pattern that is none takes every path", () => {
  for (const pattern of ["[", "[]", "[a-", "[b-a]", "[abc"]) assert.ok(glob(pattern)("any/path"), pattern);
});

test("a pattern of stars takes no time to speak of, whatever the path", () => {
  const started = process.cpuUsage();
  assert.ok(!glob(`${"**a".repeat(60)}b`)("a".repeat(2000)));
  const rules = new IgnoreRules(`${"*a".repeat(60)}b`);
  assert.ok(!rules.ignores("a".repeat(2000), false));
  assert.ok(process.cpuUsage(started).user < 5_000_000);
});

test("a path without special characters is a pattern that takes itself only", () => {
  const paths = fc.string({ unit: fc.constantFrom("a", "b", ".", "-", "/", "ü", " "), maxLength: 8 });
  fc.assert(
    fc.property(paths, paths, (path, other) => {
      assert.equal(glob(path)(other), path === other);
    }),
  );
});

test("a .helmignore names files, paths and directories", () => {
  const rules = new IgnoreRules("# comment\n\n*.md\n/only-root.txt\n/*.bak\nci/\nsub/*.tmp\n[ab].log\n\\#odd\n");
  const ignored: readonly (readonly [path: string, isDirectory: boolean, ignored: boolean])[] = [
    ["README.md", false, true],
    ["docs/README.md", false, true],
    ["only-root.txt", false, true],
    ["sub/only-root.txt", false, false],
    ["x.bak", false, true],
    [".bak", false, true],
    ["sub/x.bak", false, false],
    ["ci", true, true],
    ["ci", false, false],
    ["sub/x.tmp", false, true],
    ["sub/y/x.tmp", false, false],
    ["a.log", false, true],
    ["c.log", false, false],
    ["#odd", false, true],
    ["templates/.hidden", false, true],
    ["templates/a.yaml", false, false],
    ["comment", false, false],
  ];
  for (const [path, isDirectory, expected] of ignored) assert.equal(rules.ignores(path, isDirectory), expected, path);
});

test("a negated rule of a .helmignore ignores all that it does not name, as in helm", () => {
  const rules = new IgnoreRules("!*.yaml\n");
  assert.ok(rules.ignores("a.txt", false));
  assert.ok(!rules.ignores("a.yaml", false));
});

test("a .helmignore with a pattern that is none is refused", () => {
  assert.throws(() => new IgnoreRules("a**b"), /double-star/);
  assert.throws(() => new IgnoreRules("a[b"), /syntax error/);
});
