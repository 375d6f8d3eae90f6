import { rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";

const root = dirname(import.meta.dirname);
const mains = ["stowage", "knative", "job", "render-worker", "images-worker"] as const;

/**
 * SDKs that only few runs need, by the name of the file they get. They lie beside the mains, because a file takes time to
 * start for everything that is in it, used or not.
 */
const sdks: Readonly<Record<string, string>> = { "@aws-sdk/client-s3": "client-s3", "ali-oss": "ali-oss" };

/**
 * A main with everything inside but the SDKs beside it, nothing to install.
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
  // ali-oss asks for it inside of a try, to use it where it is installed.
  external: ["proxy-agent"],
  logLevel: "warning",
} as const satisfies BuildOptions;

const sdksBeside: Plugin = {
  name: "SDKs beside",
  setup({ onResolve }) {
    const filter = new RegExp(`^(${Object.keys(sdks).join("|")})$`);
    onResolve({ filter }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: `./${sdks[path]}.cjs`, external: true },
    );
  },
};

/** Build mains of bin/ into `outdir` as `<name>.cjs`, and the SDKs beside them. @returns the paths of the mains */
export async function buildMains(outdir: string, names: readonly string[] = mains): Promise<readonly string[]> {
  await build({
    ...bundled,
    absWorkingDir: root,
    entryPoints: [
      ...names.map((name) => ({ in: `bin/${name}.ts`, out: name })),
      ...Object.entries(sdks).map(([name, file]) => ({ in: name, out: file })),
    ],
    plugins: [sdksBeside],
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
