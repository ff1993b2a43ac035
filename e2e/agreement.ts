import { openCheckpoint } from "@denoise-rotator/checkpoint";
import { siteRoles } from "@denoise-rotator/contracts";

const pruned = /\.layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight$/;

/** Share of the weights of the pruned layers that two checkpoints agree to keep or to remove. */
export async function maskAgreement(first: string, second: string): Promise<number> {
  await using one = await openCheckpoint(first);
  await using other = await openCheckpoint(second);
  let [alike, all] = [0, 0];
  let layers = 0;
  for (const name of one.names) {
    if (!pruned.test(name)) continue;
    layers++;
    const [a, b] = [await one.readFloat32(name), await other.readFloat32(name)];
    for (let i = 0; i < a.length; i++) if ((a[i] === 0) === (b[i] === 0)) alike++;
    all += a.length;
  }
  if (layers % siteRoles.length !== 0 || layers === 0) throw new Error(`${first}: ${layers} pruned layers`);
  return alike / all;
}
