import { Text2LiveError } from '../../errors.js'
import type { FileDigest } from './objectStore.js'

/**
 * @param what the file or object, as people know it
 * @throws STORE_DAMAGED where the digests differ
 */
export function assertDigest(what: string, expected: FileDigest, found: FileDigest): void {
  if (found.sha256 === expected.sha256 && found.bytes === expected.bytes) return
  throw new Text2LiveError(
    'STORE_DAMAGED',
    `Expected ${expected.bytes} bytes with the SHA-256 ${expected.sha256} in "${what}", got ${found.bytes} bytes with ${found.sha256}. ` +
      'Remove it there and submit the list again: it is uploaded anew.',
  )
}
