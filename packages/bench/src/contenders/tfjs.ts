import type * as Core from "@tensorflow/tfjs-core";
import { type Contender, type Description, Unsupported } from "../contender.js";
import { requireWebgpu } from "../host.js";
import { shapeOfSizes } from "../works/block-shape.js";
import { rmsNormEpsilon } from "../works/elementwise.js";
import type { PeerOptions } from "./peer-options.js";
import { contender, operationsOf, type Prepare } from "./table.js";
import { tfjsDecoderBlock } from "./tfjs-decoder-block.js";

export type TfjsBackend = "cpu" | "wasm" | "webgl" | "webgpu";

/** Each registers itself under its name with the core when it is imported. */
const backendModules = {
  cpu: () => import("@tensorflow/tfjs-backend-cpu"),
  wasm: () => import("@tensorflow/tfjs-backend-wasm"),
  webgl: () => import("@tensorflow/tfjs-backend-webgl"),
  webgpu: () => import("@tensorflow/tfjs-backend-webgpu"),
};

/** TensorFlow.js on one of its backends. */
export async function tfjs(backend: TfjsBackend, options: PeerOptions = {}): Promise<Contender> {
  if (backend === "webgpu") requireWebgpu();
  const tf = await import("@tensorflow/tfjs-core");
  // Keeps its greeting under Node to itself.
  tf.env().set("PROD", true);
  const loaded = await backendModules[backend]();
  if ("setWasmPaths" in loaded) {
    if (options.tfjsWasmPath !== undefined) loaded.setWasmPaths(options.tfjsWasmPath);
    if (options.threads !== undefined) loaded.setThreadsCount(options.threads);
  }
  const started = await tf.setBackend(backend).catch(() => false);
  if (!started) throw new Unsupported(`its ${backend} backend does not start here`);

  const operation = operationsOf<Core.Tensor>({
    upload: ({ data, shape }) => tf.tensor(data, [...shape]),
    wait: (x) => {
      const first = tf.tidy(() => tf.slice(tf.reshape(x, [x.size]), 0, 1));
      return first.data().finally(() => first.dispose());
    },
    download: async (x) => ({ shape: x.shape, data: Float32Array.from(await x.data()) }),
    dispose: (x) => x.dispose(),
  });

  /** q·kᵀ, mask, softmax, ·v: it has no attention of its own. */
  const attention: Prepare = (inputs, sizes) => {
    const [, tokens, dim] = sizes as [number, number, number];
    const masked = tf.tidy(() => {
      const seen = tf.linalg.bandPart(tf.ones([tokens, tokens]) as Core.Tensor2D, -1, 0);
      return tf.mul(tf.sub(seen, 1), 1e9);
    });
    return operation((q, k, v) =>
      tf.tidy(() => {
        const scores = tf.mul(tf.matMul(q!, k!, false, true), 1 / Math.sqrt(dim));
        return tf.matMul(tf.softmax(tf.add(scores, masked)), v!);
      }),
    )(inputs, sizes);
  };

  const name = `@tensorflow/tfjs-backend-${backend}`;
  return contender(
    {
      ...{ name: `tfjs-${backend}`, package: name, version: options.versions?.[name] ?? tf.version_core },
      describe: () =>
        describe(tf, backend, "getThreadsCount" in loaded ? loaded.getThreadsCount() : undefined),
      activate: async () => void (await tf.setBackend(backend)),
      async dispose() {
        tf.removeBackend(backend);
      },
    },
    {
      gemm: operation((a, b) => tf.matMul(a!, b!)),
      linear: operation((x, weight) => tf.matMul(x!, weight!, false, true)),
      exp: operation((x) => tf.exp(x!)),
      log: operation((x) => tf.log(x!)),
      softmax: operation((x) => tf.softmax(x!)),
      add: operation((a, b) => tf.add(a!, b!)),
      rmsNorm: operation((x, gain) =>
        tf.tidy(() => {
          const meanSquare = tf.mean(tf.square(x!), -1, true);
          return tf.mul(tf.mul(x!, tf.rsqrt(tf.add(meanSquare, rmsNormEpsilon))), gain!);
        }),
      ),
      sum: operation((x) => tf.sum(x!)),
      rowMax: operation((x) => tf.max(x!, -1)),
      attention,
      qr: (inputs, sizes) => {
        if (backend.startsWith("webg"))
          throw new Unsupported("compiles shaders for every column: tens of seconds");
        return operation((a) => tf.linalg.qr(a!))(inputs, sizes);
      },
      decoderBlock: (inputs, sizes) =>
        operation(tfjsDecoderBlock(tf, shapeOfSizes(sizes), sizes[5]!))(inputs, sizes),
    },
  );
}

function describe(tf: typeof Core, backend: TfjsBackend, threads: number | undefined): Description {
  const { adapterInfo } = (tf.findBackend(backend) ?? {}) as {
    adapterInfo?: { vendor?: string; architecture?: string };
  };
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(adapterInfo?.vendor
      ? { adapter: `${adapterInfo.vendor} ${adapterInfo.architecture ?? ""}`.trim() }
      : {}),
  };
}
