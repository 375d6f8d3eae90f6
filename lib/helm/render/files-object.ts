import { type CallContext, TypedMap, TypedSlice, templateFunction, type Value } from "../../template/index.ts";
import { compareUtf8, writeYaml, YamlError } from "../../yaml/index.ts";
import { type ChartFile, textOf } from "./chart-source.ts";
import { glob } from "./glob.ts";

type Methods = TypedMap["methods"];

/** `.Files`: a map of contents by path that also has methods (helm v4.1.4 pkg/engine/files.go). */
export function filesObject(files: readonly ChartFile[]): TypedMap {
  const made = known.get(files) ?? partsOf(files.map(({ path, bytes }) => [path, bytes]));
  known.set(files, made);
  return new TypedMap("engine.files", made.files, made.methods);
}

type Files = readonly (readonly [path: string, bytes: Uint8Array])[];

/** What every render of a chart may share: a template can change the map itself, but not these. */
interface Parts {
  readonly files: Files;
  readonly methods: Methods;
}

const known = new WeakMap<readonly ChartFile[], Parts>();

function filesMap(some: Files): TypedMap {
  const { files, methods } = partsOf(some);
  return new TypedMap("engine.files", files, methods);
}

function partsOf(files: Files): Parts {
  const contents = new Map(files);
  const read = ({ spend }: CallContext, path: string): Uint8Array => {
    const bytes = contents.get(path) ?? nothing;
    spend(bytes.byteLength / 16);
    return bytes;
  };
  /** A YAML mapping from file names, without their folders, to what `write` makes of their contents. */
  const mapping = (context: CallContext, write: (bytes: Uint8Array) => string): string => {
    const sorted = files.toSorted(byPath).map(([path]) => [baseName(path), write(read(context, path))] as const);
    try {
      return writeYaml(new Map(sorted)).replace(/\n$/, "");
    } catch (error) {
      // what YAML cannot hold gives nothing, as in helm
      if (error instanceof YamlError) return "";
      throw error;
    }
  };
  const methods: Methods = new Map([
    ["Get", templateFunction(["string"], (context, path) => textOf(read(context, path)))],
    ["GetBytes", templateFunction(["string"], (_context, path) => contents.get(path) ?? nothing)],
    [
      "Lines",
      templateFunction(["string"], (context, path) => {
        const lines = contents.has(path) ? textOf(read(context, path)).replace(/\n$/, "").split("\n") : [];
        return new TypedSlice("[]string", lines);
      }),
    ],
    [
      "Glob",
      templateFunction(["string"], ({ spend }, pattern) => {
        const matches = glob(pattern);
        spend(files.length * (1 + pattern.length));
        return filesMap(files.filter(([path]) => matches(path)));
      }),
    ],
    ["AsConfig", templateFunction([], (context) => mapping(context, textOf))],
    [
      "AsSecrets",
      templateFunction([], (context) => mapping(context, (bytes) => Buffer.from(bytes).toString("base64"))),
    ],
  ]);
  return { files, methods };
}

const nothing = new Uint8Array();

const byPath = ([a]: readonly [string, Value], [b]: readonly [string, Value]): number => compareUtf8(a, b);

/** Go's path.Base of a path that names a file. */
const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
