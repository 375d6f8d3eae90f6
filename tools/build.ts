import { readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";

const root = dirname(import.meta.dirname);
const mains = ["container", "stowage", "knative", "job"] as const;
/** What threads run. */
const workers = ["render-worker", "images-worker"] as const;
const names = [...mains, ...workers] as const;

type Main = (typeof names)[number];

/** The files of a build that are started. What else it makes are parts that these share, or load when they need them. */
export const builtMains: readonly string[] = names.map((name) => `${name}.mjs`);

/**
 * As ES modules, `node:http` and `node:https` read all that they export when they are loaded, and so load the client behind
 * `fetch`: 40 ms, for nothing that is used here. Asked for by `require`, they do not.
 */
const lazyHttp: Plugin = {
  name: "lazy-http",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:https?$/ }, ({ path, namespace }) =>
      namespace === "lazy-http" ? { path, external: true } : { path, namespace: "lazy-http" },
    );
    onLoad({ filter: /.*/, namespace: "lazy-http" }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/**
 * What is imported from the face of a folder is imported from where the face has it. Parts are made of what files import:
 * whoever uses one function of a face would load all of the folder.
 */
const pastFaces: Plugin = {
  name: "past-faces",
  setup({ onLoad }) {
    const named = /^import \{([^}]*)\} from "(\.[^"]*\/index\.ts)";$/gm;
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!path.startsWith(root + sep) || path.includes("node_modules")) return undefined;
      const text = await readFile(path, "utf8");
      const faces = new Map<string, Face>();
      for (const [, , face] of text.matchAll(named)) faces.set(face!, await readFace(resolve(dirname(path), face!)));
      const contents = text.replace(named, (_, names: string, face: string) =>
        values(names)
          .map((name) => `import { ${name} } from "${placeOf(name, faces.get(face)!, face)}";`)
          .join(" "),
      );
      return { contents, loader: "ts" };
    });
  },
};

interface Face {
  /** The file of each name that is exported by name. */
  readonly files: ReadonlyMap<string, string>;
  /** The file of all other names. */
  readonly rest: string | undefined;
}

async function readFace(face: string): Promise<Face> {
  const text = await readFile(face, "utf8");
  const files = [...text.matchAll(/^export \{([^}]*)\} from "([^"]+)";$/gm)].flatMap(([, names, file]) =>
    values(names!).map((name) => [name, file!] as const),
  );
  return { files: new Map(files), rest: /^export \* from "([^"]+)";$/m.exec(text)?.[1] };
}

const placeOf = (name: string, { files, rest }: Face, face: string): string => {
  const file = files.get(name.split(" as ", 1)[0]!) ?? rest;
  return file === undefined ? face : join(dirname(face), file).replace(/^(?!\.)/, "./");
};

/** The names of an import or export that are there at run time. */
const values = (names: string): readonly string[] =>
  names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "));

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
  plugins: [lazyHttp, pastFaces],
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Build what bin/ starts into `outdir`. @returns the path of each */
export async function buildMains(outdir: string): Promise<Readonly<Record<Main, string>>> {
  const parts = { ...options, absWorkingDir: root, outdir };
  await build({ ...parts, entryPoints: mains.map(entryPoint) });
  // parts of their own: each thread loads all of its parts, and those of the mains hold what a thread does not use
  await build({ ...parts, entryPoints: workers.map(entryPoint) });
  return Object.fromEntries(names.map((name) => [name, join(outdir, `${name}.mjs`)])) as Record<Main, string>;
}

const entryPoint = (name: Main) => ({ in: `bin/${name}.ts`, out: name });

/** `npm run build`: into dist/. */
if (import.meta.main) {
  const outdir = join(root, "dist");
  await rm(outdir, { recursive: true, force: true });
  await buildMains(outdir);
  for (const file of (await readdir(outdir)).filter((name) => name.endsWith(".mjs"))) {
    process.stdout.write(`dist/${file} ${Math.ceil((await stat(join(outdir, file))).size / 1024)} kB\n`);
  }
}
