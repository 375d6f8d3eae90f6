import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { RejectedError } from "../../../lib/errors.ts";
import { openCredentials } from "../../../lib/oci/registry/credentials.ts";
import { parseCredentialsFile } from "../../../lib/oci/registry/credentials-file.ts";
import { auth } from "./opened-registry.ts";

let work: string;
before(async () => {
  work = await mkdtemp(join(tmpdir(), "stowage-credentials-"));
});
after(() => rm(work, { recursive: true }));

let files = 0;
async function fileOf(content: unknown): Promise<string> {
  const path = join(work, `${files++}.json`);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** Who is found for a host, in a file with these `auths`. */
async function found(auths: Readonly<Record<string, unknown>>, host: string, repository?: string) {
  return (await openCredentials([await fileOf({ auths })]).find(host, repository))?.username;
}

test("CR-T33: a file with only auth gives user and password", async () => {
  const credentials = openCredentials([await fileOf({ auths: { "reg.example": auth("user", "secret") } })]);
  const { username, password } = (await credentials.find("reg.example"))!;
  assert.deepEqual({ username, password }, { username: "user", password: "secret" });
});

test("CR-T33, CR-W7: a key may be a host, a host with a port, or an address with v1 or v2", async () => {
  for (const key of ["reg.example", "https://reg.example", "https://reg.example/v1/", "http://reg.example/v2/"]) {
    assert.equal(await found({ [key]: auth("user", "x") }, "reg.example"), "user", key);
  }
  assert.equal(await found({ "https://REG.example:5000/v1": auth("user", "x") }, "reg.example:5000"), "user");
  assert.equal(await found({ "reg.example": auth("user", "x") }, "reg.example:5000"), undefined);
  assert.equal(await found({ "reg.example:5000": auth("user", "x") }, "reg.example"), undefined);
});

test("CR-W7: the longest path wins, by whole parts of a name", async () => {
  const auths = {
    "reg.example": auth("all", "x"),
    "reg.example/team/app": auth("app", "x"),
    "https://reg.example/v2/team/": auth("team", "x"),
  };
  assert.equal(await found(auths, "reg.example", "team/app"), "app");
  assert.equal(await found(auths, "reg.example", "team/app/sub"), "app");
  assert.equal(await found(auths, "reg.example", "team/apple"), "team");
  assert.equal(await found(auths, "reg.example", "teams/app"), "all");
  assert.equal(await found(auths, "reg.example"), "all");
  assert.equal(await found({ "reg.example/team": auth("team", "x") }, "reg.example"), undefined);
});

test("all names of Docker Hub are one", async () => {
  for (const key of ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"]) {
    assert.equal(await found({ [key]: auth("user", "x") }, "docker.io", "library/nginx"), "user", key);
  }
});

test("a star in the host stands for one label or a part of it", async () => {
  const auths = { "*.k8s.io": auth("glob", "x"), "reg-*.example:5000/team": auth("team", "x") };
  assert.equal(await found(auths, "registry.k8s.io"), "glob");
  assert.equal(await found(auths, "a.b.k8s.io"), undefined);
  assert.equal(await found(auths, "k8s.io"), undefined);
  assert.equal(await found(auths, "registry.k8s.io:443"), undefined);
  assert.equal(await found(auths, "registryxk8s.io"), undefined);
  assert.equal(await found(auths, "reg-1.example:5000", "team/app"), "team");
  assert.equal(await found(auths, "reg-1.example", "team/app"), undefined);
});

test("a host by name wins over one by star", async () => {
  const auths = { "*.example": auth("glob", "x"), "reg.example": auth("exact", "x") };
  assert.equal(await found(auths, "reg.example"), "exact");
});

test("auth wins over username and password, which serve without it", async () => {
  const fields = { username: "other", password: "x" };
  assert.equal(await found({ "reg.example": { ...auth("user", "x"), ...fields } }, "reg.example"), "user");
  assert.equal(await found({ "reg.example": fields }, "reg.example"), "other");
});

test("CR-W7: auth is split at the first colon, padded or not, without the NULs docker pads with", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", minLength: 1 }).filter((name) => !name.includes(":")),
      fc.string({ unit: "binary" }).filter((password) => !password.endsWith("\0")),
      fc.nat(3),
      fc.boolean(),
      (username, password, nulls, padded) => {
        const encoded = Buffer.from(`${username}:${password}${"\0".repeat(nulls)}`).toString("base64");
        const text = JSON.stringify({ auths: { host: { auth: padded ? encoded : encoded.replace(/=+$/, "") } } });
        const [entry] = parseCredentialsFile(text);
        assert.equal(entry?.credential.username, username);
        assert.equal(entry?.credential.password, password);
      },
    ),
  );
});

test("tokens are read beside the password", async () => {
  const fields = { ...auth("00000000-0000-0000-0000-000000000000", ""), identitytoken: "id", registrytoken: "reg" };
  const credentials = openCredentials([await fileOf({ auths: { "reg.example": fields } })]);
  const found = (await credentials.find("reg.example"))!;
  assert.equal(found.identityToken, "id");
  assert.equal(found.registryToken, "reg");
});

test("a dockercfg has no wrapper", async () => {
  const credentials = openCredentials([
    await fileOf({ "https://reg.example": { ...auth("user", "x"), email: "a@b" } }),
  ]);
  assert.equal((await credentials.find("reg.example"))?.username, "user");
});

test("an entry whose secret lies in a helper gives no credentials", async () => {
  const content = { auths: { "reg.example": {} }, credsStore: "desktop", HttpHeaders: { "User-Agent": "x" } };
  assert.equal(await openCredentials([await fileOf(content)]).find("reg.example"), undefined);
  const settings = { credsStore: "desktop", HttpHeaders: { "User-Agent": "x" } };
  assert.equal(await openCredentials([await fileOf(settings)]).find("HttpHeaders"), undefined);
});

test("the first file with a match decides, and missing files are passed over", async () => {
  const first = await fileOf({ auths: { "a.example": auth("first", "x") } });
  const second = await fileOf({ auths: { "a.example": auth("second", "x"), "b.example": auth("second", "x") } });
  const credentials = openCredentials([join(work, "missing.json"), join(first, "not-a-directory"), first, second]);
  assert.equal((await credentials.find("a.example"))?.username, "first");
  assert.equal((await credentials.find("b.example"))?.username, "second");
  assert.equal(await credentials.find("c.example"), undefined);
});

test("a file that is replaced is read again, and one that appears later is found", async () => {
  const path = join(work, "rotating.json");
  const credentials = openCredentials([path]);
  assert.equal(await credentials.find("reg.example"), undefined);
  for (const username of ["one", "two"]) {
    // as Kubernetes does: another file takes the name; its size is the same
    await rename(await fileOf({ auths: { "reg.example": auth(username, "x") } }), path);
    assert.equal((await credentials.find("reg.example"))?.username, username);
  }
  await rm(path);
  assert.equal(await credentials.find("reg.example"), undefined);
});

test("a malformed file is refused by its name, without a word of its content", async () => {
  const malformed: readonly unknown[] = [
    '{"auths": {"reg.example": {"auth": "hunter2"',
    "hunter2",
    '"hunter2"',
    "[]",
    { auths: "hunter2" },
    { auths: { "hunter2.example": "hunter2" } },
    { auths: { "hunter2.example": { auth: 5, password: "hunter2" } } },
    { auths: { "hunter2.example": { auth: "hunter2!" } } },
    { auths: { "hunter2.example": { auth: Buffer.from("hunter2").toString("base64") } } },
    { auths: { "hunter2.example": { registrytoken: "hunter2\r\nX: y" } } },
  ];
  for (const content of malformed) {
    const path = await fileOf(content);
    await assert.rejects(openCredentials([path]).find("reg.example"), (error) => {
      assert.ok(error instanceof RejectedError);
      assert.equal(error.code, "CREDENTIALS_INVALID");
      assert.ok(error.message.includes(path), error.message);
      assert.doesNotMatch(`${error.stack} ${error.cause}`, /hunter2|aHVudGVy/);
      return true;
    });
  }
});

test("what is no readable file of sensible size is refused", async () => {
  const directory = join(work, "directory.json");
  await mkdir(directory);
  const large = await fileOf(" ".repeat(1024 * 1024 + 1));
  for (const path of [directory, large]) {
    await assert.rejects(openCredentials([path]).find("reg.example"), { code: "CREDENTIALS_INVALID" });
  }
});

test("any JSON is read or refused in words", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        parseCredentialsFile(JSON.stringify({ auths: value }));
      } catch (error) {
        assert.match((error as Error).message, /^(?:it is|entry|the auth)/);
      }
    }),
  );
});
