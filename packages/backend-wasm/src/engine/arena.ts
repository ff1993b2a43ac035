import { OutOfMemoryError } from "@denoise-rotator/core";

/** A piece of linear memory; also what core holds as a buffer. */
export interface Block {
  readonly address: number;
  readonly size: number;
  readonly free: boolean;
}

interface Node extends Block {
  address: number;
  size: number;
  free: boolean;
  /** Neighbours by address. */
  before: Node | undefined;
  after: Node | undefined;
  /** Neighbours in the list of free blocks of one size class. */
  previous: Node | undefined;
  next: Node | undefined;
}

export interface ArenaOptions {
  /** First byte the arena owns. */
  readonly start: number;
  /** Bytes present from the start. */
  readonly size: number;
  /** Most bytes the arena may ever span. */
  readonly limit: number;
  /** Makes the arena span at least `size` bytes; returns the new span, or `undefined` if it cannot grow. */
  readonly grow: (size: number) => number | undefined;
}

const alignment = 64;
const classesPerOctave = 4;

/**
 * Size class of a block: four to an octave. A class holds sizes from its own bound up to the next, so every block of a
 * higher class than the one wanted is large enough.
 */
function sizeClass(size: number): number {
  if (size < alignment) return 0;
  // Below 2^28, so that integer operations do.
  const units = size / (alignment / classesPerOctave);
  const octave = 29 - Math.clz32(units);
  return octave * classesPerOctave + ((units >>> octave) & (classesPerOctave - 1));
}

/**
 * Allocator over one growing range: segregated free lists, best fit within a class, neighbours coalesced at once.
 * Blocks are aligned to 64 bytes.
 */
export class Arena {
  readonly #options: ArenaOptions;
  readonly #lists: (Node | undefined)[] = [];
  #last: Node;
  #span: number;
  #allocated = 0;
  #peak = 0;

  constructor(options: ArenaOptions) {
    this.#options = options;
    this.#span = options.size;
    this.#last = makeNode(options.start, options.size, undefined);
    if (options.size > 0) this.#insert(this.#last);
  }

  /** Most bytes it may ever span. */
  get limit(): number {
    return this.#options.limit;
  }

  /** Bytes in use, rounded up to the alignment. */
  get allocated(): number {
    return this.#allocated;
  }

  /** Largest `allocated` since `resetPeak`. */
  get peak(): number {
    return this.#peak;
  }

  resetPeak(): void {
    this.#peak = this.#allocated;
  }

  /** A block of at least `byteLength` bytes. Throws {@link OutOfMemoryError}. */
  allocate(byteLength: number): Block {
    const size = Math.max(alignment, Math.ceil(byteLength / alignment) * alignment);
    let node = this.#find(size);
    if (!node) {
      this.#extend(size, byteLength);
      node = this.#find(size);
    }
    if (!node) throw this.#exhausted(byteLength);
    this.#remove(node);
    if (node.size > size) this.#split(node, size);
    node.free = false;
    this.#allocated += node.size;
    this.#peak = Math.max(this.#peak, this.#allocated);
    return node;
  }

  /** Gives a block back; a block can be freed once. */
  free(block: Block): void {
    let node = block as Node;
    if (node.free) throw new RangeError(`the block at ${node.address} is already free`);
    this.#allocated -= node.size;
    node.free = true;
    const { before, after } = node;
    if (after?.free) {
      this.#remove(after);
      this.#merge(node, after);
    }
    if (before?.free) {
      this.#remove(before);
      this.#merge(before, node);
      node = before;
    }
    this.#insert(node);
  }

  /** Whether {@link compact} would help: so many bytes are free but not in one piece, or there is no room to grow behind. */
  isScattered(byteLength: number): boolean {
    const size = Math.max(alignment, Math.ceil(byteLength / alignment) * alignment);
    if (this.#find(size)) return false;
    const tail = this.#last.free ? this.#last.size : 0;
    return this.#span - this.#allocated >= size || this.#span + size - tail > this.#options.limit;
  }

  /**
   * Moves what is allocated to the start, so that what is free is one piece. Addresses of blocks change: nobody may hold one
   * across a call. `move` copies bytes to a lower address, ranges may overlap.
   */
  compact(move: (to: number, from: number, size: number) => void): void {
    const live: Node[] = [];
    for (let node: Node | undefined = this.#last; node; node = node.before) if (!node.free) live.push(node);
    let end = this.#options.start;
    let before: Node | undefined;
    for (const node of live.reverse()) {
      if (node.address !== end) move(end, node.address, node.size);
      node.address = end;
      node.before = before;
      if (before) before.after = node;
      end += node.size;
      before = node;
    }
    const rest = makeNode(end, this.#options.start + this.#span - end, before);
    if (before) before.after = rest;
    this.#last = rest;
    this.#lists.length = 0;
    if (rest.size > 0) this.#insert(rest);
  }

  #find(size: number): Node | undefined {
    const own = sizeClass(size);
    let best: Node | undefined;
    for (let node = this.#lists[own]; node; node = node.next) {
      if (node.size >= size && (!best || node.size < best.size)) best = node;
      if (best?.size === size) return best;
    }
    for (let index = own + 1; !best && index < this.#lists.length; index++) best = this.#lists[index];
    return best;
  }

  #extend(size: number, asked: number): void {
    const tail = this.#last.free ? this.#last.size : 0;
    const wanted = this.#span + size - tail;
    if (wanted > this.#options.limit) throw this.#exhausted(asked);
    const span = this.#options.grow(wanted);
    if (span === undefined) throw this.#exhausted(asked);
    const grown = Math.min(span, this.#options.limit) - this.#span;
    if (this.#last.free) {
      if (this.#last.size > 0) this.#remove(this.#last);
      this.#last.size += grown;
    } else {
      const node = makeNode(this.#options.start + this.#span, grown, this.#last);
      this.#last.after = node;
      this.#last = node;
    }
    this.#span += grown;
    this.#insert(this.#last);
  }

  #split(node: Node, size: number): void {
    const rest = makeNode(node.address + size, node.size - size, node);
    rest.after = node.after;
    if (node.after) node.after.before = rest;
    else this.#last = rest;
    node.after = rest;
    node.size = size;
    this.#insert(rest);
  }

  /** `second` follows `first` and becomes part of it. */
  #merge(first: Node, second: Node): void {
    first.size += second.size;
    first.after = second.after;
    if (second.after) second.after.before = first;
    else this.#last = first;
  }

  #insert(node: Node): void {
    const index = sizeClass(node.size);
    while (this.#lists.length <= index) this.#lists.push(undefined);
    const head = this.#lists[index];
    node.previous = undefined;
    node.next = head;
    if (head) head.previous = node;
    this.#lists[index] = node;
  }

  #remove(node: Node): void {
    if (node.previous) node.previous.next = node.next;
    else this.#lists[sizeClass(node.size)] = node.next;
    if (node.next) node.next.previous = node.previous;
    node.previous = undefined;
    node.next = undefined;
  }

  #exhausted(asked: number): OutOfMemoryError {
    return new OutOfMemoryError(
      `wasm backend: ${asked} bytes asked for, ${this.#allocated} allocated, limit ${this.#options.limit}; ` +
        "dispose tensors earlier, work on smaller blocks, or raise maxMemoryBytes (wasm32 ends at 4 GiB)",
    );
  }
}

function makeNode(address: number, size: number, before: Node | undefined): Node {
  return { address, size, free: true, before, after: undefined, previous: undefined, next: undefined };
}
