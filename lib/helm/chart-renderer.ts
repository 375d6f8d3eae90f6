import { openRenderer } from "./render/renderer.ts";
import type { Renderer } from "./renderer.ts";

/** Ours; a helm that happens to be there renders what ours breaks at. */
export const openChartRenderer = (): Renderer =>
  openRenderer({
    async fallback() {
      const [{ findHelm }, { openHelmRenderer }] = await Promise.all([
        import("./binary.ts"),
        import("./helm-renderer.ts"),
      ]);
      const helm = await findHelm();
      return helm === undefined ? undefined : openHelmRenderer(helm);
    },
  });
