/**
 * Fixed places at the bottom of linear memory, in bytes. Everything from `arena` on belongs to the allocator.
 */
export const layout = {
  /** Slots of 16 bytes in which kernels keep broadcast scalars. */
  splats: 64,
  /** One tile of `out` at the edges of a matrix product, and small results handed to the host. */
  scratch: 1024,
  /** Table of vector constants. */
  constants: 8192,
  /** Packed block of the left factor: at most `packedABytes`. */
  packedA: 65536,
  packedABytes: 1 << 20,
  /** Packed block of the right factor. */
  packedB: 65536 + (1 << 20),
  packedBBytes: 5 << 20,
  arena: 65536 + (6 << 20),
  /** Kernels may read (never use) this much behind the last element of a buffer. */
  margin: 64,
} as const;
