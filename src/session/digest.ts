/** SHA-256 in hex; empty for no bytes. */
export async function digest(bytes: Uint8Array | null): Promise<string> {
  if (bytes === null) return ''
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
