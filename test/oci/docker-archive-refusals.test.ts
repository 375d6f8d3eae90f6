import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { openDockerArchive } from "../../lib/oci/docker-archive.ts";
import { archived } from "../archive/raw.ts";
import { base, dockerSave, filesOf, id1, own, saved } from "./docker-save.ts";
import { type ArchivedFile, archiveOf, indexJson, layoutFile, tarFile } from "./image-tars.ts";

suite("openDockerArchive refuses", () => {
  const image = saved([base], ["a.tar"], ["web:1"]);
  const layer: ArchivedFile = { path: "a.tar", content: base };
  const withItem = (item: object): ArchivedFile[] => [
    { path: image.item.Config, content: image.config },
    { path: "manifest.json", content: JSON.stringify([{ ...image.item, ...item }]) },
    layer,
  ];

  const unopened: Readonly<Record<string, readonly [files: readonly ArchivedFile[], code: string, message: RegExp]>> = {
    "a tar without manifest.json": [[layer], "LAYOUT_INVALID", /holds no manifest\.json$/],
    "an OCI layout alone": [[layoutFile, indexJson([])], "LAYOUT_INVALID", /try oci-archive:/],
    "a manifest.json that is not JSON": [[{ path: "manifest.json", content: "[" }], "LAYOUT_INVALID", /not JSON/],
    "a manifest.json that is something else": [[{ path: "manifest.json", content: "{}" }], "LAYOUT_INVALID", /array/],
    "a manifest.json of more than 4 MiB": [
      [{ path: "manifest.json", content: Buffer.alloc(4 * 1024 * 1024 + 1, " ") }],
      "LAYOUT_INVALID",
      /larger than 4 MiB/,
    ],
    "a name that is none": [withItem({ RepoTags: ["NO NAME"] }), "LAYOUT_INVALID", /manifest\.json of .*NO NAME/],
    "a name without tag": [withItem({ RepoTags: ["web"] }), "LAYOUT_INVALID", /"web" has no tag/],
    "a link that leads out": [
      [...filesOf(image), { path: "a.tar", link: "../a.tar" }],
      "ARCHIVE_INVALID",
      /"a\.tar": its target lies outside/,
    ],
    "a link that leads out as docker before 1.12.1 wrote them": [
      [...dockerSave, { path: "4/layer.tar", link: `../../${id1}/layer.tar` }],
      "ARCHIVE_INVALID",
      /outside/,
    ],
    "a link to an absolute path": [
      [...filesOf(image), { path: "a.tar", link: "/etc/passwd" }],
      "ARCHIVE_INVALID",
      /absolute/,
    ],
    "a layout that is none": [
      [{ path: "oci-layout", content: "{}" }, ...filesOf(image), layer],
      "LAYOUT_INVALID",
      /version 1\.0\.0/,
    ],
  };
  for (const [what, [files, code, message]] of Object.entries(unopened)) {
    test(what, async (t) => assert.rejects(openDockerArchive(await archiveOf(t, files)), { code, message }));
  }

  const unresolved: Readonly<Record<string, readonly [files: readonly ArchivedFile[], code: string, message: RegExp]>> =
    {
      "a layer that is not there": [filesOf(image), "LAYOUT_INVALID", /holds no "a\.tar", which manifest\.json names/],
      "a config that is not there": [withItem({ Config: "b.json" }), "LAYOUT_INVALID", /holds no b\.json/],
      "a config that is not JSON": [withItem({ Config: "a.tar" }), "LAYOUT_INVALID", /"a\.tar" is no config/],
      "more layers than the config has": [
        withItem({ Layers: ["a.tar", "a.tar"] }),
        "LAYOUT_INVALID",
        /has 1 layers, .* 2/,
      ],
      "fewer layers than the config has": [withItem({ Layers: [] }), "LAYOUT_INVALID", /has 1 layers, .* 0/],
      "a layer that is not the config's": [
        [...filesOf(image), { path: "a.tar", content: own }],
        "CONTENT_MISMATCH",
        /"a\.tar" .* not its config's/,
      ],
      "a gzipped layer that is not the config's": [
        [...filesOf(image), { path: "a.tar", content: gzipSync(own) }],
        "CONTENT_MISMATCH",
        /not its config's/,
      ],
      "a layer of damaged gzip": [
        [...filesOf(image), { path: "a.tar", content: gzipSync(base).fill(0xff, 20) }],
        "ARCHIVE_INVALID",
        /Cannot inflate/,
      ],
      "a layer that is a directory": [
        [...filesOf(image), { path: "a.tar/x", content: base }],
        "LAYOUT_INVALID",
        /holds no "a\.tar"/,
      ],
      "a link to nothing": [
        [...filesOf(image), { path: "a.tar", link: "b.tar" }],
        "LAYOUT_INVALID",
        /holds no "a\.tar"/,
      ],
      "links in a circle": [
        [...filesOf(image), { path: "a.tar", link: "b.tar" }, { path: "b.tar", link: "a.tar" }],
        "LAYOUT_INVALID",
        /links lead on and on/,
      ],
      "an archive without images": [[{ path: "manifest.json", content: "[]" }], "CONTENT_UNKNOWN", /it holds no image/],
      "one name of two images": [
        [{ path: "a.tar", content: base }, ...filesOf(image, saved([base], ["a.tar"], ["web:1"], { os: "windows" }))],
        "REFERENCE_INVALID",
        /may be any of/,
      ],
    };
  for (const [what, [files, code, message]] of Object.entries(unresolved)) {
    test(what, async (t) => {
      await using archive = await openDockerArchive(await archiveOf(t, files));
      await assert.rejects(archive.resolve(""), { code, message });
    });
  }

  test("two entries of one name, sizes that lie, names that lead out", async (t) => {
    for (const bytes of [
      archived({ path: "manifest.json", content: "[]" }, { path: "manifest.json", content: "[]" }),
      archived({ path: "manifest.json", content: "[]", size: 100_000 }),
      archived({ path: "manifest.json", content: "[]" }, { path: "../a" }),
    ]) {
      await assert.rejects(openDockerArchive(await tarFile(t, bytes)), { code: "ARCHIVE_INVALID" });
    }
  });

  test("compressed archives, saying what to do", async (t) => {
    const bytes = await readFile(await archiveOf(t, dockerSave));
    const zstd = Buffer.from("28b52ffd04", "hex");
    for (const [compressed, hint] of [
      [gzipSync(bytes), /gzip; unpack it with gunzip first/],
      [zstd, /zstd; unpack it with unzstd first/],
      [Buffer.from("BZh91AY"), /bunzip2/],
      [Buffer.from("fd377a585a0000", "hex"), /unxz/],
    ] as const) {
      await assert.rejects(openDockerArchive(await tarFile(t, compressed)), { code: "ARCHIVE_INVALID", message: hint });
    }
  });
});
