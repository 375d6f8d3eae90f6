export { type JsonStyle, readJson, writeJson } from "./json.ts";
export { compareUtf8 } from "./key-order.ts";
export { readYamlDocuments, splitManifests } from "./manifests.ts";
export { formatFloat, formatFloat32 } from "./number.ts";
export { readYaml } from "./read.ts";
export { defaultLimits, type WritableValue, YamlError, type YamlLimits, type YamlValue } from "./value.ts";
export { writeYaml, writeYamlPretty } from "./write.ts";
