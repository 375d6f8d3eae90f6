/** Whether a name says that it is a tar in gzip. */
export const isGzip = (path: string): boolean => /\.(tar\.gz|tgz)$/.test(path);

/** Whether a name says that it is a tar, in gzip or not. */
export const isTar = (path: string): boolean => isGzip(path) || path.endsWith(".tar");

/** `a/b/c` lies in `a` and `a/b`. */
export const parentsOf = (path: string): readonly string[] =>
  [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
