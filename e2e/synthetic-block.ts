import { type DecoderBlock, type HeadLayout, Site, siteRoles, siteShapes } from "@denoise-rotator/contracts";
import { type Backend, type DType, gram, Random, type Tensor, tidy } from "@denoise-rotator/core";

export interface BlockShape {
  readonly hidden: number;
  readonly heads: HeadLayout;
  readonly intermediate: number;
}

const groups = [["qProj", "kProj", "vProj"], ["oProj"], ["gateProj", "upProj"], ["downProj"]] as const;

/** Random weights with statistics of correlated random inputs: all that learning a rotation reads. It cannot run forward. */
export async function syntheticBlock(
  shape: BlockShape,
  backend: Backend,
  dtype: DType,
): Promise<DecoderBlock> {
  const { hidden, heads, intermediate } = shape;
  const sizes = siteShapes({ hiddenSize: hidden, heads, intermediate });
  const random = new Random(1);
  // Drawn alike wherever the block shall live.
  const place = async (make: () => Tensor) => {
    using drawn = tidy(make);
    using cast = drawn.cast(dtype);
    return cast.to(backend);
  };
  const sites: Site[] = [];
  for (const role of siteRoles) {
    const weight = await place(() => random.normal(sizes[role], { deviation: sizes[role][1] ** -0.5 }));
    sites.push(new Site({ name: `synthetic.${role}`, role, weight }));
  }
  for (const roles of groups) {
    const inputs = sizes[roles[0]][1];
    const H = await place(() => {
      const energy = random.normal([inputs]).exp();
      return gram(
        random
          .normal([2 * inputs, inputs])
          .matmul(random.normal([inputs, inputs]))
          .mul(energy),
      );
    });
    for (const role of roles) {
      sites.find((site) => site.role === role)!.setStatistics({ gram: H, tokens: 2 * inputs });
    }
  }
  const missing = async (): Promise<never> => {
    throw new Error("a synthetic block does not run");
  };
  return {
    ...{ name: "synthetic", index: 0, hiddenSize: hidden, heads, sites, groups, residualBasis: undefined },
    setResidualBasis: () => {},
    foldNorms: async () => {},
    capture: missing,
    sampleOutputs: missing,
  };
}
