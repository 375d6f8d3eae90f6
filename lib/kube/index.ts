export type {
  ApplyOptions,
  DeleteOptions,
  InNamespace,
  Kube,
  KubeObject,
  KubeOptions,
  ListOptions,
  ObjectMeta,
  Resource,
  WriteOptions,
} from "./kube.ts";
export { type KubeSettings, openKube } from "./open-kube.ts";
