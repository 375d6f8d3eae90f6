import type { Target } from "./content.ts";

/** A place to which nothing is ever written, and which answers as if it had been. */
export const dryRun = (target: Target): Target => ({
  name: target.name,
  ...(target.shared && { shared: target.shared }),
  resolve: (reference, signal) => target.resolve(reference, signal),
  open: (descriptor, options) => target.open(descriptor, options),
  tags: (signal) => target.tags(signal),
  ...(target.referrers && { referrers: (subject, options) => target.referrers!(subject, options) }),
  has: (descriptor, signal) => target.has(descriptor, signal),
  put: async (descriptor, _, { signal } = {}) => ((await target.has(descriptor, signal)) ? "present" : "written"),
  async tag() {},
  async remove() {},
});
