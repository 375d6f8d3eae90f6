import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPlatform, isPlatform, parsePlatform } from "../../lib/oci/platform.ts";

test("a platform is read and written as os/architecture/variant", () => {
  for (const text of ["linux/amd64", "linux/arm/v7", "windows/amd64", "linux/riscv64", "linux/mips64le"]) {
    assert.equal(formatPlatform(parsePlatform(text)), text);
  }
});

test("other texts are refused", () => {
  for (const text of [
    "",
    "amd64",
    "linux/",
    "/amd64",
    "linux/amd64/",
    "linux/arm/v7/x",
    "Linux/amd64",
    "linux/amd 64",
  ]) {
    assert.throws(() => parsePlatform(text), { code: "IMAGE_INVALID" }, text);
  }
});

const cases: readonly (readonly [offered: string, wanted: string, expected: boolean])[] = [
  ["linux/amd64", "linux/amd64", true],
  ["linux/amd64", "linux/amd64/v1", true],
  ["linux/amd64", "linux/amd64/v2", false],
  ["linux/amd64", "windows/amd64", false],
  ["linux/arm64/v8", "linux/arm64", true],
  ["linux/arm64", "linux/arm64/v8", true],
  ["linux/arm64/v9", "linux/arm64/v8", false],
  ["linux/arm", "linux/arm/v7", true],
  ["linux/arm/v6", "linux/arm", true],
  ["linux/arm/v6", "linux/arm/v7", false],
  ["linux/s390x", "linux/s390x/z13", false],
];
for (const [offered, wanted, expected] of cases) {
  test(`an image for ${offered} is ${expected ? "one" : "none"} for ${wanted}`, () => {
    assert.equal(isPlatform(parsePlatform(offered), parsePlatform(wanted)), expected);
  });
}

test("an empty variant is none", () => {
  assert.equal(isPlatform({ os: "linux", architecture: "arm64", variant: "" }, parsePlatform("linux/arm64/v8")), true);
});
