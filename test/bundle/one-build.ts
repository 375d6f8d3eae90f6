// A process to be killed: builds one bundle, by the store, its settings, the registry and the description of its arguments.
import { buildBundle, checkRelease } from "../../lib/bundle/index.ts";
import { openRegistries } from "../../lib/oci/index.ts";
import { openStore } from "../../lib/store/index.ts";

const [url = "", buckets = "[]", endpoint = "", description = "{}"] = process.argv.slice(2);
const release = checkRelease(JSON.parse(description));
const store = await openStore("memory:");
const to = await openStore(url, { buckets: JSON.parse(buckets) });
const settings = [{ host: "registry.example.com", endpoint }];
const registries = openRegistries({ settings, credentialFiles: [], userAgent: "stowage-test" });
const renderer = { version: "none", render: () => Promise.reject(new Error("there are no charts here")) };
process.stdout.write("begins\n");
const built = await buildBundle(release, { store, registries, renderer, to }, new AbortController().signal);
process.stdout.write(JSON.stringify(built));
