import { type SiteRole, siteRoles } from "@denoise-rotator/contracts";
import type { DecoderFamily, LinearDescription } from "./family.js";

/** The linear layers of `family`, with biases on those of `biased`, whatever the configuration says. */
export function fixedBiases(
  { linears }: DecoderFamily,
  biased: readonly SiteRole[],
): Record<SiteRole, LinearDescription> {
  const entries = siteRoles.map((role) => [role, { ...linears[role], hasBias: () => biased.includes(role) }]);
  return Object.fromEntries(entries) as Record<SiteRole, LinearDescription>;
}

/** The linear layers of `family`, without biases on the feed-forward part. */
export function attentionBiases(family: DecoderFamily): Record<SiteRole, LinearDescription> {
  const { gateProj, upProj, downProj } = fixedBiases(family, []);
  return { ...family.linears, gateProj, upProj, downProj };
}
