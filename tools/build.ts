import { rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BuildOptions, build } from "esbuild";

const root = dirname(import.meta.dirname);
const mains = ["stowage", "knative", "job"] as const;

/**
 * One self-contained file, everything inside, nothing to install beside it.
 *
 * CommonJS, as the framework and its like are: as an ES module the same file starts a fifth slower.
 */
export const bundled = {
  bundle: true,
  minify: true,
  legalComments: "linked",
  platform: "node",
  target: "node24",
  format: "cjs",
  define: { "import.meta.dirname": "__dirname" },
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Build mains of bin/ into `outdir` as `<name>.cjs`. @returns their paths */
export async function buildMains(outdir: string, names: readonly string[] = mains): Promise<readonly string[]> {
  await build({
    ...bundled,
    absWorkingDir: root,
    entryPoints: names.map((name) => `bin/${name}.ts`),
    outdir,
    outExtension: { ".js": ".cjs" },
  });
  return names.map((name) => join(outdir, `${name}.cjs`));
}

/** `npm run build`: every main into dist/. */
if (import.meta.main) {
  const outdir = join(root, "dist");
  await rm(outdir, { recursive: true, force: true });
  for (const file of await buildMains(outdir)) {
    process.stdout.write(`${file.slice(root.length + 1)} ${Math.round((await stat(file)).size / 1024)} kB\n`);
  }
}
