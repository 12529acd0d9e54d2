/** The photo that is being edited. */
export interface OpenPhoto {
  readonly name: string
  readonly bytes: Uint8Array
  /** px, upright */
  readonly width: number
  readonly height: number
  /** SHA-256 of the file, hexadecimal. */
  readonly hash: string
}
