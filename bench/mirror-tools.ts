import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";

/** One hop between two registries that speak http. */
export interface Hop {
  /** `127.0.0.1:PORT` */
  readonly source: string;
  readonly target: string;
  /** `project/name:tag` */
  readonly images: readonly string[];
  /** For files that a command needs. */
  readonly directory: string;
}

/** Something that mirrors images from registry to registry. */
export interface Tool {
  readonly name: string;
  /** What must be on the PATH. */
  readonly program: string;
  /** The command that mirrors all of them, as its documentation says. */
  command(hop: Hop): Promise<readonly string[]>;
}

const projectOf = (image: string): string => image.slice(0, image.indexOf("/"));
const nameOf = (image: string): string => image.slice(image.indexOf("/") + 1, image.indexOf(":"));
const tagOf = (image: string): string => image.slice(image.indexOf(":") + 1);
const repositoryOf = (image: string): string => image.slice(0, image.indexOf(":"));

async function written(directory: string, name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

const yamlFile = (directory: string, name: string, value: unknown): Promise<string> =>
  written(directory, name, stringify(value));

/** For tools that copy one image: one process after the other, as in the scripts that people write around them. */
async function each(hop: Hop, line: (image: string) => string): Promise<readonly string[]> {
  const script = ["set -e", ...hop.images.map(line)].join("\n");
  return ["sh", await written(hop.directory, "each.sh", script)];
}

/** @param main the built stowage */
export const stowage = (main: string): Tool => ({
  name: "**stowage copy --list**",
  program: "node",
  async command({ source, target, images, directory }) {
    const list = await written(directory, "images.list", images.map((image) => `${image}\n`).join(""));
    const projects = [...new Set(images.map(projectOf))].flatMap((project) => ["--project", project]);
    return [process.execPath, main, "copy", "--list", list, ...projects, "--from", source, "--to", target];
  },
});

/** With four at once where a tool has a setting for it, since that is what stowage does. */
export const peers: readonly Tool[] = [
  {
    name: "regsync once, parallel: 4",
    program: "regsync",
    async command({ source, target, images, directory }) {
      const config = {
        version: 1,
        creds: [source, target].map((registry) => ({ registry, tls: "disabled" })),
        defaults: { parallel: 4 },
        sync: images.map((image) => ({ source: `${source}/${image}`, target: `${target}/${image}`, type: "image" })),
      };
      return ["regsync", "once", "-c", await yamlFile(directory, "regsync.yaml", config)];
    },
  },
  {
    name: "regctl image copy, one by one",
    program: "regctl",
    command: (hop) => {
      const hosts = [hop.source, hop.target].map((host) => `--host reg=${host},tls=disabled`).join(" ");
      return each(hop, (image) => `regctl ${hosts} image copy ${hop.source}/${image} ${hop.target}/${image}`);
    },
  },
  {
    name: "crane copy, one by one",
    program: "crane",
    command: (hop) => each(hop, (image) => `crane copy ${hop.source}/${image} ${hop.target}/${image}`),
  },
  {
    name: "skopeo sync --all",
    program: "skopeo",
    async command({ source, target, images, directory }) {
      const names = Object.fromEntries(images.map((image) => [repositoryOf(image), [tagOf(image)]]));
      const list = await yamlFile(directory, "skopeo.yaml", { [source]: { "tls-verify": false, images: names } });
      const to = ["--src", "yaml", "--dest", "docker", "--dest-tls-verify=false", "--all"];
      // it keeps the last part of a name only
      return ["skopeo", "--insecure-policy", "sync", ...to, list, `${target}/${projectOf(images[0]!)}`];
    },
  },
  {
    name: "oras cp, one by one",
    program: "oras",
    command: (hop) =>
      each(hop, (image) => `oras cp --from-plain-http --to-plain-http ${hop.source}/${image} ${hop.target}/${image}`),
  },
  {
    name: "image-syncer --proc 5",
    program: "image-syncer",
    async command({ source, target, images, directory }) {
      const auth = Object.fromEntries([source, target].map((host) => [host, { insecure: true }]));
      const pairs = images.map((image) => [
        `${source}/${image}`,
        `${target}/${projectOf(image)}/${nameOf(image)}:${tagOf(image)}`,
      ]);
      const authFile = await written(directory, "auth.json", JSON.stringify(auth));
      const imageFile = await written(directory, "images.json", JSON.stringify(Object.fromEntries(pairs)));
      return ["image-syncer", "--proc", "5", "--auth", authFile, "--images", imageFile];
    },
  },
];
