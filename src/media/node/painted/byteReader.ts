/** Reads big-endian numbers from bytes one after the other. What lies outside is a RangeError. */
export class ByteReader {
  readonly #view: DataView

  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
    readonly end = bytes.length,
  ) {
    if (!(at >= 0 && at <= end && end <= bytes.length)) throw new RangeError('a part of it lies outside the file')
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, end)
  }

  get left(): number {
    return this.end - this.at
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1))
  }
  u16(): number {
    return this.#view.getUint16(this.#step(2))
  }
  i16(): number {
    return this.#view.getInt16(this.#step(2))
  }
  u32(): number {
    return this.#view.getUint32(this.#step(4))
  }
  i32(): number {
    return this.#view.getInt32(this.#step(4))
  }
  f64(): number {
    return this.#view.getFloat64(this.#step(8))
  }

  /** A length of 32 or 64 bits. */
  length(wide: boolean): number {
    return wide ? Number(this.#view.getBigUint64(this.#step(8))) : this.u32()
  }

  ascii(length: number): string {
    return String.fromCharCode(...this.take(length))
  }

  take(length: number): Uint8Array {
    const start = this.#step(length)
    return this.bytes.subarray(start, start + length)
  }

  /** A reader of the next `length` bytes, which are passed over here. */
  section(length: number): ByteReader {
    const start = this.#step(length)
    return new ByteReader(this.bytes, start, start + length)
  }

  skip(length: number): void {
    this.#step(length)
  }

  #step(length: number): number {
    if (!(length >= 0 && length <= this.left))
      throw new RangeError(`${length} bytes were expected at ${this.at}, and ${this.left} are left`)
    this.at += length
    return this.at - length
  }
}
