import { bufferOf, type WebgpuBuffer } from "./device-buffer.js";
import type { Binding, Dispatch } from "./dispatch.js";
import type { Failures } from "./failures.js";
import { declareParams, paramBytes, writeParams } from "./params.js";
import { type Pipeline, Pipelines } from "./pipelines.js";
import type { Profiler } from "./profiler.js";
import { usage } from "./usage.js";

/** Most dispatches of one submission. */
export const batchDispatches = 128;
/** Operations after which a batch is submitted: a driver resets a device that computes for seconds without a pause. */
const batchWork = 2 ** 33;

/** Most bind groups kept for dispatches on the same buffers. */
const mostGroups = 4096;

/** Bindings by the buffer they share: the variables to declare, and which of them each binding uses. */
interface Variables {
  readonly names: Record<string, string>;
  readonly buffers: WebgpuBuffer[];
  readonly access: string;
  /** Which binding uses which variable, for the key. */
  readonly pattern: string;
}

/**
 * Encodes dispatches into one compute pass and submits them in batches. Parameters of a batch lie in one uniform buffer
 * that is written just before the batch is submitted: the queue runs both in order, so the next batch can use it again.
 */
export class Recorder {
  readonly pipelines: Pipelines;
  readonly #device: GPUDevice;
  readonly #failures: Failures;
  readonly #profiler: Profiler | undefined;
  readonly #onSubmit: () => void;
  readonly #words = new Uint32Array((batchDispatches * paramBytes) / 4);
  readonly #floats = new Float32Array(this.#words.buffer);
  readonly #ring: GPUBuffer;
  readonly #ringGroup: GPUBindGroup;
  readonly #groups = new Map<string, GPUBindGroup>();
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #dispatches = 0;
  #work = 0;
  #batch = 0;
  #ops = new Set<string>();

  constructor(device: GPUDevice, failures: Failures, profiler: Profiler | undefined, onSubmit: () => void) {
    this.#device = device;
    this.#failures = failures;
    this.#profiler = profiler;
    this.#onSubmit = onSubmit;
    this.pipelines = new Pipelines(device);
    this.#ring = device.createBuffer({
      label: "params",
      size: this.#words.byteLength,
      usage: usage.uniform | usage.copyTarget,
    });
    this.#ringGroup = device.createBindGroup({
      label: "params",
      layout: this.pipelines.paramsLayout,
      entries: [{ binding: 0, resource: { buffer: this.#ring, offset: 0, size: paramBytes } }],
    });
  }

  /** Whether commands wait for their submission. */
  get isRecording(): boolean {
    return this.#encoder !== undefined;
  }

  dispatch(dispatch: Dispatch): void {
    const { op, params, workgroups } = dispatch;
    if (workgroups[0] === 0 || workgroups[1] === 0 || workgroups[2] === 0) return;
    const encoder = this.#begin();
    this.#ops.add(op);
    const variables = shareVariables(dispatch.bindings);
    const pipeline = this.#pipeline(dispatch, variables);
    const group = this.#bindGroup(variables, pipeline.layout);
    variables.buffers.forEach((buffer, i) => {
      buffer.slab.batch = this.#batch;
      if (variables.access[i] === "w") buffer.lastOp = op;
    });
    writeParams(params, this.#words, this.#floats, (this.#dispatches * paramBytes) / 4);
    const pass = this.#beginPass(encoder, op);
    pass.setPipeline(pipeline.gpu);
    pass.setBindGroup(0, group);
    pass.setBindGroup(1, this.#ringGroup, [this.#dispatches * paramBytes]);
    pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    if (this.#profiler) pass.end();
    this.#dispatches++;
    this.#work += dispatch.work ?? 0;
    if (this.#dispatches === batchDispatches || this.#work >= batchWork) this.submit();
  }

  /** Enqueues a copy between buffers; offsets and sizes are multiples of 4. */
  copy(
    source: WebgpuBuffer,
    sourceOffset: number,
    target: WebgpuBuffer | GPUBuffer,
    targetOffset: number,
    byteLength: number,
  ): void {
    const encoder = this.#begin();
    this.#endPass();
    source.slab.batch = this.#batch;
    let gpu = target as GPUBuffer;
    if ("slab" in target) {
      target.slab.batch = this.#batch;
      target.lastOp = "copy";
      gpu = target.slab.gpu;
    }
    encoder.copyBufferToBuffer(source.slab.gpu, sourceOffset, gpu, targetOffset, byteLength);
  }

  /** Writes at once, after what is enqueued; offset and size are multiples of 4. */
  write(buffer: WebgpuBuffer, byteOffset: number, bytes: Uint8Array): void {
    if (buffer.slab.batch === this.#batch) this.submit();
    this.#device.queue.writeBuffer(buffer.slab.gpu, byteOffset, bytes as Uint8Array<ArrayBuffer>);
    buffer.lastOp = "write";
  }

  submit(): void {
    const encoder = this.#encoder;
    if (!encoder) return;
    this.#endPass();
    const { queue } = this.#device;
    const submitted = this.#profiler?.resolve(encoder);
    if (this.#dispatches > 0) {
      queue.writeBuffer(this.#ring, 0, this.#words, 0, (this.#dispatches * paramBytes) / 4);
    }
    queue.submit([encoder.finish()]);
    const ops = this.#ops;
    this.#failures.shut(() => (ops.size > 0 ? [...ops].join(", ") : "a copy"));
    submitted?.();
    this.#encoder = undefined;
    this.#dispatches = 0;
    this.#work = 0;
    this.#batch++;
    this.#ops = new Set();
    this.#onSubmit();
  }

  destroy(): void {
    this.#ring.destroy();
  }

  #begin(): GPUCommandEncoder {
    if (this.#encoder) return this.#encoder;
    this.#failures.open();
    this.#encoder = this.#device.createCommandEncoder();
    return this.#encoder;
  }

  /** Buffers return from the pool again and again, in the same places; making a group for each dispatch costs most of it. */
  #bindGroup({ buffers, access }: Variables, layout: GPUBindGroupLayout): GPUBindGroup {
    let key = access;
    for (const { slab } of buffers) key += ` ${slab.id}`;
    let group = this.#groups.get(key);
    if (!group) {
      group = this.#device.createBindGroup({
        label: "operands",
        layout,
        entries: buffers.map(({ slab }, binding) => ({ binding, resource: { buffer: slab.gpu } })),
      });
      if (this.#groups.size >= mostGroups) this.#groups.clear();
      this.#groups.set(key, group);
    }
    return group;
  }

  #beginPass(encoder: GPUCommandEncoder, op: string): GPUComputePassEncoder {
    if (this.#profiler) return encoder.beginComputePass(this.#profiler.pass(op));
    this.#pass ??= encoder.beginComputePass();
    return this.#pass;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  #pipeline({ op, key, code, enable, bindings, params }: Dispatch, variables: Variables): Pipeline {
    const { names, access, pattern } = variables;
    const fullKey = `${key}|${pattern}`;
    const known = this.pipelines.get(fullKey);
    if (known) return known;
    const head = enable ? `enable ${enable};\n` : "";
    const source = head + declareVariables(bindings, variables) + declareParams(params) + code(names);
    return this.pipelines.create(fullKey, op, access, source);
  }
}

function shareVariables(bindings: Readonly<Record<string, Binding>>): Variables {
  const names: Record<string, string> = {};
  const buffers: WebgpuBuffer[] = [];
  const variables: string[] = [];
  const writable: boolean[] = [];
  let pattern = "";
  for (const name in bindings) {
    const { buffer, access } = bindings[name]!;
    let index = buffers.indexOf(bufferOf(buffer));
    if (index < 0) {
      index = buffers.push(bufferOf(buffer)) - 1;
      variables.push(name);
      writable.push(false);
    }
    names[name] = variables[index]!;
    if (access === "read_write") writable[index] = true;
    pattern += index;
  }
  const access = writable.map((one) => (one ? "w" : "r")).join("");
  return { names, buffers, access, pattern: pattern + access };
}

function declareVariables(bindings: Readonly<Record<string, Binding>>, { names, access }: Variables): string {
  const types = new Map<string, string>();
  for (const [name, { type = "array<u32>" }] of Object.entries(bindings)) {
    const variable = names[name]!;
    const other = types.get(variable);
    if (other !== undefined && other !== type) {
      throw new TypeError(`${name} and ${variable} are windows onto one buffer, as ${type} and ${other}`);
    }
    types.set(variable, type);
  }
  return [...types]
    .map(([name, type], i) => {
      const mode = access[i] === "w" ? "read_write" : "read";
      return `@group(0) @binding(${i}) var<storage, ${mode}> ${name}: ${type};\n`;
    })
    .join("");
}
