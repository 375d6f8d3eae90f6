import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BuildOptions, build } from "esbuild";

const root = dirname(import.meta.dirname);
const names = ["container", "stowage", "knative", "job", "render-worker", "images-worker"] as const;

type Main = (typeof names)[number];

/** The files of a build that are started. What else it makes are parts that these share, or load when they need them. */
export const builtMains: readonly string[] = names.map((name) => `${name}.mjs`);

/**
 * One part for every `import()`, and for what several have in common: nothing to install, and a process reads only what it
 * uses (docs/decisions/0029).
 */
const options = {
  bundle: true,
  splitting: true,
  minify: true,
  legalComments: "linked",
  platform: "node",
  target: "node24",
  format: "esm",
  outExtension: { ".js": ".mjs" },
  // packages that are CommonJS ask for Node's own modules by it
  banner: {
    js: 'import{createRequire as stowageRequire}from"node:module";const require=stowageRequire(import.meta.url);',
  },
  // ali-oss asks for it inside of a try, to use it where it is installed
  external: ["proxy-agent"],
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Build what bin/ starts into `outdir`. @returns the path of each */
export async function buildMains(outdir: string): Promise<Readonly<Record<Main, string>>> {
  await build({
    ...options,
    absWorkingDir: root,
    entryPoints: names.map((name) => ({ in: `bin/${name}.ts`, out: name })),
    outdir,
  });
  return Object.fromEntries(names.map((name) => [name, join(outdir, `${name}.mjs`)])) as Record<Main, string>;
}

/** `npm run build`: into dist/. */
if (import.meta.main) {
  const outdir = join(root, "dist");
  await rm(outdir, { recursive: true, force: true });
  await buildMains(outdir);
  for (const file of (await readdir(outdir)).filter((name) => name.endsWith(".mjs"))) {
    process.stdout.write(`dist/${file} ${Math.ceil((await stat(join(outdir, file))).size / 1024)} kB\n`);
  }
}
