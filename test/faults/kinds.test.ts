import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Descriptor, Target } from "../../lib/oci/index.ts";
import { imageFixture, inChunks, layerPiece, type Piece, putAll, read } from "../contracts/image-fixture.ts";
import type { Fault } from "../fakes/fault-proxy.ts";
import { type DockerRegistry, startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { openClients, type Trial, tryUnderFault } from "./one-fault.ts";

const DONE = "done";
const UNAVAILABLE = "TransientError REGISTRY_UNAVAILABLE";
const SHORT = "TransientError CONTENT_MISMATCH";
const MISMATCH = "RejectedError CONTENT_MISMATCH";
const REFUSED = "RejectedError REGISTRY_REFUSED";
const DENIED = "RejectedError REGISTRY_DENIED";
const UNKNOWN = "RejectedError CONTENT_UNKNOWN";

/** How something ends, and how many requests that takes. */
type Ending = readonly [ended: string, requests: number];

/** What comes of a fault that happens once, and of one that happens every time. */
type Expectation = readonly [fault: Fault, once: Ending, always: Ending];

const status = (code: number, retryAfter?: string): Fault => ({
  kind: "status",
  status: code,
  ...(retryAfter && { retryAfter }),
});

/** What helps against these is to ask again: three times, if need be. */
const passing: readonly Expectation[] = (
  [
    status(429),
    status(429, "1"),
    status(500),
    status(502),
    status(503),
    { kind: "reset" },
    { kind: "reset-answer", at: 0 },
    { kind: "stall" },
  ] as const
).map((fault) => [fault, [DONE, 2], [UNAVAILABLE, 3]]);

/** These are not asked again: nobody here waits for minutes, or has another password. */
const final: readonly Expectation[] = [
  [status(429, "60"), [UNAVAILABLE, 1], [UNAVAILABLE, 1]],
  [status(401), [DENIED, 1], [DENIED, 1]],
  [status(403), [DENIED, 1], [DENIED, 1]],
];

const LAYER = layerPiece("faults", 300_000);
const LAST = LAYER.bytes.byteLength - 1;
const IMAGE = imageFixture("faults", { layers: [LAYER] });
const MANIFEST = IMAGE.manifest;

suite("a single fault", { ...requiring("docker-registry"), concurrency: 16 }, () => {
  let registry: DockerRegistry;
  const direct = (repository: string): Target => openClients().registries.repository(registry.host, repository);
  before(async () => {
    registry = await startDockerRegistry();
    await putAll(direct("faults/read"), IMAGE.pieces);
    await direct("faults/read").tag("1.0", MANIFEST.descriptor);
  });
  after(() => registry[Symbol.asyncDispose]());

  type Attempt = Pick<Trial, "action" | "prepare"> & {
    readonly repository?: string;
    /** Checked when it is over, however it ended. */
    readonly check?: (isDone: boolean) => Promise<void>;
  };

  /** A test for each fault, where it happens once and where it happens every time. */
  function expecting(
    what: string,
    match: RegExp,
    attempt: (name: string) => Attempt,
    expectations: readonly Expectation[],
  ): void {
    for (const [fault, ...endings] of expectations) {
      for (const [position, [ended, requests]] of endings.entries()) {
        const often = position === 0 ? "once" : "every time";
        const name = `${what}: ${Object.values(fault).join(" ")} ${often} is ${ended} after ${requests} of them`;
        test(name, async () => {
          const { repository = "faults/read", check, ...trial } = attempt(name);
          const stalls = fault.kind.startsWith("stall");
          const outcome = await tryUnderFault({
            ...trial,
            registry: registry.host,
            repository,
            rule: { faults: [fault], match, times: position === 0 ? 1 : undefined },
            patience: stalls ? 1000 : undefined,
          });
          assert.equal(outcome.ended, ended);
          // a busy machine may let a good answer look like one more stall
          if (!stalls) assert.equal(outcome.requests, requests);
          if (fault.kind === "status" && fault.retryAfter !== undefined) {
            const seconds = Number(fault.retryAfter);
            if (ended === DONE) assert.ok(outcome.waits.includes(seconds * 1000));
            else assert.equal(outcome.retryAfter, seconds);
          }
          await check?.(ended === DONE);
        });
      }
    }
  }

  const reading = ({ descriptor, bytes }: Piece) => ({
    action: async (repository: Target) => assert.deepEqual(await read(repository, descriptor), bytes),
  });

  expecting("reading a blob", /^GET .*\/blobs\//, () => reading(LAYER), [
    ...passing,
    ...final,
    // some bytes came, so it goes on from there: three times, each a request
    [{ kind: "reset-answer", at: 1000 }, [DONE, 2], [UNAVAILABLE, 4]],
    [{ kind: "stall-answer", at: 1000 }, [DONE, 2], [UNAVAILABLE, 4]],
    [{ kind: "truncate", at: 0 }, [DONE, 2], [UNAVAILABLE, 4]],
    [{ kind: "truncate", at: LAST }, [DONE, 2], [UNAVAILABLE, 4]],
    [{ kind: "flip", at: 0 }, [MISMATCH, 1], [MISMATCH, 1]],
    [{ kind: "flip", at: LAST }, [MISMATCH, 1], [MISMATCH, 1]],
    [{ kind: "wrong-length", by: 1 }, [MISMATCH, 1], [MISMATCH, 1]],
    [{ kind: "wrong-length", by: -1 }, [MISMATCH, 1], [MISMATCH, 1]],
    [{ kind: "html" }, [MISMATCH, 1], [MISMATCH, 1]],
    [{ kind: "loop" }, [DONE, 2], [REFUSED, 6]],
    [status(404), [UNKNOWN, 1], [UNKNOWN, 1]],
  ]);

  expecting("reading a manifest", /^GET .*\/manifests\//, () => reading(MANIFEST), [
    ...passing,
    ...final,
    [{ kind: "reset-answer", at: 10 }, [DONE, 2], [UNAVAILABLE, 3]],
    [{ kind: "stall-answer", at: 10 }, [DONE, 2], [UNAVAILABLE, 3]],
    [{ kind: "truncate", at: 10 }, [DONE, 2], [UNAVAILABLE, 3]],
    [{ kind: "flip", at: 10 }, [MISMATCH, 1], [MISMATCH, 1]],
    [{ kind: "wrong-length", by: 1 }, [DONE, 2], [UNAVAILABLE, 3]],
    // too short may be a lost connection
    [{ kind: "wrong-length", by: -1 }, [SHORT, 1], [SHORT, 1]],
    [{ kind: "html" }, [SHORT, 1], [SHORT, 1]],
    [{ kind: "loop" }, [DONE, 2], [REFUSED, 6]],
  ]);

  expecting(
    "resolving a tag",
    /\/manifests\/1\.0$/,
    () => ({ action: async (repository) => assert.deepEqual(await repository.resolve("1.0"), MANIFEST.descriptor) }),
    [
      ...passing,
      ...final,
      // a page is no manifest, so the manifest itself is asked for
      [{ kind: "html" }, [DONE, 2], [REFUSED, 2]],
      [{ kind: "loop" }, [DONE, 2], [REFUSED, 6]],
      [status(404), [UNKNOWN, 1], [UNKNOWN, 1]],
    ],
  );

  expecting(
    "listing tags",
    /^GET .*\/tags\/list$/,
    () => ({ action: async (repository) => assert.deepEqual(await Array.fromAsync(repository.tags()), ["1.0"]) }),
    [
      ...passing,
      ...final,
      [{ kind: "truncate", at: 5 }, [DONE, 2], [UNAVAILABLE, 3]],
      [{ kind: "html" }, [REFUSED, 1], [REFUSED, 1]],
    ],
  );

  /** Whether a fault was met or not, what is there is right, and all is there when it was done. */
  const checking =
    (repository: string, { descriptor, bytes }: Piece) =>
    async (isDone: boolean) => {
      const target = direct(repository);
      if (await target.has(descriptor)) assert.deepEqual(await read(target, descriptor), bytes);
      else assert.ok(!isDone);
    };

  const writingBlob = (name: string): Attempt => {
    const blob = layerPiece(name, 300_000);
    return {
      action: (repository) => repository.put(blob.descriptor, async () => inChunks(blob.bytes)),
      check: checking("faults/read", blob),
    };
  };
  expecting("writing a blob", /^PUT .*\/blobs\/uploads\//, writingBlob, [
    ...passing,
    ...final,
    [{ kind: "reset-upload", at: 0 }, [DONE, 2], [UNAVAILABLE, 3]],
    [{ kind: "reset-upload", at: LAST }, [DONE, 2], [UNAVAILABLE, 3]],
    [{ kind: "flip-upload", at: 1000 }, [REFUSED, 1], [REFUSED, 1]],
  ]);
  expecting("beginning to write a blob", /^POST /, writingBlob, [...passing, ...final]);

  let written = 0;
  const writingImage =
    (action: (repository: Target, manifest: Piece) => Promise<unknown>) =>
    (name: string): Attempt => {
      const repository = `faults/written-${++written}`;
      const { manifest, pieces } = imageFixture(name);
      return {
        repository,
        prepare: (target) => putAll(target, pieces.slice(0, -1)),
        action: (target) => action(target, manifest),
        check: checking(repository, manifest),
      };
    };
  const put = (target: Target, { descriptor, bytes }: Piece) => target.put(descriptor, async () => inChunks(bytes));
  expecting("writing a manifest", /^PUT .*\/manifests\/sha256:/, writingImage(put), [
    ...passing,
    ...final,
    [{ kind: "reset-upload", at: 10 }, [DONE, 2], [UNAVAILABLE, 3]],
    [{ kind: "flip-upload", at: 10 }, [REFUSED, 1], [REFUSED, 1]],
    [{ kind: "wrong-digest" }, [MISMATCH, 1], [MISMATCH, 1]],
  ]);
  const putAndTag = async (target: Target, manifest: Piece): Promise<void> => {
    await put(target, manifest);
    await target.tag("1.0", manifest.descriptor);
  };
  expecting("writing a tag", /^PUT .*\/manifests\/1\.0$/, writingImage(putAndTag), [
    ...passing,
    ...final,
    [{ kind: "wrong-digest" }, [MISMATCH, 1], [MISMATCH, 1]],
  ]);

  test("a token that ends between requests is renewed, twice when the new one ends at once", async () => {
    for (const [times, ended, requests] of [
      [1, DONE, 2],
      [2, DONE, 3],
      [undefined, DENIED, 3],
    ] as const) {
      const outcome = await tryUnderFault({
        registry: registry.host,
        tokens: true,
        repository: "faults/read",
        rule: { faults: [{ kind: "expire" }], match: /^GET .*\/blobs\//, times },
        prepare: (repository) => repository.resolve("1.0"),
        ...reading(LAYER),
      });
      assert.deepEqual([outcome.ended, outcome.requests], [ended, requests]);
    }
  });

  test("a registry that names another digest for a tag leads to nothing", async () => {
    let found: Descriptor | undefined;
    const outcome = await tryUnderFault({
      registry: registry.host,
      repository: "faults/read",
      rule: { faults: [{ kind: "wrong-digest" }], times: 1 },
      async action(repository) {
        found = await repository.resolve("1.0");
        await read(repository, found);
      },
    });
    assert.notEqual(found?.digest, MANIFEST.descriptor.digest);
    assert.equal(outcome.ended, UNKNOWN);
  });
});
