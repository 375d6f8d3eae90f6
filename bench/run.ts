/** `npm run bench -- NAME`: one measurement beside peers, in one run; prints a table of ratios. */
const benches: Readonly<Record<string, () => Promise<{ readonly run: (args: readonly string[]) => Promise<string> }>>> =
  {
    "cold-start": () => import("./cold-start.ts"),
    broker: () => import("./broker.ts"),
    mirror: () => import("./mirror.ts"),
    index: () => import("./index.ts"),
    bundle: () => import("./bundle.ts"),
    images: () => import("./images.ts"),
  };

const [name = "", ...args] = process.argv.slice(2);
const load = Object.hasOwn(benches, name) ? benches[name] : undefined;
if (load === undefined) {
  process.stderr.write(`Usage: npm run bench -- ${Object.keys(benches).join("|")}\n`);
  process.exitCode = 2;
} else {
  const { run } = await load();
  process.stdout.write(`${await run(args)}\n`);
}
