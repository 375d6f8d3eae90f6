import assert from "node:assert/strict";
import { test } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { RejectedError } from "../../../lib/errors.ts";
import { endpointOf, type RegistrySettings } from "../../../lib/oci/registry/endpoint.ts";
import { createHttp } from "../../../lib/oci/registry/http.ts";
import { startFakeRegistry } from "../../fakes/registry.ts";
import { makeCertificate } from "../../real/certificate.ts";
import { requiring } from "../../real/programs.ts";
import { auth, openForTest } from "./opened-registry.ts";

const http = createHttp({ userAgent: "stowage-test" });

async function find(settings: RegistrySettings): Promise<{ base: string; trusted: boolean }> {
  const { base, trusted } = await endpointOf(settings, http)();
  return { base: base.href, trusted };
}

/** The fake listens on 127.0.0.1; Linux takes 0.0.0.0 for it too, and by that name it is no loopback host. */
const foreign = (host: string) => host.replace("127.0.0.1", "0.0.0.0");

test("without settings, loopback hosts are spoken to over http and all others over https", async () => {
  for (const host of ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"]) {
    assert.deepEqual(await find({ host }), { base: `http://${host}/`, trusted: true });
  }
  for (const host of ["reg.example", "reg.example:5000", "10.0.0.1", "localhost.example", "127.0.0.1.example"]) {
    assert.deepEqual(await find({ host }), { base: `https://${host}/`, trusted: true });
  }
});

test("a scheme that is set decides", async () => {
  assert.deepEqual(await find({ host: "reg.example", scheme: "http" }), { base: "http://reg.example/", trusted: true });
  assert.deepEqual(await find({ host: "localhost", scheme: "https" }), { base: "https://localhost/", trusted: true });
});

test("Docker Hub is reached at the host of its API", async () => {
  assert.equal((await find({ host: "docker.io" })).base, "https://registry-1.docker.io/");
});

test("an endpoint takes the place of the host", async () => {
  const endpoint = "http://127.0.0.1:41234";
  assert.deepEqual(await find({ host: "docker.io", endpoint, scheme: "https" }), {
    base: "http://127.0.0.1:41234/",
    trusted: true,
  });
});

test("an endpoint that is more than scheme, address and port is refused without being repeated", () => {
  for (const endpoint of [
    "",
    "reg",
    "ftp://reg",
    "https://user:hunter2@reg",
    "https://reg/hunter2",
    "https://r?hunter2",
  ]) {
    assert.throws(
      () => endpointOf({ host: "reg.example", endpoint }, http),
      (error) => error instanceof RejectedError && error.code === "CONFIG_INVALID" && !/hunter2/.test(error.message),
    );
  }
  for (const host of ["", "a b", "https://reg", "reg:99999"]) {
    assert.throws(() => endpointOf({ host }, http), { code: "CONFIG_INVALID" }, host);
  }
});

test("CR-W6: auto takes http where https is not spoken, and asks only once", async () => {
  await using fake = await startFakeRegistry();
  const settings = { host: foreign(fake.host), scheme: "auto" } as const;
  const endpoint = endpointOf(settings, http);
  const found = await Promise.all([endpoint(), endpoint()]);
  await endpoint();
  for (const { base, trusted } of found) {
    assert.deepEqual({ base: base.href, trusted }, { base: `http://${settings.host}/`, trusted: false });
  }
  assert.equal(fake.requests.length, 1);
  assert.equal((await find({ host: fake.host, scheme: "auto" })).trusted, true);
});

test("auto does not take a web page for a registry", async () => {
  await using fake = await startFakeRegistry();
  fake.misbehave("/v2/", (_, response) => response.writeHead(301, { location: "https://reg.example/" }).end());
  await assert.rejects(
    find({ host: fake.host, scheme: "auto" }),
    /https: TLS: wrong version number; http: answered 301$/,
  );
});

test("CR-T32: where neither scheme answers, the error names both attempts, and the next request asks again", async () => {
  const fake = await startFakeRegistry();
  await fake[Symbol.asyncDispose]();
  const endpoint = endpointOf({ host: fake.host, scheme: "auto" }, http);
  for (let i = 0; i < 2; i++) {
    await assert.rejects(endpoint(), {
      code: "REGISTRY_UNAVAILABLE",
      message: /^Cannot reach registry "127\.0\.0\.1:\d+": https: .*ECONNREFUSED.*; http: .*ECONNREFUSED/,
    });
  }
});

test("CR-T31: credentials are not sent over http that was found by trying", async () => {
  await using fake = await startFakeRegistry({ auth: "basic", users: { user: "secret" } });
  const host = foreign(fake.host);
  await using opened = await openForTest({ [host]: auth("user", "secret") }, [{ host, scheme: "auto" }]);
  await assert.rejects(opened.registries.repository(host, "a").resolve("v1"), {
    code: "REGISTRY_DENIED",
    message: /401; credentials are not sent over http$/,
  });
  assert.ok(fake.requests.every(({ headers }) => headers["authorization"] === undefined));
});

test("credentials are sent over http where it is asked for by name", async () => {
  await using fake = await startFakeRegistry({ auth: "basic", users: { user: "secret" } });
  const host = foreign(fake.host);
  await using opened = await openForTest({ [host]: auth("user", "secret") }, [{ host, scheme: "http" }]);
  await assert.rejects(opened.registries.repository(host, "a").resolve("v1"), { code: "CONTENT_UNKNOWN" });
});

test("without settings, nothing at all is sent to another host over http", async () => {
  await using fake = await startFakeRegistry();
  const host = foreign(fake.host);
  await using opened = await openForTest();
  await assert.rejects(opened.registries.repository(host, "a").resolve("v1"), { code: "REGISTRY_UNAVAILABLE" });
  assert.deepEqual(fake.requests, []);
});

test(
  "CR-T31: a certificate nobody vouches for is never a reason to go on over http",
  requiring("openssl"),
  async () => {
    await using fake = await startFakeRegistry({ tls: await makeCertificate() });
    await assert.rejects(find({ host: fake.host, scheme: "auto" }), {
      code: "REGISTRY_UNAVAILABLE",
      message: /self-signed certificate.*; http: not tried/,
    });
    await using opened = await openForTest({}, [{ host: fake.host, scheme: "https" }]);
    await assert.rejects(opened.registries.repository(fake.host, "a").resolve("v1"), { code: "REGISTRY_UNAVAILABLE" });
    assert.deepEqual(fake.requests, []);
  },
);

test("https with a certificate that is vouched for carries credentials", requiring("openssl"), async () => {
  const tls = await makeCertificate();
  const usual = getCACertificates();
  setDefaultCACertificates([...usual, tls.cert]);
  try {
    await using fake = await startFakeRegistry({ tls, auth: "bearer", users: { user: "secret" } });
    const { host } = fake;
    await using opened = await openForTest({ [host]: auth("user", "secret") }, [{ host, scheme: "auto" }]);
    await assert.rejects(opened.registries.repository(host, "a").resolve("v1"), { code: "CONTENT_UNKNOWN" });
  } finally {
    setDefaultCACertificates(usual);
  }
});
