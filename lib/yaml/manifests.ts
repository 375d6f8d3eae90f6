import { readYaml } from "./read.ts";
import { defaultLimits, type YamlLimits, type YamlValue } from "./value.ts";

const space = /\s/;

/**
 * Cuts rendered text into manifests where Helm does: at every line that begins with `---`, whatever follows; also
 * within a block of text. What is empty is left out. (helm 4.1.4, pkg/release/v1/util/manifest.go)
 */
export function splitManifests(text: string): string[] {
  const manifests: string[] = [];
  const whole = text.trim();
  for (let start = 0; start <= whole.length; ) {
    const separator = whole.startsWith("---", start) && start === 0 ? 0 : whole.indexOf("\n---", start);
    const end = separator < 0 ? whole.length : separator;
    const manifest = whole.slice(start, end).trim();
    if (manifest !== "") manifests.push(manifest);
    start = end + (whole[end] === "\n" ? 4 : 3);
    // a separator takes the white space behind it, so the next one needs a line break of its own
    while (start < whole.length && space.test(whole[start]!)) start++;
  }
  return manifests;
}

/**
 * Reads every document of a text, cut as `splitManifests` does.
 *
 * @throws YamlError for the first that is not YAML
 */
export function readYamlDocuments(text: string, limits: YamlLimits = defaultLimits): YamlValue[] {
  return splitManifests(text).map((manifest) => readYaml(manifest, limits));
}
