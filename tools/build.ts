import { rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";

/**
 * `npm run build`: one self-contained file per main in dist/, everything inside, nothing to install beside it.
 *
 * The framework and other CommonJS packages ask for Node's modules through `require`, which ES modules do not have.
 */
const root = dirname(import.meta.dirname);
const require =
  'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);';

export async function buildMains(outdir: string, mains: readonly string[] = ["stowage", "knative", "job"]) {
  await build({
    absWorkingDir: root,
    entryPoints: mains.map((main) => `bin/${main}.ts`),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    minify: true,
    keepNames: true,
    legalComments: "linked",
    platform: "node",
    target: "node24",
    format: "esm",
    banner: { js: require },
    logLevel: "warning",
  });
}

if (import.meta.main) {
  const outdir = join(root, "dist");
  await rm(outdir, { recursive: true, force: true });
  await buildMains(outdir);
  for (const main of ["stowage", "knative", "job"]) {
    const { size } = await stat(join(outdir, `${main}.mjs`));
    process.stdout.write(`dist/${main}.mjs ${Math.round(size / 1024)} kB\n`);
  }
}
