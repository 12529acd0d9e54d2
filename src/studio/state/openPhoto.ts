import { digest } from '../../session/digest.js'

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

/**
 * What tells a file from others: its SHA-256; where a page is served without encryption from another machine, which has
 * none, its name and size.
 */
export const identityOf = async (name: string, bytes: Uint8Array): Promise<string> =>
  isSecureContext ? await digest(bytes) : `${bytes.length} ${name}`
