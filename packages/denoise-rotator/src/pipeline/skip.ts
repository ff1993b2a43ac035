import { type SiteRole, siteRoles } from "@denoise-rotator/contracts";
import { OptionError } from "@denoise-rotator/core";

/** Which sites of which blocks stay dense. */
export interface SkipRule {
  /** Whether every site of the block is skipped: it is neither rotated nor pruned. */
  block(index: number): boolean;
  site(index: number, role: SiteRole): boolean;
}

/**
 * `3` (a block), `downProj` (a role in every block), `3.downProj`, several at once.
 *
 * @throws OptionError naming the entry that is none of these, or a block the model does not have.
 */
export function parseSkip(entries: readonly string[], blocks: number): SkipRule {
  const whole = new Set<number>();
  const everywhere = new Set<string>();
  const single = new Set<string>();
  for (const entry of entries) {
    const match = /^(?:(\d+)(?:\.(\w+))?|(\w+))$/.exec(entry);
    const role = match?.[2] ?? match?.[3];
    const index = match?.[1] === undefined ? undefined : Number(match[1]);
    if (!match || (role !== undefined && !(siteRoles as readonly string[]).includes(role))) {
      throw new OptionError(
        `--skip ${entry}: a block (3), a site (${siteRoles.join(", ")}) or both (3.downProj)`,
      );
    }
    if (index !== undefined && index >= blocks) {
      throw new OptionError(`--skip ${entry}: the model has blocks 0…${blocks - 1}`);
    }
    if (index === undefined) everywhere.add(role!);
    else if (role === undefined) whole.add(index);
    else single.add(`${index}.${role}`);
  }
  return {
    block: (index) => whole.has(index),
    site: (index, role) => whole.has(index) || everywhere.has(role) || single.has(`${index}.${role}`),
  };
}
