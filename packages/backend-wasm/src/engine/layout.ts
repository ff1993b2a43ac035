/**
 * Fixed places at the bottom of linear memory, in bytes. Behind them follow the areas of the threads, then the arena.
 *
 * Places marked *per thread* are relative to the thread's area (`threadArea` in the assembler): that of the first
 * thread starts at 0, so that for host code, which runs there, they are addresses.
 */
export const layout = {
  /** Per thread: slots of 16 bytes in which kernels keep broadcast scalars. */
  splats: 64,
  /** Per thread: one tile of `out` at the edges of a matrix product, and small results handed to the host. */
  scratch: 1024,
  /** Table of vector constants. */
  constants: 8192,
  /** Of every byte of 2:4-sparse codes, the bytes that its four positions pick; see `emit/sparse24-few.ts`. */
  sparse24Picks: 32768 - 4096,
  /** Words through which threads agree on a job; see `threads/job.js`. */
  control: 32768,
  /** Arguments of a job's tasks. */
  tasks: 36864,
  taskBytes: 65536 - 36864,
  /** Per thread: packed block of the left factor. */
  packedA: 65536,
  packedABytes: 512 << 10,
  /** Per thread: packed right factor of a product that one thread does alone. */
  ownPackedB: 65536 + (512 << 10),
  ownPackedBBytes: 512 << 10,
  /** Per thread: what kernels on rows keep between their passes. */
  rowWork: 65536 + (1 << 20),
  rowWorkBytes: 192 << 10,
  /** Bytes of one thread's area. */
  areaBytes: 65536 + (1 << 20) + (192 << 10),
  /** Packed block of the right factor, read by all threads. */
  packedB: 65536 + (1 << 20) + (192 << 10),
  packedBBytes: 5 << 20,
  /** Areas of the threads but the first. */
  areas: 65536 + (6 << 20) + (192 << 10),
  /** Kernels may read (never use) this much behind the last element of a buffer. */
  margin: 64,
} as const;

/** Start of the area of thread `index`. */
export const threadAreaAt = (index: number): number =>
  index === 0 ? 0 : layout.areas + (index - 1) * layout.areaBytes;

/** First byte of the arena. */
export const arenaStart = (threads: number): number => threadAreaAt(threads);

/** Bytes a wasm32 memory can hold beyond what kernels keep for themselves. */
export const maximumArenaBytes = (threads: number): number => 2 ** 32 - arenaStart(threads) - layout.margin;
