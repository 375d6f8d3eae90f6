import { StowageError } from "../errors.ts";
import { UsageError } from "./arguments.ts";
import type { Surroundings, Verb } from "./verb.ts";

export type { Surroundings } from "./verb.ts";

/** design/cli.md: the stable command line. Each verb is loaded when it is asked for. */
const verbs: Readonly<Record<string, { readonly usage: string; readonly load: () => Promise<Verb> }>> = {
  up: {
    usage:
      "up [--port N] [--registry-port N] [--host ADDRESS] [--data DIR] [--config FILE]\n" +
      "       [--storage registry] [--storage-registry-repo HOST] [--storage-registry-scheme HTTP|HTTPS]",
    load: async () => (await import("./up.ts")).up,
  },
  send: {
    usage: "send TYPE [--subject S] [--source S] [--id ID] [--data JSON|@FILE|-] [--ext k=v]… [--to URL]",
    load: async () => (await import("./send.ts")).send,
  },
  run: {
    usage: "run FUNCTION --event FILE|- [--data DIR] [--config FILE]",
    load: async () => (await import("./run.ts")).run,
  },
  images: {
    usage:
      "images CHART… [--values FILE]… [--profile FILE[,FILE]…]… [--set k=v]… [--kube-version V]\n" +
      "       [--skip-schema-validation] [--tests] [--optional] [--cross-check] [OPTION]…\n" +
      "       stowage images --release RELEASE.yaml [--optional] [OPTION]…\n" +
      "       stowage images --manifests PATH… [--tests] [OPTION]…\n" +
      "       stowage images --lists PATH… [OPTION]…\n" +
      "       stowage images --placeholders DIR [LIST…] [OPTION]…\n" +
      "       stowage images --cluster-image DIR [--optional] [OPTION]…\n" +
      "       OPTION: [--rules FILE] [--format list|json|table] [--strip-registry] [--lock FILE] [--diff FILE] [--data DIR]\n" +
      "       [--config FILE]",
    load: async () => (await import("./images.ts")).images,
  },
  copy: {
    usage:
      "copy SRC DST [--platform P]… [--rewrite-index] [--dry-run] [--config FILE]\n" +
      "       SRC and DST: docker://REFERENCE, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF],\n" +
      "       registry-tree:DIR/REPO:TAG\n" +
      "       stowage copy --list FILE|DIR… --from HOST --to HOST [--rename OLD=NEW]… [--project NAME]… [--platform P]…\n" +
      "       [--rewrite-index] [--recheck] [--report DIR] [--dry-run] [--config FILE]\n" +
      "       stowage copy --list FILE|DIR… --references [--from HOST] --to HOST …: lists as `stowage images` prints them",
    load: async () => (await import("./copy.ts")).copyVerb,
  },
  index: {
    usage: "index docker://HOST[/PREFIX] [--out FILE] [--config FILE]",
    load: async () => (await import("./index-verb.ts")).indexVerb,
  },
  bundle: {
    usage: "bundle RELEASE.yaml [--to URL] [--split SIZE] [--base BUNDLE] [--key FILE] [--data DIR] [--config FILE]",
    load: async () => (await import("./bundle.ts")).bundle,
  },
  verify: {
    usage: "verify FILE|URL [--base BUNDLE] [--key FILE] [--config FILE]",
    load: async () => (await import("./verify.ts")).verify,
  },
};

const help = `Usage: stowage VERB …

${Object.values(verbs)
  .map(({ usage }) => `  stowage ${usage.replaceAll("\n     ", "\n")}`)
  .join("\n")}

Exit status: 0 done, 1 incomplete or failed, 2 usage. Results on stdout, everything else on stderr.
`;

/** Run the command line. Never throws. @returns the exit status */
export async function main(args: readonly string[], surroundings: Surroundings): Promise<0 | 1 | 2> {
  const [name = "", ...rest] = args;
  const { stdout, stderr, signal } = surroundings;
  if (["--help", "-h", "help"].includes(name)) {
    stdout.write(help);
    return 0;
  }
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) {
    stderr.write(name === "" ? help : `stowage: there is no verb "${name}"\n\n${help}`);
    return 2;
  }
  if (rest.includes("--help") || rest.includes("-h")) {
    stdout.write(`Usage: stowage ${verb.usage}\n`);
    return 0;
  }
  try {
    const run = await verb.load();
    surroundings.onLoaded?.();
    return await run(rest, surroundings);
  } catch (error) {
    if (error instanceof UsageError) {
      stderr.write(`stowage ${name}: ${error.message}\nUsage: stowage ${verb.usage}\n`);
      return 2;
    }
    if (error instanceof StowageError) stderr.write(`stowage ${name}: ${error.message} (${error.code})\n`);
    else if (signal.aborted) stderr.write(`stowage ${name}: interrupted\n`);
    else stderr.write(`stowage ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}
