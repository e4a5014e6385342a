/**
 * The encoding of D-Bus: alignment, lengths, signatures. Pure. See "Marshaling"
 * in the D-Bus Specification.
 *
 * @module
 */

/** Writes values one after another, little-endian. */
export class Writer {
  #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  /** All bytes, followed by those of another writer. */
  bytes(after: Writer): Uint8Array {
    return new Uint8Array([...this.#bytes, ...after.#bytes]);
  }

  align(size: number): void {
    while (this.#bytes.length % size) this.#bytes.push(0);
  }

  byte(value: number): void {
    this.#bytes.push(value);
  }

  uint32(value: number): void {
    this.align(4);
    this.#word(value);
  }

  /** A signed or unsigned integer of 64 bits. */
  uint64(value: bigint): void {
    this.align(8);
    const bits = BigInt.asUintN(64, value);
    this.#word(Number(bits & 0xffff_ffffn));
    this.#word(Number(bits >> 32n));
  }

  #word(value: number): void {
    this.#bytes.push(
      value & 255,
      value >>> 8 & 255,
      value >>> 16 & 255,
      value >>> 24,
    );
  }

  /** A string or an object path. */
  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.uint32(bytes.length);
    this.#bytes.push(...bytes, 0);
  }

  signature(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#bytes.push(bytes.length, ...bytes, 0);
  }

  /** An array; its length is filled in after its elements are written. */
  array(alignment: number, write: () => void): void {
    this.align(4);
    const at = this.#bytes.length;
    this.#word(0);
    this.align(alignment);
    const start = this.#bytes.length;
    write();
    const length = this.#bytes.length - start;
    for (let index = 0; index < 4; index++) {
      this.#bytes[at + index] = length >>> (8 * index) & 255;
    }
  }
}

/** Reads values one after another. */
export class Reader {
  at = 0;
  readonly #view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly little: boolean,
  ) {
    this.#view = new DataView(
      bytes.buffer,
      bytes.byteOffset,
      bytes.byteLength,
    );
  }

  align(size: number): void {
    this.at = Math.ceil(this.at / size) * size;
  }

  byteAt(index: number): number {
    return this.#view.getUint8(index);
  }

  byte(): number {
    return this.#view.getUint8(this.at++);
  }

  uint32(): number {
    this.align(4);
    const value = this.#view.getUint32(this.at, this.little);
    this.at += 4;
    return value;
  }

  signature(): string {
    return this.#text(this.byte());
  }

  #text(length: number): string {
    const text = new TextDecoder().decode(
      this.bytes.subarray(this.at, this.at + length),
    );
    this.at += length + 1;
    return text;
  }

  /** Reads a value of one of the types that we receive. */
  value(type: string): string | number {
    switch (type) {
      case "s":
      case "o":
        return this.#text(this.uint32());
      case "g":
        return this.signature();
      case "u":
        return this.uint32();
    }
    throw new RangeError(`Cannot read a D-Bus value of type ${type}`);
  }
}
