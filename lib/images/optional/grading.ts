import { settingText } from "../../helm/render/index.ts";
import type { Finding, Findings } from "../finding.ts";
import type { Settings } from "./proofs.ts";

export const requiredImages = ({ images }: Findings): readonly string[] =>
  images.filter(({ status }) => status === "required").map(({ image }) => image);

/** An image that comes with the condition. */
export const possible = (finding: Finding, condition: string): Finding => ({
  ...finding,
  status: "possible",
  reasons: finding.reasons.map((reason) => ({ ...reason, condition })),
});

/** The findings with the settings they were made with. */
export function switchedOn(findings: Findings, settings: Settings): Findings {
  const switches = settings.map(settingText);
  return {
    images: findings.images.map((finding) => ({
      ...finding,
      reasons: finding.reasons.map((reason) => ({ ...reason, switches })),
    })),
    unresolved: findings.unresolved,
  };
}
